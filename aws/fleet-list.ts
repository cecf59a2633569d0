/**
 * Every fleet of a stage, by the items that the control loop made, for a person at a command line: functions know their
 * fleets from the deployment. Invariant: complete, or an error.
 */
import { ScanCommand } from '@aws-sdk/lib-dynamodb';
import type { FleetItem } from '../core/fleet-state.ts';
import type { AwsClients } from './clients.ts';
import { awsCall } from './error-codes.ts';
import { isReadable } from './schema-versions.ts';

/** A stage has some fleets; more pages than this are somebody else's table. */
const pagesMax = 20;

/** @returns in order of their names; of an item of a later version no more than the name. */
export async function listFleets(clients: AwsClients, table: string): Promise<FleetItem[]> {
  const items: FleetItem[] = [];
  let from: Record<string, unknown> | undefined;
  for (let page = 0; page < pagesMax; page += 1) {
    const answer = await awsCall(`list the fleets of ${table}`, () =>
      clients.documents.send(
        new ScanCommand({ TableName: table, ...(from === undefined ? {} : { ExclusiveStartKey: from }) }),
      ),
    );
    for (const item of (answer.Items ?? []) as FleetItem[])
      items.push(isReadable(item) ? item : { fleet: item.fleet, schemaVersion: 1 });
    from = answer.LastEvaluatedKey;
    if (from === undefined) break;
  }
  return items.sort((a, b) => (a.fleet < b.fleet ? -1 : 1));
}
