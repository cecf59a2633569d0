import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Batcher, type BatchOption } from './batcher.ts';

/** A GPU as measured on paper: a run costs 2 ms and 1 ms a frame. */
const gpu: BatchOption[] = [1, 4, 8, 16].map((size) => ({ size, runMs: 2 + size }));
const cpu: BatchOption[] = [{ size: 1, runMs: 20 }];

function filled(options: readonly BatchOption[], cameras: number) {
  const batcher = new Batcher<string>(options);
  for (let index = 0; index < cameras; index += 1) batcher.offer(`c${index}`, 1, `c${index}`);
  return batcher;
}

test('an idle detector gets what there is at once; the next batch fills until it is full or the detector runs dry', () => {
  const batcher = filled(gpu, 1);
  expect(batcher.signal(0)).toEqual(['c0']);
  batcher.offer('c1', 1, 'c1');
  // A run of 3 ms is shorter than the lead: the second batch goes at once.
  expect(batcher.signal(0)).toEqual(['c1']);
  expect(batcher.signal(0)).toBeNull();
  batcher.finished(3);
  batcher.finished(6);
  for (let index = 0; index < 16; index += 1) batcher.offer(`d${index}`, 1, `d${index}`);
  expect(batcher.signal(10)).toHaveLength(16);
  batcher.offer('e0', 1, 'e0');
  expect(batcher.signal(11)).toBeNull();
  // 16 frames take 18 ms; 5 ms before that the detector must have its next batch.
  expect(batcher.wakeAtMs).toBe(10 + 18 - 5);
  expect(batcher.signal(22.9)).toBeNull();
  expect(batcher.signal(23)).toEqual(['e0']);
});

test('a full batch does not wait', () => {
  const batcher = filled(gpu, 32);
  expect(batcher.signal(0)).toHaveLength(16);
  expect(batcher.signal(0)).toHaveLength(16);
  expect(batcher.signal(0)).toBeNull();
});

test('the batch size is the one with the most frames per millisecond, padding counted', () => {
  const sizes = (cameras: number, options = gpu) => filled(options, cameras).signal(0)?.length;
  expect([1, 2, 3, 4].map((cameras) => sizes(cameras))).toEqual([1, 2, 3, 4]);
  // Five: 4 in 6 ms beat 5 padded to 8 in 10 ms. Seven: 7 in 10 ms beat 4 in 6 ms.
  expect([5, 6, 7, 8].map((cameras) => sizes(cameras))).toEqual([4, 4, 7, 8]);
  const flat = gpu.map(({ size }) => ({ size, runMs: 5 }));
  expect([2, 5, 9].map((cameras) => sizes(cameras, flat))).toEqual([2, 5, 9]);
  expect(sizes(9, cpu)).toBe(1);
});

test('a newer frame of a camera takes the place of the one that waits', () => {
  const batcher = new Batcher<string>(cpu);
  batcher.offer('a', 1, 'a1');
  batcher.offer('b', 1, 'b1');
  expect(batcher.offer('a', 1, 'a2')).toBe('a1');
  expect(batcher.waiting).toBe(2);
  expect([batcher.signal(0), batcher.signal(0)]).toEqual([['a2'], ['b1']]);
});

test('cameras that always have a frame are served by weight', () => {
  const batcher = new Batcher<string>(cpu);
  const weights: Record<string, number> = { low: 0.5, usual: 1, high: 2 };
  const served: Record<string, number> = { low: 0, usual: 0, high: 0 };
  for (let run = 0; run < 700; run += 1) {
    for (const [camera, weight] of Object.entries(weights)) batcher.offer(camera, weight, camera);
    const [camera = ''] = batcher.signal(run * 20) ?? [];
    served[camera] = (served[camera] ?? 0) + 1;
    batcher.finished(run * 20 + 20);
  }
  expect(Math.abs((served.low ?? 0) - 100)).toBeLessThanOrEqual(1);
  expect(Math.abs((served.usual ?? 0) - 200)).toBeLessThanOrEqual(1);
});

const step = fc.oneof(
  fc.record({ type: fc.constant('offer' as const), camera: fc.nat(9) }),
  fc.record({ type: fc.constant('finish' as const), afterMs: fc.nat(40) }),
  fc.record({ type: fc.constant('wait' as const), afterMs: fc.nat(10) }),
);

test('for any course of events: never idle with work waiting, no frame twice or lost, bounded, and fair', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), fc.constantFrom(gpu, cpu), (steps, options) => {
      const batcher = new Batcher<{ camera: string; id: number }>(options);
      const sizes = options.map(({ size }) => size);
      let nowMs = 0;
      let offered = 0;
      let out = 0;
      /** For each waiting camera, who was served since it began to wait. */
      const servedWhile = new Map<string, Set<string>>();
      const pump = () => {
        for (let batch = batcher.signal(nowMs); batch !== null; batch = batcher.signal(nowMs)) {
          expect(batch.length).toBeGreaterThan(0);
          expect(batch.length).toBeLessThanOrEqual(Math.max(...sizes));
          const inBatch = new Set(batch.map(({ camera }) => camera));
          expect(inBatch.size).toBe(batch.length);
          for (const camera of inBatch) servedWhile.delete(camera);
          for (const served of servedWhile.values()) {
            for (const camera of inBatch) {
              expect(served.has(camera)).toBe(false);
              served.add(camera);
            }
          }
          out += batch.length;
        }
        if (batcher.waiting > 0) expect(batcher.inFlight).toBeGreaterThan(0);
      };
      for (const one of steps) {
        if (one.type === 'offer') {
          const camera = `c${one.camera}`;
          const displaced = batcher.offer(camera, 1, { camera, id: offered++ });
          if (displaced === null) servedWhile.set(camera, new Set());
          else out += 1;
        } else {
          nowMs += one.afterMs;
          if (one.type === 'finish' && batcher.inFlight > 0) batcher.finished(nowMs);
        }
        pump();
        expect(batcher.waiting).toBeLessThanOrEqual(10);
        expect(offered).toBe(out + batcher.waiting);
        const wakeAtMs = batcher.wakeAtMs;
        if (wakeAtMs !== null) expect(wakeAtMs).toBeGreaterThan(nowMs);
      }
    }),
    { numRuns: 300 },
  );
});
