/**
 * A new version of a model on the whole system, from the order to its end: real ONNX files, real workers, the control loop.
 * A good one reaches every camera; one that cannot be loaded, one whose weights are NaN, one that sees nothing and one that is
 * slow are taken back by themselves; and no camera misses a frame for the sake of any of them.
 */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { readFleet } from '../../aws/fleets.ts';
import { startModelRollout, takeBackModelRollout } from '../../aws/model-rollouts.ts';
import { blockModel, encodeModel } from '../../worker/detect/block-model.test-factory.ts';
import { cameraRow } from './camera-that-sends.ts';
import { type SteppedSystem, startSteppedSystem } from './stepped-system.ts';

// A test takes seconds; on a machine that is busy with other things it may take longer, and nothing in it measures that.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const minuteMs = 60_000;
const cameraIds = ['dock-1', 'dock-2', 'dock-3', 'dock-4'];
let system: SteppedSystem;

beforeEach(async () => {
  system = await startSteppedSystem({ start: '2026-11-24T09:00:20Z', policy: { maxWorkers: 1 } });
  for (const cameraId of [...cameraIds, 'pinned']) {
    await system.createStream(cameraId);
    system.send(cameraId);
    const detect = { fps: 1, confidence: 0.6, classes: ['red'], model: 'default@1' };
    await system.putRow(cameraRow(cameraId, cameraId === 'pinned' ? { detect } : {}));
  }
  await writeModel('default@1', encodeModel(blockModel({ width: 80, height: 48 })));
  const allRun = async () => (await system.cameras()).every(({ phase }) => phase === 'running');
  await system.passUntilSo('every camera runs', allRun, 15 * minuteMs, 5_000);
  await system.pass(10_000);
});
afterEach(() => system.close());

const writeModel = (name: string, bytes: Uint8Array) =>
  writeFile(path.join(system.modelsFolder, `${name}.onnx`), bytes);
const rollOut = (version: string, more: Partial<Parameters<typeof startModelRollout>[3]> = {}) =>
  startModelRollout(
    system.clients,
    system.names.tables,
    'default',
    { version, by: 'ann', bakeMs: minuteMs, canaryPercent: 25, ...more },
    system.clock.nowMs(),
  );
const item = () => readFleet(system.clients, system.names.tables.fleets, 'default');
const phase = async () => (await item()).modelRolloutState?.phase;
const models = async () => {
  const [worker] = await system.workers();
  return Object.fromEntries(Object.entries(worker?.running ?? {}).map(([id, { model }]) => [id, model]));
};
const reaches = (wanted: string, limitMs: number) =>
  system.passUntilSo(`the rollout is ${wanted}`, async () => (await phase()) === wanted, limitMs, 1_000);
const allRun = (model: string) => ({ ...Object.fromEntries(cameraIds.map((id) => [id, model])), pinned: 'default@1' });

/** Longest time without a published frame since `fromMs`, per camera; each sends one a second. */
async function longestHolesMs(fromMs: number): Promise<Record<string, number>> {
  const { frames } = await system.results();
  return Object.fromEntries(
    [...cameraIds, 'pinned'].map((id) => {
      const times = frames
        .filter(({ cameraId, capturedAt }) => cameraId === id && Date.parse(capturedAt) >= fromMs)
        .map(({ capturedAt }) => Date.parse(capturedAt))
        .sort((a, b) => a - b);
      return [id, Math.max(...times.slice(1).map((time, index) => time - (times[index] ?? time)))];
    }),
  );
}
const noHoles = { 'dock-1': 1_000, 'dock-2': 1_000, 'dock-3': 1_000, 'dock-4': 1_000, pinned: 1_000 };

