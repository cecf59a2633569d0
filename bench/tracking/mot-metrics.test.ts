/** The measures say of small cases what one counts by hand. */
import { expect, test } from 'vitest';
import { type FollowedObject, MotEvaluation, type TrueObject } from './mot-metrics.ts';

const at = (x: number) => [x, 0.1, x + 0.1, 0.3];
const object = (objectId: string, x: number, counts = true): TrueObject => ({ objectId, box: at(x), counts });
const track = (trackId: string, x: number): FollowedObject => ({ trackId, box: at(x) });

function evaluated(frames: [TrueObject[], FollowedObject[]][]) {
  const evaluation = new MotEvaluation();
  evaluation.newSequence();
  for (const [truth, followed] of frames) evaluation.frame(truth, followed);
  return evaluation.result();
}

test('perfect tracks', () => {
  const frame: [TrueObject[], FollowedObject[]] = [
    [object('a', 0.1), object('b', 0.5)],
    [track('1', 0.1), track('2', 0.5)],
  ];
  expect(evaluated([frame, frame])).toMatchObject({ mota: 1, idf1: 1, truths: 4, tracks: 2, objects: 2 });
});

test('a miss, a false positive, a switch and a fragment', () => {
  const result = evaluated([
    [[object('a', 0.1)], [track('1', 0.1)]],
    [[object('a', 0.1)], []],
    [[object('a', 0.1)], [track('2', 0.1), track('9', 0.8)]],
    [[object('a', 0.1)], [track('2', 0.1)]],
  ]);
  expect(result).toMatchObject({ misses: 1, falsePositives: 1, identitySwitches: 1, fragmentations: 1 });
  expect(result.mota).toBeCloseTo(1 - 3 / 4, 9);
  // Track 2 keeps to the object longest: 2 of 4 true and of 4 followed boxes.
  expect(result.idf1).toBeCloseTo((2 * 2) / (4 + 4), 9);
});

test('what does not count is neither missed nor wrong, and another scene begins anew', () => {
  const evaluation = new MotEvaluation();
  evaluation.newSequence();
  evaluation.frame([object('a', 0.1, false), object('b', 0.5)], [track('1', 0.1), track('2', 0.5)]);
  evaluation.newSequence();
  evaluation.frame([object('b', 0.5)], [track('7', 0.5)]);
  expect(evaluation.result()).toMatchObject({ mota: 1, idf1: 1, identitySwitches: 0, objects: 2, truths: 2 });
});

test('an object keeps the track that it had while both are right', () => {
  const near = [track('1', 0.1), track('2', 0.12)];
  const result = evaluated([
    [[object('a', 0.1)], [track('1', 0.1)]],
    [[object('a', 0.115)], near],
  ]);
  expect(result.identitySwitches).toBe(0);
});
