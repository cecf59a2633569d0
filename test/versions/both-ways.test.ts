/**
 * Old and new code read each other's items. New code reads what the first release with versions wrote
 * (`version-1.json`, recorded from it), and that release reads what today's code writes (frozen-readings.ts).
 */
import { readFileSync } from 'node:fs';
import { GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { writeCameraChange } from '../../aws/camera-changes.ts';
import { readCameraStates, saveVerdict } from '../../aws/camera-states.ts';
import { type AwsClients, awsClients } from '../../aws/clients.ts';
import { readDecisions } from '../../aws/decisions.ts';
import { lockFleet, readFleet, unlockFleet } from '../../aws/fleets.ts';
import { controlLink } from '../../aws/heartbeat.ts';
import { readLedger } from '../../aws/ledger.ts';
import { readWorkers, writeLists } from '../../aws/workers.ts';
import { decide } from '../../core/control/decide.ts';
import { observation, policy } from '../../core/control/fleet-factories.ts';
import { isDead } from '../../core/control/observation.ts';
import { SteppedClock } from '../../local/clock.ts';
import { startLocalCloud } from '../../local/cloud.ts';
import { inProcessRunner } from '../../local/compute/in-process-runner.ts';
import { assignmentChanges } from '../../worker/runtime/assignment-changes.ts';
import * as frozen from './frozen-readings.ts';
import { attributes, plainItem, type Recorded, type RecordedItem, recordItems, tables } from './recorded-items.ts';

// The whole system runs for some minutes of its clock.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

type Recordings = { standingBy: Recorded; moved: Recorded };
const known: Recordings = JSON.parse(readFileSync(new URL('version-1.json', import.meta.url), 'utf8'));
const moments = ['standingBy', 'moved'] as const;
const region = 'eu-west-1';
const fleet = 'default';
let cloud: Awaited<ReturnType<typeof startLocalCloud>>;
let clients: AwsClients;
beforeAll(async () => {
  process.env.AWS_ACCESS_KEY_ID = 'local';
  process.env.AWS_SECRET_ACCESS_KEY = 'local';
  cloud = await startLocalCloud({
    ...{ port: 0, portSearch: false, dataFolder: null, clock: new SteppedClock(0), region, accountId: '000000000000' },
    ...{ compute: { runner: inProcessRunner(async () => {}) }, log: () => {} },
  });
  clients = awsClients({ region, endpoint: cloud.endpoint });
});
afterAll(async () => {
  clients.destroy();
  await cloud.close();
});

/** A stage of its own that holds the recorded items. */
async function stageWith(name: string, recorded: Recorded, changed = (item: RecordedItem) => item) {
  const { names } = await cloud.createStageResources({ stage: name, fleets: [] });
  for (const table of tables) {
    for (const item of recorded.tables[table])
      await clients.dynamo.send(
        new PutItemCommand({ TableName: names.tables[table], Item: attributes(changed(item)) }),
      );
  }
  return names;
}
type Names = Awaited<ReturnType<typeof stageWith>>;

/** What a run of today's control loop decides on them. */
async function decided({ tables: { cameraStates, workers: workersTable, fleets } }: Names, nowMs: number) {
  const [cameras, workers, item] = await Promise.all([
    readCameraStates(clients, cameraStates, fleet),
    readWorkers(clients, workersTable, fleet),
    readFleet(clients, fleets, fleet),
  ]);
  const seen = observation(cameras, workers, { fleet: item });
  return { cameras, workers, item, decision: decide(seen, policy({ maxWorkers: 4 }), nowMs) };
}

const linkOf = (names: Names, workerId: string) =>
  controlLink(clients, {
    ...{ fleet, workerId, workersTable: names.tables.workers, cameraStatesTable: names.tables.cameraStates },
    eventSource: names.eventSource,
  });

describe('today’s code reads what version 1 wrote', () => {
  it.each(moments)('%s: control finds every camera where it is, and moves nothing', async (moment) => {
    const recorded = known[moment];
    const names = await stageWith(`old-${moment.toLowerCase()}`, recorded);
    const { cameras, workers, item, decision } = await decided(names, recorded.recordedAtMs);
    expect(cameras).toMatchObject([{ cameraId: 'dock-1', phase: 'running', epoch: moment === 'moved' ? 2 : 1 }]);
    const living = workers.filter((worker) => !isDead(worker, recorded.recordedAtMs, 30_000));
    expect(living.find(({ workerId }) => workerId === cameras[0]?.ownerWorkerId)?.running['dock-1']).toMatchObject({
      ...{ epoch: cameras[0]?.epoch, state: 'running' },
    });
    expect(item).toMatchObject({ leadTimeSamplesMs: [248_000] });
    expect(decision.changes.filter(({ ownership }) => ownership !== null)).toEqual([]);
    expect([...decision.departures, ...decision.buried, ...decision.plan.terminations]).toEqual([]);
    expect(decision.problems).toEqual([]);
    expect(await readDecisions(clients, names.tables.decisions, fleet, { limit: 10 })).toHaveLength(2);
    const { hours } = await readLedger(clients, names.tables.ledger, 'dock-1', 0, recorded.recordedAtMs);
    expect(hours[0]?.scheduledSeconds).toBeGreaterThan(600);
    expect(hours[0]?.blindSeconds).toMatchObject({ 'waiting-capacity': 245, starting: 3 });
  });

  it('its worker starts what an older control assigned, and stands by for what it was told', async () => {
    const workerId = String(plainItem(known.moved.tables.workers[0] ?? {}).workerId);
    const fields = { schemaVersion: 1 as const, heartbeatAtMs: 1, startedAtMs: 0, running: {}, expiresAt: 1 };
    const moved = linkOf(await stageWith('old-worker', known.moved), workerId);
    const { assignments, standbys, drain } = await moved.heartbeat({ ...fields, lifecycle: 'ready' });
    expect(assignmentChanges(new Map(), assignments)).toMatchObject({ start: ['dock-1'], stop: [] });
    expect(assignments['dock-1']).toMatchObject({ epoch: 2, resumeAfter: { producerTimestampMs: 1_795_511_730_000 } });
    expect([standbys, drain]).toEqual([{}, undefined]);
    const before = linkOf(await stageWith('old-standby', known.standingBy), workerId);
    expect((await before.heartbeat({ ...fields, lifecycle: 'ready' })).standbys).toMatchObject({
      'dock-1': { streamName: 'dock-1', model: 'default' },
    });
  });

  it('an item without its version and its newer fields is read with their defaults', async () => {
    const newer = new Set([
      'schemaVersion',
      'standingBy',
      'standbys',
      'watch',
      'decode',
      'readyAtMs',
      'leadTimesByType',
    ]);
    const names = await stageWith('bare', known.moved, (item) =>
      JSON.parse(JSON.stringify(item), function (this: object, name, value) {
        return newer.has(name) && !('S' in this) ? undefined : value;
      }),
    );
    const { cameras, workers, decision } = await decided(names, known.moved.recordedAtMs);
    expect(workers[0]).not.toHaveProperty('standingBy');
    expect(workers[0]?.running['dock-1']).not.toHaveProperty('watch');
    expect(cameras).toMatchObject([{ phase: 'running', epoch: 2 }]);
    expect(decision.changes.filter(({ ownership }) => ownership !== null)).toEqual([]);
    expect(decision.problems).toEqual([]);
  });

  it('fields that it does not know outlive everything that it writes', async () => {
    const unknown = { M: { since: { N: '5' } } };
    const names = await stageWith('unknown', known.moved, (item) => ({ ...item, ofTomorrow: unknown }));
    const nowMs = known.moved.recordedAtMs;
    const { cameras, workers } = await decided(names, nowMs);
    const [state] = cameras;
    const [worker] = workers;
    if (state === undefined || worker === undefined) throw new Error('nothing was recorded');
    const next = { ...state, phaseReason: 'rewritten', accountedThroughMs: nowMs };
    const change = { cameraId: 'dock-1', observed: state, next, ownership: null, ledger: [], promises: [] };
    expect(await writeCameraChange(clients, names.tables, change)).toMatchObject({ happened: true });
    const verdict = { fleet, cameraId: 'dock-1', camera: state.camera, issues: [], sequenceNumber: '9'.repeat(30) };
    expect(await saveVerdict(clients, names.tables.cameraStates, verdict, nowMs)).toBe(true);
    await writeLists(clients, names.tables.workers, worker, {}, {});
    const { workerId } = worker;
    const fields = { schemaVersion: 1 as const, heartbeatAtMs: nowMs, startedAtMs: 0, running: {}, expiresAt: 1 };
    await linkOf(names, workerId).heartbeat({ ...fields, lifecycle: 'ready' });
    const progress = { checkpoint: { fragmentNumber: '9', producerTimestampMs: nowMs } };
    expect(await linkOf(names, workerId).writeProgress('dock-1', 2, progress)).toBe(true);
    expect(await lockFleet(clients, names.tables.fleets, fleet, 'me', nowMs)).not.toBeNull();
    const learned = { lowerDemandSinceMs: nowMs };
    expect(await unlockFleet(clients, names.tables.fleets, fleet, 'me', nowMs, learned, 'no')).toBe('released');
    const keys = [
      [names.tables.cameraStates, { fleet: { S: fleet }, cameraId: { S: 'dock-1' } }],
      [names.tables.workers, { fleet: { S: fleet }, workerId: { S: workerId } }],
      [names.tables.fleets, { fleet: { S: fleet } }],
    ] as const;
    for (const [TableName, Key] of keys)
      expect((await clients.dynamo.send(new GetItemCommand({ TableName, Key }))).Item?.ofTomorrow).toEqual(unknown);
  });
});

describe('version 1 reads', () => {
  let written: Recordings;
  beforeAll(async () => {
    written = await recordItems();
  });

  const sources = [
    ['what it wrote itself', () => known],
    ['what today’s code writes', () => written],
  ] as const;
  it.each(sources)('%s', (_, recordings) => {
    for (const moment of moments) {
      const { tables: items, events } = recordings()[moment];
      for (const item of items.cameraStates) frozen.cameraState.parse(plainItem(item));
      for (const item of items.workers) {
        const { running, ...rest } = plainItem(item);
        frozen.heartbeat.parse({ ...rest, running: frozen.unpack(running) });
        listsOf(item);
      }
      for (const item of items.fleets) frozen.fleet.parse(plainItem(item));
      for (const item of items.decisions) frozen.decision.parse(plainItem(item));
      for (const item of items.ledger) frozen.ledgerItem.parse(plainItem(item));
      for (const { detail } of events) frozen.eventDetail.parse(detail);
      for (const table of tables) expect(items[table].length, table).toBeGreaterThan(0);
    }
    // Everything that crosses was there to be read.
    const { standingBy, moved } = recordings();
    const lists = [...standingBy.tables.workers, ...moved.tables.workers].map(listsOf);
    expect(lists.some(({ drain }) => drain?.handover !== undefined)).toBe(true);
    expect(lists.some(({ standbys }) => standbys['dock-1'] !== undefined)).toBe(true);
    expect(lists.some(({ assignments }) => assignments['dock-1']?.resumeAfter !== undefined)).toBe(true);
    expect(moved.tables.cameraStates.map(plainItem)).toMatchObject([{ releasedEpoch: 1, checkpoint: {}, watch: {} }]);
    expect(new Set(moved.events.map(({ type }) => type))).toEqual(new Set(frozen.eventTypes));
  });

  it('nothing that lacks a field which it needs', () => {
    const { assignments } = listsOf(known.moved.tables.workers[0] ?? {});
    for (const field of ['epoch', 'camera', 'assignedAtMs']) {
      const changed = { ...assignments['dock-1'], [field]: undefined };
      expect(frozen.workersLists.safeParse({ assignments: { 'dock-1': changed }, standbys: {} }).success).toBe(false);
    }
  });
});

function listsOf(item: RecordedItem) {
  const { assignments, standbys, drain } = plainItem(item);
  return frozen.workersLists.parse({
    assignments: frozen.unpack(assignments),
    standbys: frozen.unpack(standbys),
    drain,
  });
}
