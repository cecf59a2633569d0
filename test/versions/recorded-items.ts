/**
 * Items as control and workers write them, taken from a running system: a fleet whose Spot instance is about to go, once
 * while the next worker stands by and once after the camera has moved. `version-1.json` was recorded by the first code
 * that had versions and is never recorded again; each later code is run the same way and must still write what that one reads.
 * Invariant: in DynamoDB's own notation, so that what is packed stays packed.
 */
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { ScanCommand } from '@aws-sdk/client-dynamodb';
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { vi } from 'vitest';
import { cameraRow } from '../flow/camera-that-sends.ts';
import { startSteppedSystem } from '../flow/stepped-system.ts';

export const tables = ['cameraStates', 'workers', 'fleets', 'decisions', 'ledger'] as const;
export type RecordedTable = (typeof tables)[number];
/** A binary value is `{ "B": base64 }`. */
export type RecordedItem = Record<string, unknown>;
export type Recorded = {
  recordedAtMs: number;
  tables: Record<RecordedTable, RecordedItem[]>;
  events: { type: string; detail: Record<string, unknown> }[];
};

const minuteMs = 60_000;
const recordedDecisionsMax = 2;

export async function recordItems(): Promise<{ standingBy: Recorded; moved: Recorded }> {
  const sent = vi.spyOn(EventBridgeClient.prototype, 'send');
  const system = await startSteppedSystem({ ...{ start: '2026-11-24T09:00:20Z', inferencesPerSecond: 3 } });
  try {
    const record = async (): Promise<Recorded> => ({
      recordedAtMs: system.clock.nowMs(),
      tables: {
        cameraStates: await scan('cameraStates'),
        workers: await scan('workers'),
        fleets: await scan('fleets'),
        decisions: (await scan('decisions')).slice(-recordedDecisionsMax),
        ledger: await scan('ledger'),
      },
      events: sent.mock.calls.flatMap(([command]) =>
        command instanceof PutEventsCommand
          ? (command.input.Entries ?? []).map(({ DetailType = '', Detail = '' }) => ({
              ...{ type: DetailType, detail: JSON.parse(Detail) },
            }))
          : [],
      ),
    });
    const scan = async (table: RecordedTable): Promise<RecordedItem[]> => {
      const { Items = [] } = await system.clients.dynamo.send(
        new ScanCommand({ TableName: system.names.tables[table], ConsistentRead: true }),
      );
      return JSON.parse(JSON.stringify(Items, (_, value) => (value?.B === undefined ? value : base64(value))));
    };

    await system.createStream('dock-1');
    system.send('dock-1');
    await system.putRow(
      cameraRow('dock-1', {
        schedule: { timeZone: 'Asia/Singapore', windows: [{ start: '08:00', end: '24:00' }] },
        regions: [
          {
            name: 'gate',
            polygon: [
              [0, 0],
              [1, 0],
              [1, 1],
            ],
            dwellMs: 5_000,
          },
        ],
      }),
    );
    const state = () => system.camera('dock-1');
    await system.passUntilSo('it runs', async () => (await state()).phase === 'running', 15 * minuteMs, 5_000);
    await system.pass(6 * minuteMs);
    const { ownerWorkerId } = await state();
    const owner = (await system.workers()).find(({ workerId }) => workerId === ownerWorkerId);
    system.cloud.compute.recommendRebalance(owner?.instanceId ?? '');
    const isReady = async () =>
      (await system.workers()).some(({ standingBy = {} }) => standingBy['dock-1'] !== undefined);
    await system.passUntilSo('the next worker stands by', isReady, 10 * minuteMs, 200);
    const standingBy = await record();
    await system.passUntilSo('it has moved', async () => (await state()).epoch === 2, 10 * minuteMs, 1_000);
    await system.pass(20_000);
    return { standingBy, moved: await record() };
  } finally {
    await system.close();
    sent.mockRestore();
  }
}

/** As the SDK takes it. */
export function attributes(item: RecordedItem): Record<string, AttributeValue> {
  return JSON.parse(JSON.stringify(item), (_, value) =>
    typeof value?.B === 'string' ? { B: new Uint8Array(Buffer.from(value.B, 'base64')) } : value,
  );
}

/** As code sees it. */
export function plainItem(item: RecordedItem): Record<string, unknown> {
  return Object.fromEntries(Object.entries(attributes(item)).map(([name, value]) => [name, plain(value)]));
}

function plain(value: AttributeValue): unknown {
  if (value.M !== undefined)
    return Object.fromEntries(Object.entries(value.M).map(([name, inner]) => [name, plain(inner)]));
  if (value.L !== undefined) return value.L.map(plain);
  if (value.N !== undefined) return Number(value.N);
  if (value.NULL !== undefined) return null;
  return value.S ?? value.BOOL ?? value.B;
}

function base64({ B }: AttributeValue): { B: string } {
  return { B: Buffer.from(B ?? []).toString('base64') };
}
