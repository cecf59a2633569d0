import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TextVote } from './text-vote.ts';

/** @param texts what the reading may say, with its probability. */
function reading(texts: Record<string, number>, widthPx = 80, isRepeat = false) {
  const alternatives = Object.entries(texts).map(([value, probability]) => ({ value, probability }));
  return { alternatives: alternatives.sort((a, b) => b.probability - a.probability), widthPx, isRepeat };
}
function voteOf(...readings: ReturnType<typeof reading>[]): TextVote {
  const vote = new TextVote();
  for (const one of readings) vote.add(one);
  return vote;
}
const sure = { SGX1234: 0.95 };

test('two clear readings that agree settle; one alone does so only when it is clear and the track has ended', () => {
  expect(voteOf(reading(sure)).settled(false)).toBeNull();
  expect(voteOf(reading(sure)).settled(true)?.value).toBe('SGX1234');
  expect(voteOf(reading({ SGX1234: 0.6 })).settled(true)).toBeNull();
  expect(voteOf(reading(sure), reading(sure)).settled(false)?.value).toBe('SGX1234');
  expect(new TextVote().settled(true)).toBeNull();
});

test('two unsure readings that agree do not settle; more of them do', () => {
  const unsure = reading({ SGX1234: 0.6, SGX1284: 0.3 });
  expect(voteOf(unsure, unsure).settled(false)).toBeNull();
  expect(voteOf(unsure, unsure, unsure, unsure).settled(false)?.value).toBe('SGX1234');
});

test('clear readings that contradict each other do not settle', () => {
  expect(voteOf(reading({ SGX1234: 0.95 }), reading({ SGX1284: 0.95 })).settled(true)).toBeNull();
});

test('a letter that every reading held possible wins over those that each preferred', () => {
  const vote = voteOf(
    reading({ IX97AZE: 0.5, JX97AZE: 0.45 }),
    reading({ '1X97AZE': 0.5, JX97AZE: 0.45 }),
    reading({ JX97AZE: 0.9, X97AZE: 0.05 }),
  );
  expect(vote.settled(true)).toMatchObject({ value: 'JX97AZE' });
});

test('a reading that lost its first letter does not outvote those that had it', () => {
  expect(voteOf(reading(sure), reading({ GX1234: 0.9 }), reading(sure)).settled(true)?.value).toBe('SGX1234');
});

test('large letters outweigh small ones', () => {
  const small = reading({ SGX1284: 0.7, SGX1234: 0.1 }, 25);
  expect(voteOf(small, small, small, reading(sure), reading(sure)).settled(false)?.value).toBe('SGX1234');
});

test('the same view again says little more', () => {
  const texts = { HI64378: 0.7, HJ64378: 0.2 };
  const repeats = Array.from({ length: 3 }, () => reading(texts, 80, true));
  expect(voteOf(reading(texts), ...repeats).settled(false)).toBeNull();
  const views = Array.from({ length: 4 }, () => reading(texts));
  expect(voteOf(...views).settled(false)?.value).toBe('HI64378');
});

test('one reading of something else changes neither the value nor much of its score', () => {
  const before = voteOf(reading(sure), reading(sure)).settled(false);
  const after = voteOf(reading(sure), reading(sure), reading({ TAXI: 0.9 })).settled(false);
  expect(after?.value).toBe('SGX1234');
  expect(after?.score).toBeGreaterThan((before?.score ?? 1) - 0.1);
});

test('whatever is read, a settled value was read at least once, and its score is a fraction', () => {
  const one = fc.record({
    texts: fc.dictionary(
      fc.string({ unit: fc.constantFrom('A', 'B', '8', '京'), minLength: 1, maxLength: 4 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      { maxKeys: 5 },
    ),
    widthPx: fc.double({ min: 1, max: 200, noNaN: true }),
  });
  fc.assert(
    fc.property(fc.array(one, { maxLength: 12 }), fc.boolean(), (readings, isOver) => {
      const settled = voteOf(...readings.map(({ texts, widthPx }) => reading(texts, widthPx))).settled(isOver);
      if (settled === null) return;
      expect(readings.flatMap(({ texts }) => Object.keys(texts))).toContain(settled.value);
      expect(settled.score).toBeGreaterThanOrEqual(0);
      expect(settled.score).toBeLessThanOrEqual(1);
    }),
  );
});
