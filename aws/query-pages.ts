/**
 * Reads all items under one partition key, or a range of its sort key, page after page. Invariant: the answer is strongly consistent and complete,
 * or an error; a fleet that was half read must never look like a smaller fleet.
 */
import { QueryCommand } from '@aws-sdk/lib-dynamodb';
import type { AwsClients } from './clients.ts';
import { awsCall } from './error-codes.ts';

/** 1 MB a page; a fleet's 2,000 cameras of a few KB each are below ten. */
const pagesMax = 200;

export async function queryAll(
  clients: AwsClients,
  table: string,
  key: { name: string; value: string },
  what: string,
  range?: { name: string; from: string; to: string },
): Promise<Record<string, unknown>[]> {
  const items: Record<string, unknown>[] = [];
  let from: Record<string, unknown> | undefined;
  for (let page = 0; page < pagesMax; page += 1) {
    const answer = await awsCall(what, () =>
      clients.documents.send(
        new QueryCommand({
          TableName: table,
          KeyConditionExpression: `#key = :value${range === undefined ? '' : ' AND #range BETWEEN :from AND :to'}`,
          ExpressionAttributeNames: { '#key': key.name, ...(range === undefined ? {} : { '#range': range.name }) },
          ExpressionAttributeValues: {
            ':value': key.value,
            ...(range === undefined ? {} : { ':from': range.from, ':to': range.to }),
          },
          ConsistentRead: true,
          ...(from === undefined ? {} : { ExclusiveStartKey: from }),
        }),
      ),
    );
    items.push(...(answer.Items ?? []));
    from = answer.LastEvaluatedKey;
    if (from === undefined) break;
  }
  return items;
}
