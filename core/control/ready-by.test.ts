/** Promises of windows: the same verdicts however the time is cut into slices, and none that was not made. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { OpenWindow } from '../fleet-state.ts';
import { noonMs } from './fleet-factories.ts';
import { type AccountedStretch, judgeWindows, readyToleranceMs, type WindowPromise } from './ready-by.ts';

const minuteMs = 60_000;
const always = Number.NEGATIVE_INFINITY;
const judge = (
  windows: [number, number][],
  stretches: AccountedStretch[],
  slice: [number, number],
  openWindow?: OpenWindow,
  promisableFromMs = always,
) =>
  judgeWindows(
    { cameraId: 'cam', ...(openWindow === undefined ? {} : { openWindow }) },
    windows.map(([startMs, endMs]) => ({ startMs, endMs })),
    stretches,
    { startMs: slice[0], endMs: slice[1] },
    promisableFromMs,
  );
const stretch = (startMs: number, endMs: number, cause: string | null) => ({ startMs, endMs, cause });

describe('a window', () => {
  const endMs = noonMs + 10 * minuteMs;
  const readyAfter = (latenessMs: number) => [
    stretch(noonMs - minuteMs, noonMs + latenessMs, 'waiting-capacity'),
    stretch(noonMs + latenessMs, endMs, null),
  ];

  it('is a hit when somebody watches within the tolerance, and else missed with its cause', () => {
    const verdict = (latenessMs: number) =>
      judge([[noonMs, endMs + minuteMs]], readyAfter(latenessMs), [noonMs - minuteMs, endMs]).promises[0];
    expect(verdict(0)).toMatchObject({ outcome: 'hit', latenessMs: 0, cause: null });
    expect(verdict(readyToleranceMs)).toMatchObject({ outcome: 'hit', latenessMs: readyToleranceMs });
    expect(verdict(readyToleranceMs + 1)).toMatchObject({ outcome: 'missed', cause: 'waiting-capacity' });
  });

  it('a camera that sends nothing is no broken promise', () => {
    const silent = [stretch(noonMs, endMs, 'silent')];
    expect(judge([[noonMs, endMs]], silent, [noonMs, endMs]).promises).toMatchObject([{ outcome: 'hit' }]);
  });

  it('in which nobody was ever ready is missed by its whole length', () => {
    const blind = [stretch(noonMs, noonMs + 3 * minuteMs, 'waiting-capacity')];
    const first = judge([[noonMs, endMs]], blind, [noonMs, noonMs + 3 * minuteMs]);
    expect(first).toMatchObject({ promises: [], open: { startMs: noonMs, cause: 'waiting-capacity' } });
    const rest = [stretch(noonMs + 3 * minuteMs, endMs + 1, 'starting')];
    expect(judge([[noonMs, endMs]], rest, [noonMs + 3 * minuteMs, endMs + 1], first.open).promises).toEqual([
      {
        ...{ cameraId: 'cam', windowStartMs: noonMs, latenessMs: 10 * minuteMs },
        ...{ outcome: 'missed', cause: 'waiting-capacity' },
      },
    ]);
  });

  it('that nobody knew of in time is not judged', () => {
    const judged = judge([[noonMs, endMs]], readyAfter(minuteMs), [noonMs - minuteMs, endMs], undefined, noonMs + 1);
    expect(judged).toEqual({ promises: [], open: undefined });
  });
});

it('gives the same verdicts however the time is cut into slices', () => {
  const spanMs = 100_000;
  const arbitrary = fc.record({
    cuts: fc.uniqueArray(fc.integer({ min: 1, max: spanMs - 1 }), { maxLength: 6 }),
    edges: fc.uniqueArray(fc.integer({ min: 1, max: spanMs - 1 }), { minLength: 2, maxLength: 8 }),
    changes: fc.uniqueArray(fc.integer({ min: 1, max: spanMs - 1 }), { maxLength: 8 }),
    causes: fc.array(fc.constantFrom(null, 'silent', 'starting', 'waiting-capacity'), { minLength: 9, maxLength: 9 }),
  });
  fc.assert(
    fc.property(arbitrary, ({ cuts, edges, changes, causes }) => {
      const sorted = [...edges].sort((a, b) => a - b);
      const windows = sorted.flatMap((startMs, index): [number, number][] => {
        const endMs = sorted[index + 1];
        return index % 2 === 0 && endMs !== undefined ? [[startMs, endMs]] : [];
      });
      const bounds = [0, ...[...changes].sort((a, b) => a - b), spanMs];
      const account = bounds.slice(1).map((endMs, index) => stretch(bounds[index] ?? 0, endMs, causes[index] ?? null));
      const clipped = (fromMs: number, toMs: number) =>
        account
          .map((one) => ({ ...one, startMs: Math.max(one.startMs, fromMs), endMs: Math.min(one.endMs, toMs) }))
          .filter(({ startMs, endMs }) => startMs < endMs);
      const whole = judge(windows, account, [0, spanMs]);
      const promises: WindowPromise[] = [];
      let open: OpenWindow | undefined;
      const at = [0, ...[...cuts].sort((a, b) => a - b), spanMs];
      for (const [index, toMs] of at.slice(1).entries()) {
        const fromMs = at[index] ?? 0;
        const part = judge(windows, clipped(fromMs, toMs), [fromMs, toMs], open);
        promises.push(...part.promises);
        open = part.open;
      }
      expect(promises).toEqual(whole.promises);
      expect(open).toEqual(whole.open);
    }),
  );
});
