import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { OutgoingRecord } from '../../aws/results.ts';
import { KvsInferError } from '../../core/errors.ts';
import type { FrameRecord } from '../../core/records.ts';
import { SteppedClock } from '../../local/clock.ts';
import { type PublishGate, RecordPublisher } from './record-publisher.ts';

function record(cameraId: string, frameIndex: number, epoch = 1, padding = ''): FrameRecord {
  return {
    schema: 'kvs-infer/frame@1',
    id: `${cameraId}/${frameIndex}${padding}`,
    cameraId,
    epoch,
    workerId: 'w',
    model: 'm',
    fragmentNumber: '1',
    frameIndex,
    capturedAt: '2026-11-24T08:00:00.000Z',
    inferredAt: '2026-11-24T08:00:00.000Z',
    width: 1,
    height: 1,
    detections: [],
  };
}

const refused = new KvsInferError('AWS_THROTTLED', 'too fast', { hint: '', retryable: true });

/** @param answer per call: indexes that fail, or an error. */
function rig(
  answer: (records: OutgoingRecord[], call: number) => number[] = () => [],
  gate: PublishGate = () => 'open',
) {
  const clock = new SteppedClock(0);
  const calls: FrameRecord[][] = [];
  const publisher = new RecordPublisher({
    clock,
    gate,
    random: () => 0.5,
    async putRecords(records) {
      const parsed = records.map(({ data }) => JSON.parse(Buffer.from(data).toString()) as FrameRecord);
      calls.push(parsed);
      return answer(records, calls.length - 1).map((index) => ({ index, error: refused }));
    },
  });
  /** Lets calls finish and retries come due until nothing is left. */
  const finish = async () => {
    for (let round = 0; round < 10_000 && publisher.size > 0; round += 1) {
      await clock.step(1_000, () => new Promise((resolve) => setImmediate(resolve)));
    }
  };
  return { clock, calls, publisher, finish };
}

test('whatever fails, every record arrives once, and the records of a camera are stored in the order of adding', async () => {
  await fc.assert(
    fc.asyncProperty(fc.infiniteStream(fc.integer({ min: 0, max: 3 })), fc.nat(60), async (dice, count) => {
      const stored: FrameRecord[] = [];
      const next = () => dice.next().value as number;
      const { calls, publisher, finish } = rig((records, call) => {
        const isOver = call > 300;
        if (!isOver && next() === 0) throw new Error('unavailable');
        const failed = records.flatMap((_, index) => (!isOver && next() === 0 ? [index] : []));
        stored.push(...(calls[call] ?? []).filter((_, index) => !failed.includes(index)));
        return failed;
      });
      const cameras = ['a', 'b', 'c'];
      for (let index = 0; index < count; index += 1) publisher.add(record(cameras[index % 3] as string, index));
      await finish();
      expect(new Set(stored.map(({ id }) => id)).size).toBe(count);
      expect(stored).toHaveLength(count);
      for (const camera of cameras) {
        const order = stored.filter(({ cameraId }) => cameraId === camera).map(({ frameIndex }) => frameIndex);
        expect(order).toEqual([...order].sort((x, y) => x - y));
      }
      expect(publisher.published).toBe(count);
    }),
    { numRuns: 30 },
  );
});

test('the records of many cameras share calls, and a camera that is refused does not hold the others up', async () => {
  const { calls, publisher, clock } = rig((records) =>
    records.flatMap(({ partitionKey }, index) => (partitionKey === 'a' ? [index] : [])),
  );
  for (let index = 0; index < 5; index += 1) for (const camera of ['a', 'b', 'c']) publisher.add(record(camera, index));
  for (let round = 0; round < 40; round += 1) {
    await clock.step(200, () => new Promise((resolve) => setImmediate(resolve)));
  }
  expect(calls[0]?.map(({ cameraId }) => cameraId).sort()).toEqual(['a', 'b', 'c']);
  expect([publisher.waiting('a'), publisher.waiting('b'), publisher.waiting('c')]).toEqual([5, 0, 0]);
});

