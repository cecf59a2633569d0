import fc from 'fast-check';
import { expect, test } from 'vitest';
import { alternativesOf } from './ctc-beam.ts';

const alphabet = ['', 'J', 'I', 'é'];
const charset = [1, 2];

function read(...steps: number[][]) {
  return alternativesOf(Float32Array.from(steps.flat()), alphabet.length, charset, alphabet);
}

test('repeats are one character, a blank between makes two, and doubt is told as a second text', () => {
  expect(read([0, 1, 0, 0], [0, 1, 0, 0])).toEqual([{ value: 'J', probability: 1 }]);
  expect(read([0, 1, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0])).toEqual([{ value: 'JJ', probability: 1 }]);
  const [first, second] = read([0, 0.4, 0.6, 0], [1, 0, 0, 0]);
  expect([first?.value, second?.value]).toEqual(['I', 'J']);
  expect(second?.probability).toBeCloseTo(0.4, 5);
});

test('what the charset leaves out is no text and takes no probability', () => {
  expect(read([0, 0.25, 0, 0.75])).toEqual([{ value: 'J', probability: 1 }]);
  expect(read([0, 0, 0, 1])).toEqual([{ value: '', probability: 1 }]);
});

/** All ways through the steps, one by one. */
function enumerated(steps: readonly (readonly number[])[]): Map<string, number> {
  let paths: { value: string; last: number; probability: number }[] = [{ value: '', last: 0, probability: 1 }];
  for (const step of steps) {
    paths = paths.flatMap((path) =>
      [0, ...charset].map((one) => ({
        value: one === 0 || one === path.last ? path.value : path.value + alphabet[one],
        last: one,
        probability: path.probability * (step[one] as number),
      })),
    );
  }
  const sums = new Map<string, number>();
  for (const { value, probability } of paths) sums.set(value, (sums.get(value) ?? 0) + probability);
  return sums;
}

test('the probabilities are those of all ways that lead to a text', () => {
  const step = fc
    .tuple(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 20 }))
    .map((parts) => parts.map((part) => part / (parts[0] + parts[1] + parts[2])));
  fc.assert(
    // Two steps have seven texts, fewer than beams: nothing is cut.
    fc.property(fc.array(step, { minLength: 1, maxLength: 2 }), (steps) => {
      const truth = enumerated(steps);
      const answers = read(...steps.map((probabilities) => [...probabilities, 0]));
      expect(answers.length).toBeGreaterThan(0);
      for (const { value, probability } of answers) expect(probability).toBeCloseTo(truth.get(value) ?? 0, 5);
      const best = [...truth.values()].reduce((a, b) => Math.max(a, b));
      expect(answers[0]?.probability).toBeCloseTo(best, 5);
    }),
  );
});
