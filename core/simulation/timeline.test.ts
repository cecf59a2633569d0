import fc from 'fast-check';
import { expect, it } from 'vitest';
import { sumOfTimelines, Timeline } from './timeline.ts';

const dayMs = 86_400_000;

it('keeps the sum of what was added within its span, wherever the buckets end', () => {
  const spans = fc.array(
    fc.tuple(fc.integer({ min: -dayMs, max: 40 * dayMs }), fc.integer({ min: 0, max: 3 * dayMs })),
  );
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 30 * dayMs }), spans, (lengthMs, added) => {
      const timeline = new Timeline(['paid'], { startMs: 0, endMs: lengthMs });
      let sumMs = 0;
      for (const [startMs, durationMs] of added) {
        timeline.add('paid', 2, { startMs, endMs: startMs + durationMs });
        sumMs += 2 * Math.max(0, Math.min(startMs + durationMs, lengthMs) - Math.max(startMs, 0));
      }
      const { paid } = timeline.values;
      const lastMs = lengthMs - (paid.length - 1) * timeline.bucketMs;
      const kept = paid.reduce(
        (sum, mean, index) => sum + mean * (index === paid.length - 1 ? lastMs : timeline.bucketMs),
        0,
      );
      expect(kept).toBeCloseTo(sumMs, 0);
      expect(paid.length).toBeLessThanOrEqual(672);
    }),
  );
});

it('adds several up, name by name, and is nothing without any', () => {
  const one = new Timeline(['a', 'b'], { startMs: 0, endMs: dayMs });
  const other = new Timeline(['a', 'b'], { startMs: 0, endMs: dayMs });
  one.add('a', 1, { startMs: 0, endMs: dayMs });
  other.add('a', 2, { startMs: 0, endMs: dayMs / 2 });
  const sum = sumOfTimelines([one, other]);
  expect(sum?.values.a[0]).toBe(3);
  expect(sum?.values.a.at(-1)).toBe(1);
  expect(sum?.values.b.every((value) => value === 0)).toBe(true);
  expect(sumOfTimelines([])).toBeNull();
});
