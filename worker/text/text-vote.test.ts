import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TextVote } from './text-vote.ts';

function reading(value: string, score = 0.95, heightPx = 24) {
  return { value, scores: [...value].map(() => score), heightPx };
}
function voteOf(...readings: ReturnType<typeof reading>[]): TextVote {
  const vote = new TextVote();
  for (const one of readings) vote.add(one);
  return vote;
}

test('two readings that agree settle; one alone does so only when it is sure and the track has ended', () => {
  expect(voteOf(reading('SGX1234')).settled(false)).toBeNull();
  expect(voteOf(reading('SGX1234')).settled(true)).toEqual({ value: 'SGX1234', score: 0.95 });
  expect(voteOf(reading('SGX1234', 0.8)).settled(true)).toBeNull();
  expect(voteOf(reading('SGX1234', 0.8), reading('SGX1234', 0.8)).settled(false)?.value).toBe('SGX1234');
  expect(new TextVote().settled(true)).toBeNull();
});

test('readings that disagree do not settle, whatever each of them says of itself', () => {
  expect(voteOf(reading('SGX1234'), reading('SGX1284')).settled(true)).toBeNull();
  expect(voteOf(reading('SGX1234'), reading('SGX123')).settled(true)).toBeNull();
});

test('large and sure letters outweigh small and unsure ones', () => {
  const small = reading('SGX1284', 0.6, 8);
  const large = reading('SGX1234', 0.98, 30);
  expect(voteOf(small, small, large, large).settled(false)?.value).toBe('SGX1234');
});

test('errors at different places are outvoted, character by character', () => {
  const truth = 'AB12CDE';
  const wrongAt = (place: number) => reading(`${truth.slice(0, place)}8${truth.slice(place + 1)}`, 0.7);
  const vote = voteOf(wrongAt(0), wrongAt(2), reading(truth), wrongAt(5), reading(truth));
  expect(vote.settled(false)).toMatchObject({ value: truth });
});

test('whatever is read, a settled value was read at least once and its score is a fraction', () => {
  const one = fc.record({
    value: fc.string({ unit: fc.constantFrom('A', 'B', '8', '京'), minLength: 1, maxLength: 4 }),
    score: fc.double({ min: 0, max: 1, noNaN: true }),
    heightPx: fc.double({ min: 1, max: 100, noNaN: true }),
  });
  fc.assert(
    fc.property(fc.array(one, { maxLength: 12 }), fc.boolean(), (readings, isOver) => {
      const settled = voteOf(...readings.map(({ value, score, heightPx }) => reading(value, score, heightPx))).settled(
        isOver,
      );
      if (settled === null) return;
      expect(readings.map(({ value }) => value)).toContain(settled.value);
      expect(settled.score).toBeGreaterThanOrEqual(0);
      expect(settled.score).toBeLessThanOrEqual(1);
    }),
  );
});
