/** Whatever numbers a model gives, only sound candidates and valid detections come out. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { detectionSchema } from '../../core/records.ts';
import { letterboxGeometry } from '../decode/letterbox.ts';
import { readCandidates } from './candidates.ts';
import { toDetections } from './detections.ts';

const labels = ['red', 'green', 'blue'];
const anyNumber = fc.oneof(fc.float(), fc.float({ min: -50, max: 700, noNaN: true }), fc.nat(4));
const anyRow = fc.tuple(anyNumber, anyNumber, anyNumber, anyNumber, anyNumber, anyNumber);

/** Rows as the tensor of a center-form model ([1, 6, k]) or of an end-to-end one ([1, k, 6]). */
function tensor(rows: readonly (readonly number[])[], boxForm: 'center' | 'corners') {
  const byRow = boxForm === 'corners';
  const fields = [0, 1, 2, 3, 4, 5];
  const data = byRow ? rows.flat() : fields.flatMap((field) => rows.map((row) => row[field] as number));
  return { data: new Float32Array(data), dims: byRow ? [1, rows.length, 6] : [1, 6, rows.length] };
}

test.each(['center', 'corners'] as const)('%s: candidates are finite, have area and a label', (boxForm) => {
  const geometry = letterboxGeometry(1920, 1080, 640, 384);
  fc.assert(
    fc.property(fc.array(anyRow, { maxLength: 20 }), (rows) => {
      const [candidates = []] = readCandidates(tensor(rows, boxForm), 1, { boxForm, labels });
      for (const { classId, score, box } of candidates) {
        expect(labels[classId]).toBeDefined();
        expect(score).toBeGreaterThan(0);
        expect(score).toBeLessThanOrEqual(1);
        expect(box.every(Number.isFinite)).toBe(true);
        expect(box[2] > box[0] && box[3] > box[1]).toBe(true);
      }
      for (const detection of toDetections(candidates, labels, geometry)) {
        detectionSchema.parse(detection);
        const [x1, y1, x2, y2] = detection.box;
        expect(x2 > x1 && y2 > y1).toBe(true);
      }
    }),
  );
});

test('the letterbox is undone, and boxes in the padding alone are dropped', () => {
  // 16:9 in 640×384: twelve grey rows above and below.
  const geometry = letterboxGeometry(1920, 1080, 640, 384);
  const candidates = [
    { classId: 0, score: 0.912345, box: [0, 12, 320, 192] as [number, number, number, number] },
    { classId: 1, score: 0.8, box: [100, 0, 200, 11] as [number, number, number, number] },
    { classId: 2, score: 0.7, box: [-20, -20, 700, 500] as [number, number, number, number] },
  ];
  expect(toDetections(candidates, labels, geometry)).toEqual([
    { label: 'red', classId: 0, score: 0.9123, box: [0, 0, 0.5, 0.5] },
    { label: 'blue', classId: 2, score: 0.7, box: [0, 0, 1, 1] },
  ]);
});
