/** The modelled loop begins its runs when production does (functions/run-spacing.test.ts has the same cases). */
import { expect, it } from 'vitest';
import { runSpacingMs } from '../control/run-spacing.ts';
import { EventQueue } from './event-queue.ts';
import { LoopTurns, type News } from './loop-turns.ts';

const runMs = 800;

/** @param failing runs, by their number, that fail in a step. @returns when each run began. */
function play(news: readonly (readonly [atMs: number, kind: News])[], failing: readonly number[] = []): number[] {
  const queue = new EventQueue();
  const clock = { nowMs: 0 };
  const begunMs: number[] = [];
  const turns = new LoopTurns({
    queue,
    clock,
    run: (ended) => {
      begunMs.push(clock.nowMs);
      const isFailing = failing.includes(begunMs.length);
      queue.at(clock.nowMs + runMs, () => ended(isFailing));
    },
  });
  for (const [atMs, kind] of news) queue.at(atMs, () => turns.hear(kind));
  for (let event = queue.take(); event !== undefined; event = queue.take()) {
    clock.nowMs = event.atMs;
    event.happen();
  }
  return begunMs;
}

it('news far apart is answered at once, each by its own run', () => {
  const atMs = [0, 10_000, 20_000, 30_000, 40_000, 50_000, 60_000];
  expect(play(atMs.map((one) => [one, 'soon']))).toEqual(atMs);
});

it('a storm of ten seconds is answered by five runs at once and one each five seconds, the last one after the last of it', () => {
  const lastMs = 9_950;
  const begunMs = play(Array.from({ length: 200 }, (_, index) => [index * 50, 'soon'] as const));
  expect(begunMs.length).toBeLessThanOrEqual(8);
  expect(begunMs.slice(0, 5)).toEqual([0, 1, 2, 3, 4].map((index) => index * runMs));
  expect(begunMs.at(-1)).toBeGreaterThan(lastMs);
  expect(begunMs.at(-1)).toBeLessThanOrEqual(lastMs + runSpacingMs);
  for (let index = 6; index < begunMs.length; index += 1) {
    expect((begunMs[index] ?? 0) - (begunMs[index - 1] ?? 0)).toBeGreaterThanOrEqual(runSpacingMs - runMs);
  }
});

it('what is urgent waits for nothing but the run under way', () => {
  const storm = Array.from({ length: 100 }, (_, index) => [index * 50, 'soon'] as const);
  expect(play([...storm, [5_900, 'urgent']])).toContain(5_900);
  expect(
    play([
      [0, 'soon'],
      [100, 'urgent'],
    ]),
  ).toEqual([0, runMs]);
});

it('a run that failed in a step is repeated at once, and only once', () => {
  expect(play([[0, 'urgent']], [1])).toEqual([0, runMs]);
  expect(play([[0, 'urgent']], [1, 2, 3])).toEqual([0, runMs]);
});

it('after five runs in a row others get their turn, and whoever asked last is still answered', () => {
  // One during each run, urgent, so that nothing else spaces them.
  const begunMs = play([0, 100, 900, 1_700, 2_500, 3_300].map((atMs) => [atMs, 'urgent'] as const));
  expect(begunMs).toEqual([0, 1, 2, 3, 4, 5].map((index) => index * runMs));
});
