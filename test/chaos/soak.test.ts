/**
 * The usual world for a few minutes with nothing broken: no process needs more and more. As long as a CI may take; half an hour,
 * which finds leaks of a few megabytes an hour, is `npm run soak` (docs/reliability.md).
 */
import { expect, test } from 'vitest';
import { chaos } from './chaos.ts';
import type { Rule } from './watch.ts';

/** How soon is a matter of the machine, which CI shares with other tests. */
const timed: readonly Rule[] = ['frame-lost', 'unowned'];

test('eight cameras, four and a half minutes: memory, threads and handles do not grow', {
  timeout: 600_000,
}, async () => {
  const lines: string[] = [];
  const report = await chaos({
    ...{ minutes: 4.5, seed: 'ci', only: [], isSoak: true, cameras: 8 },
    onLine: (line) => lines.push(line),
  });
  expect(
    report.violations.filter(({ rule }) => !timed.includes(rule)),
    lines.join('\n'),
  ).toEqual([]);
  const alive = report.processes.filter(({ isAlive }) => isAlive);
  expect(alive.map(({ kind }) => kind).sort()).toEqual(['control', 'worker', 'worker', 'worker']);
  for (const { process, rssMegabytes, threads, handles } of alive) {
    for (const { slope, min } of [rssMegabytes, threads, handles]) {
      expect(slope, process).not.toBeNull();
      expect(min, process).toBeGreaterThan(0);
    }
  }
  expect(report.stores.rest.slope).not.toBeNull();
  expect(report.balance.framesPublished).toBeGreaterThan(8 * 60);
});
