/** The rules of suppression as properties, and class names as ids. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { boxIou, type Candidate, classIdsOf, suppress } from './nms.ts';

const side = fc.double({ min: 0, max: 100, noNaN: true });
const box = fc.tuple(side, side, side, side).map(([x, y, w, h]): Candidate['box'] => [x, y, x + w / 4, y + h / 4]);
const candidate = fc.record({ classId: fc.nat(3), score: fc.double({ min: 0, max: 1, noNaN: true }), box });
const candidates = fc.array(candidate, { maxLength: 60 });
const filter = fc.record({
  confidence: fc.double({ min: 0, max: 1, noNaN: true }),
  iou: fc.double({ min: 0, max: 1, noNaN: true }),
  classIds: fc.option(fc.uniqueArray(fc.nat(3)).map((ids) => new Set(ids))),
});

describe('suppress', () => {
  test('keeps what is eligible and not overlapped by a better one of its class, best first', () => {
    fc.assert(
      fc.property(candidates, filter, (input, settings) => {
        const before = structuredClone(input);
        const kept = suppress(input, settings);
        expect(input).toEqual(before);
        for (const [index, one] of kept.entries()) {
          expect(input).toContain(one);
          expect(one.score).toBeGreaterThanOrEqual(settings.confidence);
          expect(settings.classIds?.has(one.classId) ?? true).toBe(true);
          const next = kept[index + 1];
          if (next) expect(next.score).toBeLessThanOrEqual(one.score);
          for (const other of kept.slice(index + 1)) {
            if (other.classId === one.classId) expect(boxIou(one.box, other.box)).toBeLessThanOrEqual(settings.iou);
          }
        }
        for (const one of input) {
          const eligible = one.score >= settings.confidence && (settings.classIds?.has(one.classId) ?? true);
          if (!eligible || kept.includes(one)) continue;
          const better = kept.some(
            (rival) =>
              rival.classId === one.classId && rival.score >= one.score && boxIou(rival.box, one.box) > settings.iou,
          );
          expect(better).toBe(true);
        }
      }),
    );
  });

  test('a second pass changes nothing', () => {
    fc.assert(
      fc.property(candidates, filter, (input, settings) => {
        const once = suppress(input, settings);
        expect(suppress(once, settings)).toEqual(once);
      }),
    );
  });

  test('two overlapping cars are one, a car and a truck are two unless they are one box under two names', () => {
    const car: Candidate = { classId: 2, score: 0.9, box: [0, 0, 10, 10] };
    const sameCar: Candidate = { classId: 2, score: 0.8, box: [1, 0, 11, 10] };
    const truck: Candidate = { classId: 7, score: 0.7, box: [2.5, 0, 12.5, 10] };
    const carCalledTruck: Candidate = { classId: 7, score: 0.6, box: [0.5, 0, 10.5, 10] };
    expect(suppress([carCalledTruck, car], { confidence: 0.35, iou: 0.5, classIds: null })).toEqual([car]);
    expect(suppress([sameCar, truck, car], { confidence: 0.35, iou: 0.5, classIds: null })).toEqual([car, truck]);
    expect(suppress([sameCar, truck, car], { confidence: 0.35, iou: 0.5, classIds: new Set([7]) })).toEqual([truck]);
    expect(suppress([sameCar, truck, car], { confidence: 0.35, iou: 0.5, classIds: new Set() })).toEqual([]);
  });
});

test('overlap is symmetric, in 0..1, and 1 for a box with itself', () => {
  fc.assert(
    fc.property(box, box, (a, b) => {
      const overlap = boxIou(a, b);
      expect(overlap).toBe(boxIou(b, a));
      expect(overlap).toBeGreaterThanOrEqual(0);
      expect(overlap).toBeLessThanOrEqual(1);
      if ((a[2] - a[0]) * (a[3] - a[1]) > 0) expect(boxIou(a, a)).toBeCloseTo(1, 9);
    }),
  );
});

test('class names become ids; unknown ones are named', () => {
  const labels = ['person', 'bicycle', 'car', 'Car'];
  expect(classIdsOf(labels, [])).toEqual({ ids: null, unknown: [] });
  expect(classIdsOf(labels, ['car', 'lorry'])).toEqual({ ids: new Set([2, 3]), unknown: ['lorry'] });
  expect(classIdsOf(labels, ['lorry'])).toEqual({ ids: new Set(), unknown: ['lorry'] });
});
