/**
 * The stages of an account and region, by the registries that are there, for whoever has mistyped one.
 * Invariant: only names are read.
 */
import { ListTablesCommand } from '@aws-sdk/client-dynamodb';
import type { AwsClients } from './clients.ts';
import { awsCall } from './error-codes.ts';

/** 100 tables a page; an account has some hundreds. */
const pagesMax = 30;

export async function listStages(clients: AwsClients): Promise<string[]> {
  const stages: string[] = [];
  let from: string | undefined;
  for (let page = 0; page < pagesMax; page += 1) {
    const answer = await awsCall('list the tables', () =>
      clients.dynamo.send(new ListTablesCommand(from === undefined ? {} : { ExclusiveStartTableName: from })),
    );
    for (const name of answer.TableNames ?? []) {
      const [, stage] = name.match(/^kvs-infer-(.+)-cameras$/) ?? [];
      if (stage !== undefined) stages.push(stage);
    }
    from = answer.LastEvaluatedTableName;
    if (from === undefined) break;
  }
  return stages.sort();
}
