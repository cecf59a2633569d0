/**
 * The `decisions` table: every plan that changed something, with its reason. Invariant: a stored decision is never
 * overwritten; two in the same millisecond get neighbouring times.
 */
import { PutCommand, QueryCommand } from '@aws-sdk/lib-dynamodb';
import type { Decision } from '../core/control/record.ts';
import type { AwsClients } from './clients.ts';
import { awsCall, isConditionFailed } from './error-codes.ts';
import { isReadable } from './schema-versions.ts';

const neighboursMax = 20;

/** @returns the decision as stored. */
export async function saveDecision(clients: AwsClients, table: string, decision: Decision): Promise<Decision> {
  const atMs = Date.parse(decision.at);
  for (let shiftMs = 0; shiftMs < neighboursMax; shiftMs += 1) {
    const stored = { ...decision, at: new Date(atMs + shiftMs).toISOString() };
    try {
      await awsCall(`save the decision of fleet ${decision.fleet}`, () =>
        clients.documents.send(
          new PutCommand({
            TableName: table,
            Item: stored,
            ConditionExpression: 'attribute_not_exists(fleet)',
          }),
        ),
      );
      return stored;
    } catch (error) {
      if (!isConditionFailed(error)) throw error;
    }
  }
  return decision;
}

/** Newest first. */
export async function readDecisions(
  clients: AwsClients,
  table: string,
  fleet: string,
  options: { limit: number; beforeMs?: number },
): Promise<Decision[]> {
  const before = options.beforeMs === undefined ? null : new Date(options.beforeMs).toISOString();
  const answer = await awsCall(`read the decisions of fleet ${fleet}`, () =>
    clients.documents.send(
      new QueryCommand({
        TableName: table,
        KeyConditionExpression: before === null ? 'fleet = :fleet' : 'fleet = :fleet AND #at <= :before',
        ...(before === null ? {} : { ExpressionAttributeNames: { '#at': 'at' } }),
        ExpressionAttributeValues: { ':fleet': fleet, ...(before === null ? {} : { ':before': before }) },
        ScanIndexForward: false,
        Limit: options.limit,
      }),
    ),
  );
  return (answer.Items ?? []).filter(isReadable) as Decision[];
}

/** Oldest first, of those after `fromMs`; `isCut`: there are later ones. */
export async function readDecisionsSince(
  clients: AwsClients,
  table: string,
  fleet: string,
  { fromMs, limit }: { fromMs: number; limit: number },
): Promise<{ decisions: Decision[]; isCut: boolean }> {
  const answer = await awsCall(`read the decisions of fleet ${fleet}`, () =>
    clients.documents.send(
      new QueryCommand({
        TableName: table,
        KeyConditionExpression: 'fleet = :fleet AND #at > :from',
        ExpressionAttributeNames: { '#at': 'at' },
        ExpressionAttributeValues: { ':fleet': fleet, ':from': new Date(fromMs).toISOString() },
        Limit: limit,
      }),
    ),
  );
  const decisions = (answer.Items ?? []).filter(isReadable) as Decision[];
  return { decisions, isCut: answer.LastEvaluatedKey !== undefined };
}

/** An hour of a fleet in which everything happens has some MB of decisions. */
const tracedPagesMax = 20;

/** Of `[fromMs, toMs]`, those of one trace and those that answered it beside another, oldest first. */
export async function readTracedDecisions(
  clients: AwsClients,
  table: string,
  fleet: string,
  { traceId, fromMs, toMs }: { traceId: string; fromMs: number; toMs: number },
): Promise<Decision[]> {
  const decisions: Decision[] = [];
  let from: Record<string, unknown> | undefined;
  for (let page = 0; page < tracedPagesMax; page += 1) {
    const answer = await awsCall(`read the decisions of fleet ${fleet}`, () =>
      clients.documents.send(
        new QueryCommand({
          TableName: table,
          KeyConditionExpression: 'fleet = :fleet AND #at BETWEEN :from AND :to',
          FilterExpression: 'traceId = :trace OR contains(traceLinks, :trace)',
          ExpressionAttributeNames: { '#at': 'at' },
          ExpressionAttributeValues: {
            ...{ ':fleet': fleet, ':trace': traceId },
            ...{ ':from': new Date(fromMs).toISOString(), ':to': new Date(toMs).toISOString() },
          },
          ...(from === undefined ? {} : { ExclusiveStartKey: from }),
        }),
      ),
    );
    decisions.push(...((answer.Items ?? []).filter(isReadable) as Decision[]));
    from = answer.LastEvaluatedKey;
    if (from === undefined) break;
  }
  return decisions;
}

/** A page of the table is 1 MB; a busy day of a large fleet has several, because a projection is read in full. */
const sizePagesMax = 20;

export type StoredSize = Pick<Decision, 'at' | 'inputs' | 'desired' | 'reason'>;

/**
 * What the fleet's size was and what it should have been, oldest first: the newest `limit` decisions since `fromMs`.
 * `isWhole` false: there are older ones within the span.
 */
export async function readSizes(
  clients: AwsClients,
  table: string,
  fleet: string,
  { fromMs, limit }: { fromMs: number; limit: number },
): Promise<{ sizes: StoredSize[]; isWhole: boolean }> {
  const sizes: StoredSize[] = [];
  let from: Record<string, unknown> | undefined;
  for (let page = 0; page < sizePagesMax && sizes.length < limit; page += 1) {
    const answer = await awsCall(`read the sizes of fleet ${fleet}`, () =>
      clients.documents.send(
        new QueryCommand({
          TableName: table,
          KeyConditionExpression: 'fleet = :fleet AND #at >= :from',
          ProjectionExpression: '#at, schemaVersion, inputs, desired, reason',
          ExpressionAttributeNames: { '#at': 'at' },
          ExpressionAttributeValues: { ':fleet': fleet, ':from': new Date(fromMs).toISOString() },
          ScanIndexForward: false,
          Limit: limit - sizes.length,
          ...(from === undefined ? {} : { ExclusiveStartKey: from }),
        }),
      ),
    );
    for (const { schemaVersion, ...size } of answer.Items ?? [])
      if (isReadable({ schemaVersion })) sizes.push(size as StoredSize);
    from = answer.LastEvaluatedKey;
    if (from === undefined) return { sizes: sizes.reverse(), isWhole: true };
  }
  return { sizes: sizes.reverse(), isWhole: false };
}