test('a good version of another size: one camera first, then all but the pinned one, no frame missing, and back by hand', async () => {
  await writeModel('default@2', encodeModel(blockModel({ width: 160, height: 96 })));
  const fromMs = system.clock.nowMs();
  await rollOut('default@2');
  await reaches('baking', 3 * minuteMs);
  const { cameraIds: canaries = [] } = (await item()).modelRolloutState ?? {};
  expect(canaries).toHaveLength(1);
  expect(await models()).toEqual({ ...allRun('default'), [canaries[0] ?? '']: 'default@2' });
  await expect(rollOut('default@1')).rejects.toMatchObject({ code: 'MODEL_ROLLOUT_RUNNING' });
  await reaches('complete', 6 * minuteMs);
  await system.pass(10_000);
  expect(await models()).toEqual(allRun('default@2'));
  expect((await item()).modelRolloutState?.reason).toMatch(
    /^\d{3} frames on 1 camera, (\d+) of \1 sightings of the version before confirmed$/,
  );
  const wish = { by: 'bob', reason: 'misses forklifts' };
  await takeBackModelRollout(system.clients, system.names.tables, 'default', wish, system.clock.nowMs());
  await reaches('reverted', 2 * minuteMs);
  await system.pass(10_000);
  expect(await models()).toEqual(allRun('default'));
  expect(await longestHolesMs(fromMs)).toEqual(noHoles);
  expect((await system.cameras()).map(({ epoch }) => epoch)).toEqual([1, 1, 1, 1, 1]);
});

test.each([
  ['a file that is no model', new TextEncoder().encode('this is not an ONNX file'), 'MODEL_'],
  [
    'weights that are NaN',
    encodeModel(blockModel({ width: 80, height: 48, scoreFactor: Number.NaN })),
    'MODEL_UNUSABLE: default@2: expected class scores in 0..1, got NaN',
  ],
])('%s: reverted within seconds, every camera on the version before, no frame missing', async (_, bytes, why) => {
  await writeModel('default@2', bytes);
  const fromMs = system.clock.nowMs();
  await rollOut('default@2');
  await system.passUntilSo('it is tried', async () => (await phase()) !== undefined, 2 * minuteMs, 200);
  const triedMs = system.clock.nowMs();
  await reaches('reverted', minuteMs);
  expect(system.clock.nowMs() - triedMs).toBeLessThanOrEqual(10_000);
  expect((await item()).modelRolloutState).toMatchObject({ fault: 'load', reason: expect.stringContaining(why) });
  await system.pass(10_000);
  expect(await models()).toEqual(allRun('default'));
  expect(await longestHolesMs(fromMs)).toEqual(noHoles);
  const [decision] = (await system.decisions()).filter(({ problems }) => problems !== undefined);
  expect(decision?.problems).toEqual([
    expect.stringMatching(/^model default@2 was reverted to default: worker .* cannot/),
  ]);
});

test('weights that see nothing: reverted, and nobody but the canary noticed', async () => {
  await writeModel('default@2', encodeModel(blockModel({ width: 80, height: 48, scoreFactor: 0 })));
  const fromMs = system.clock.nowMs();
  await rollOut('default@2', { canaryCameras: ['dock-3'], canaryPercent: undefined });
  const isTried = async () => (await models())['dock-3'] === 'default@2';
  await system.passUntilSo('it is tried', isTried, 2 * minuteMs, 1_000);
  const triedMs = system.clock.nowMs();
  await reaches('reverted', 2 * minuteMs);
  const tookMs = system.clock.nowMs() - triedMs;
  await system.pass(10_000);
  expect((await item()).modelRolloutState).toMatchObject({ fault: 'detections' });
  console.info(`reverted ${tookMs} ms after it began: ${(await item()).modelRolloutState?.reason}`);
  expect(tookMs).toBeLessThanOrEqual(40_000);
  expect(await models()).toEqual(allRun('default'));
  const { 'dock-3': canary = 0, ...others } = await longestHolesMs(fromMs);
  expect(others).toEqual({ 'dock-1': 1_000, 'dock-2': 1_000, 'dock-4': 1_000, pinned: 1_000 });
  // It was watched all along, by a model that saw nothing: its frames were published, empty.
  expect(canary).toBe(1_000);
});

test('a version that sees the same and is slow: reverted for its latency, no frame missing', async () => {
  // Some 60 ms on an idle machine, where the version before takes less than one.
  await writeModel('default@2', encodeModel(blockModel({ width: 80, height: 48, idleProducts: 16 })));
  const fromMs = system.clock.nowMs();
  await rollOut('default@2', { canaryCameras: ['dock-3'], canaryPercent: undefined });
  await reaches('reverted', 4 * minuteMs);
  expect((await item()).modelRolloutState).toMatchObject({
    fault: 'latency',
    reason: expect.stringMatching(/\d+ of \d+ frames took more than 2 times the 95th percentile of the version before/),
  });
  await system.pass(10_000);
  expect(await models()).toEqual(allRun('default'));
  expect(await longestHolesMs(fromMs)).toEqual(noHoles);
});
