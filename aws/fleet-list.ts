/**
 * Every fleet of a stage, by the items that the control loop made, for a person at a command line: functions know their
 * fleets from the deployment. Invariant: complete, or an error.
 */
import { ScanCommand } from '@aws-sdk/lib-dynamodb';
import type { FleetItem } from '../core/fleet-state.ts';
import type { AwsClients } from './clients.ts';
import { awsCall } from './error-codes.ts';

/** A stage has some fleets; more pages than this are somebody else's table. */
const pagesMax = 20;

/** @returns in order of their names. */
export async function listFleets(clients: AwsClients, table: string): Promise<FleetItem[]> {
  const items: FleetItem[] = [];
  let from: Record<string, unknown> | undefined;
  for (let page = 0; page < pagesMax; page += 1) {
    const answer = await awsCall(`list the fleets of ${table}`, () =>
      clients.documents.send(
        new ScanCommand({ TableName: table, ...(from === undefined ? {} : { ExclusiveStartKey: from }) }),
      ),
    );
    items.push(...((answer.Items ?? []) as FleetItem[]));
    from = answer.LastEvaluatedKey;
    if (from === undefined) break;
  }
  return items.sort((a, b) => (a.fleet < b.fleet ? -1 : 1));
}
