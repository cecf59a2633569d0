/** The ring of one stream against a plain model: order, bounds in bytes and age, and what can be resumed from. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SteppedClock } from '../clock.ts';
import { FragmentStore } from './fragment-store.ts';

const BYTES_MAX = 10_000;
const RETENTION_MS = 60_000;

const steps = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('whole' as const), bytes: fc.integer({ min: 1, max: 4000 }) }),
    fc.record({ kind: fc.constant('torn' as const), bytes: fc.integer({ min: 1, max: 4000 }) }),
    fc.record({ kind: fc.constant('time' as const), bytes: fc.integer({ min: 0, max: 30_000 }) }),
  ),
  { maxLength: 60 },
);

test('numbers grow, the ring stays within its bytes and its age, and resuming never skips silently', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (list) => {
      const clock = new SteppedClock(1_000_000);
      const store = new FragmentStore(clock, BYTES_MAX);
      const stored: string[] = [];
      for (const step of list) {
        if (step.kind === 'time') {
          await clock.step(step.bytes);
          continue;
        }
        store.begin({ header: Buffer.alloc(0), clusterTimecodeMs: 0, producerTimestampMs: clock.nowMs() });
        store.append({ trackNumber: 1, keyframe: true, data: Buffer.alloc(step.bytes) }, 0);
        if (step.kind === 'torn') store.tear();
        else stored.push(store.complete(RETENTION_MS)?.number ?? '');
        expect(store.bytes).toBeLessThanOrEqual(BYTES_MAX);
      }
      const held = store.whole(RETENTION_MS);
      expect(stored).toEqual([...new Set(stored)].sort());
      expect(held.map((fragment) => fragment.number)).toEqual(stored.slice(stored.length - held.length));
      expect(held.every((fragment) => fragment.serverTimestampMs >= clock.nowMs() - RETENTION_MS)).toBe(true);
      expect(store.evicted).toBe(stored.length - held.length);
      for (const [index, number] of stored.entries()) {
        const successorIsHeld = index + 1 >= stored.length - held.length;
        expect(store.canResumeAfter(number)).toBe(successorIsHeld);
        if (successorIsHeld) expect(store.after(number)?.number).toBe(stored[index + 1]);
      }
    }),
    { numRuns: 150 },
  );
});

test('small frames hold no more memory than is counted for them, whatever else the process writes meanwhile', () => {
  const clock = new SteppedClock(1_000_000);
  const store = new FragmentStore(clock, BYTES_MAX);
  for (let fragment = 0; fragment < 20; fragment += 1) {
    store.begin({ header: Buffer.allocUnsafeSlow(0), clusterTimecodeMs: 0, producerTimestampMs: clock.nowMs() });
    for (const bytes of [373, 49]) {
      store.append({ trackNumber: 1, keyframe: bytes === 373, data: Buffer.alloc(bytes, bytes) }, 0);
      // What answers to other requests take from the slab that small buffers share.
      Buffer.from('x'.repeat(20_000));
    }
    store.complete(RETENTION_MS);
  }
  const blocks = store.whole(RETENTION_MS).flatMap((fragment) => fragment.blocks);
  expect(blocks.map((block) => block.at(-1))).toEqual(blocks.map((_, index) => (index % 2 === 0 ? 373 % 256 : 49)));
  const memories = new Set(blocks.map(({ buffer }) => buffer));
  expect([...memories].reduce((sum, { byteLength }) => sum + byteLength, 0)).toBeLessThanOrEqual(store.bytes);
});
