/**
 * A worker whose results are refused, on the whole system: it watches on and keeps what it can, control hears of it by the
 * heartbeat, and the alarm rings and ceases. No record that the buffer holds is lost.
 */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { cameraRow } from './camera-that-sends.ts';
import { ringsAndCeases } from './ringing.ts';
import { type SteppedSystem, startSteppedSystem } from './stepped-system.ts';

// A test takes seconds; on a machine that is busy with other things it may take longer, and nothing in it measures that.
vi.setConfig({ testTimeout: 240_000 });

let system: SteppedSystem;
afterEach(() => system.close());

async function startedWithCamera(row: Record<string, unknown> = {}) {
  system = await startSteppedSystem({ start: '2026-11-24T09:00:20Z', policy: { minWorkers: 1 } });
  await system.createStream('dock-1');
  system.send('dock-1');
  await system.putRow(cameraRow('dock-1', row));
  await system.passUntilSo('the camera runs', isRunning, 10 * 60_000, 5_000);
  await system.pass(120_000);
  return { ...system, prefix: 'kvs-infer-flow', advance: (seconds: number) => system.pass(seconds * 1_000) };
}

const isRunning = async () => (await system.camera('dock-1')).phase === 'running';
const unstoredSinceMs = async () => (await system.workers())[0]?.unstoredSinceMs;

/** @returns ends it. */
function refuse(service: string, operation: string, resource?: string) {
  const answer = { status: 400, code: 'AccessDeniedException', message: `not authorized to perform: ${operation}` };
  return system.cloud.context.faults.inject(
    (call) =>
      call.service === service &&
      call.operation === operation &&
      (resource === undefined || call.resource === resource),
    answer,
  );
}

describe('results that cannot be stored', () => {
  it('the result stream refuses', async () => {
    const test = await startedWithCamera();
    const heal = refuse('kinesis', 'PutRecords');
    const fromMs = system.clock.nowMs();
    await ringsAndCeases(test, 'the result stream refuses', 8, async () => {
      expect(await unstoredSinceMs()).toBeGreaterThanOrEqual(fromMs);
      expect(await isRunning()).toBe(true);
      heal();
    });
    expect(await unstoredSinceMs()).toBeNull();
    // All of the minutes in between came late, and whole.
    const times = (await system.results()).frames.map(({ capturedAt }) => Date.parse(capturedAt)).sort((a, b) => a - b);
    expect(Math.max(...times.slice(1).map((time, index) => time - (times[index] ?? time)))).toBe(1_000);
    expect(times.at(-1)).toBeGreaterThan(system.clock.nowMs() - 10_000);
  });

  it('the bucket refuses', async () => {
    const test = await startedWithCamera();
    const heal = refuse('s3', 'PutObject');
    await ringsAndCeases(test, 'the bucket refuses', 12, async () => {
      expect(await isRunning()).toBe(true);
      heal();
    });
    expect(await unstoredSinceMs()).toBeNull();
  });

  it('the table of detections refuses', async () => {
    const test = await startedWithCamera();
    const heal = refuse('dynamodb', 'PutItem', system.names.tables.detections);
    await ringsAndCeases(test, 'the table of detections refuses', 12, async () => {
      expect(await isRunning()).toBe(true);
      heal();
    });
    expect(await unstoredSinceMs()).toBeNull();
  });
});