test('a fault is told once when it begins and once when it is over', async () => {
  const told: (string | null)[] = [];
  let isDown = true;
  const clock = new SteppedClock(0);
  const publisher = new RecordPublisher({
    ...{ clock, gate: () => 'open' as const, random: () => 0.5 },
    async putRecords(records) {
      return isDown ? records.map((_, index) => ({ index, error: refused })) : [];
    },
    onFault: (fault) => told.push(fault?.code ?? null),
  });
  publisher.add(record('a', 0));
  publisher.add(record('a', 1));
  const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
  for (let round = 0; round < 20; round += 1) await clock.step(1_000, turn);
  expect([publisher.waiting('a'), publisher.waiting('b'), publisher.fault?.code]).toEqual([2, 0, 'AWS_THROTTLED']);
  expect(publisher.unstoredSinceMs).toBeLessThanOrEqual(1_000);
  isDown = false;
  for (let round = 0; round < 20; round += 1) await clock.step(1_000, turn);
  expect([publisher.waiting('a'), publisher.fault, publisher.unstoredSinceMs]).toEqual([0, null, null]);
  expect(told).toEqual(['AWS_THROTTLED', null]);
});

test('no call exceeds 500 records or 5 MB; a record over 1 MB is refused and counted', async () => {
  const { calls, publisher, finish } = rig();
  for (let index = 0; index < 1_200; index += 1) publisher.add(record(`a${index}`, 0));
  for (let index = 0; index < 20; index += 1) publisher.add(record(`b${index}`, 0, 1, 'x'.repeat(700_000)));
  publisher.add(record('c', 0, 1, 'x'.repeat(1_100_000)));
  await finish();
  expect(Math.max(...calls.map((call) => call.length))).toBe(500);
  for (const call of calls) {
    const bytes = call.reduce((sum, one) => sum + Buffer.byteLength(JSON.stringify(one)) + one.cameraId.length, 0);
    expect(bytes).toBeLessThanOrEqual(5 * 1024 * 1024);
  }
  expect(publisher.discarded).toEqual({ 'too-large': 1 });
  expect(publisher.published).toBe(1_220);
});

test('a full buffer drops the oldest of the camera that has most, counted for that camera', async () => {
  let isDown = true;
  const { publisher, clock, calls } = rig(() => {
    if (isDown) throw new Error('down');
    return [];
  });
  publisher.add(record('quiet', 0));
  for (let index = 0; index < 20_100; index += 1) publisher.add(record('busy', index));
  expect(publisher.discarded).toEqual({ 'buffer-full': 101 });
  expect([publisher.lost('busy'), publisher.lost('quiet'), publisher.size]).toEqual([101, 0, 20_000]);
  isDown = false;
  for (let round = 0; round < 10; round += 1) {
    await clock.step(1_000, () => new Promise((resolve) => setImmediate(resolve)));
  }
  expect(calls[0]?.map(({ cameraId, frameIndex }) => [cameraId, frameIndex])).toEqual([
    ['quiet', 0],
    ['busy', 101],
  ]);
  expect(publisher.published).toBe(20_000 - publisher.size);
  expect(calls.slice(1).map(([one]) => one?.frameIndex)).toEqual(calls.slice(1).map((_, index) => index + 102));
});

test('what may not be published any more is discarded by reason, at once and while a retry waits', async () => {
  let verdict: ReturnType<PublishGate> = 'open';
  const { calls, publisher, clock } = rig(
    () => {
      throw new Error('down');
    },
    (_camera, epoch) => (epoch === 1 ? 'stale-epoch' : verdict),
  );
  publisher.add(record('a', 0, 1));
  publisher.add(record('a', 1, 2));
  await clock.step(50, () => new Promise((resolve) => setImmediate(resolve)));
  expect(calls[0]?.map(({ frameIndex }) => frameIndex)).toEqual([1]);
  expect(publisher.unstoredSinceMs).not.toBeNull();
  verdict = 'fenced';
  publisher.gateChanged();
  expect(publisher.discarded).toEqual({ 'stale-epoch': 1, fenced: 1 });
  // Nothing waits any more, so nothing is unstored, though no call has succeeded since.
  expect([publisher.size, publisher.unstoredSinceMs]).toEqual([0, null]);
});

test('flush resolves when the camera is through, and gives up on what is left at its limit', async () => {
  const { publisher, clock } = rig(() => {
    throw new Error('down');
  });
  publisher.add(record('a', 0));
  const flushed = publisher.flush('a', 8_000);
  await clock.step(9_000, () => new Promise((resolve) => setImmediate(resolve)));
  await flushed;
  expect(publisher.discarded).toEqual({ 'given-up': 1 });
  await publisher.flush('nobody', 8_000);
});

test('a record that waits holds its own bytes and no memory of others', async () => {
  const held: number[] = [];
  const { publisher, finish } = rig((records) => {
    held.push(...records.map(({ data }) => data.buffer.byteLength - data.byteLength));
    return [];
  });
  for (let index = 0; index < 3; index += 1) publisher.add(record('a', index));
  await finish();
  expect(held).toEqual([0, 0, 0]);
});
