/** A week of the ledger in words that add up, whatever fractions the hours carry. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { coverageOf, type LedgerHour } from './coverage.ts';

const arbitraryHour = fc
  .record({
    hours: fc.nat(7 * 24 - 1),
    inferred: fc.double({ min: 0, max: 3_600, noNaN: true }),
    blind: fc.dictionary(
      fc.constantFrom('late', 'silent', 'reconnect', 'handover'),
      fc.double({ min: 0, max: 900, noNaN: true }),
    ),
  })
  .map(({ hours, inferred, blind }): LedgerHour => {
    const at = new Date(Date.parse('2026-11-23T00:00:00Z') + hours * 3_600_000).toISOString();
    const sum = Object.values(blind).reduce((total, seconds) => total + seconds, 0);
    return {
      hour: `${at.slice(0, 13)}Z`,
      scheduledSeconds: inferred + sum,
      inferredSeconds: inferred,
      blindSeconds: blind,
    };
  });

it('scheduled = inferred + blind to the second, in every day and in all, and within a second of the exact sums', () => {
  fc.assert(
    fc.property(fc.array(arbitraryHour, { maxLength: 60 }), (hours) => {
      const { days, total } = coverageOf(hours, []);
      for (const { scheduledSeconds, inferredSeconds, blindSeconds } of [...days, total]) {
        const blind = Object.values(blindSeconds).reduce((sum, seconds) => sum + seconds, 0);
        expect(inferredSeconds + blind).toBe(scheduledSeconds);
        expect(inferredSeconds).toBeGreaterThanOrEqual(0);
      }
      const exact = hours.reduce((sum, hour) => sum + hour.scheduledSeconds, 0);
      expect(Math.abs(total.scheduledSeconds - exact)).toBeLessThan(1);
    }),
  );
});

it('tells the days in order, the causes by weight, and the windows that were missed', () => {
  const hour = (name: string, inferredSeconds: number, blindSeconds: Record<string, number>): LedgerHour => ({
    ...{ hour: name, inferredSeconds, blindSeconds },
    scheduledSeconds: inferredSeconds + Object.values(blindSeconds).reduce((sum, seconds) => sum + seconds, 0),
  });
  const windows = [
    { start: '2026-11-24T08:00:00.000Z', outcome: 'hit' as const, latenessMs: 900, cause: null },
    { start: '2026-11-25T08:00:00.000Z', outcome: 'missed' as const, latenessMs: 42_000, cause: 'waiting-capacity' },
  ];
  const told = coverageOf(
    [hour('2026-11-25T08Z', 3_500.5, { starting: 9.5, reconnect: 90 }), hour('2026-11-24T08Z', 3_600, {})],
    windows,
  );
  expect(told).toEqual({
    days: [
      { day: '2026-11-24', scheduledSeconds: 3_600, inferredSeconds: 3_600, blindSeconds: {}, coverage: 1 },
      {
        ...{ day: '2026-11-25', scheduledSeconds: 3_600, inferredSeconds: 3_501, coverage: 3_500.5 / 3_600 },
        blindSeconds: { reconnect: 90, starting: 9 },
      },
    ],
    total: {
      ...{ scheduledSeconds: 7_200, inferredSeconds: 7_101, coverage: 7_100.5 / 7_200 },
      blindSeconds: { reconnect: 90, starting: 9 },
    },
    readyBy: { windows: 2, hit: 1, missed: [windows[1]] },
  });
  expect(Object.keys(told.total.blindSeconds)).toEqual(['reconnect', 'starting']);
  expect(coverageOf([], [])).toMatchObject({ days: [], total: { scheduledSeconds: 0, coverage: null } });
});
