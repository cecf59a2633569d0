import fc from 'fast-check';
import { expect, it } from 'vitest';
import { runSpacingMs, turnOf } from './run-spacing.ts';

it('whatever comes when, and whatever stands in the item: five runs at once, one each five seconds, none waits longer', () => {
  const steps = fc.array(fc.integer({ min: 0, max: 7_000 }), { maxLength: 60 });
  fc.assert(
    fc.property(steps, fc.option(fc.integer({ min: 0, max: 1e13 }), { nil: undefined }), (gapsMs, written) => {
      let nowMs = 1e12;
      let spacedThroughMs = written;
      const runsAtMs: number[] = [];
      for (const gapMs of gapsMs) {
        nowMs += gapMs;
        const turn = turnOf({ ...(spacedThroughMs === undefined ? {} : { spacedThroughMs }) }, null, nowMs);
        if (turn.kind === 'wait') {
          expect(turn.atMs - nowMs).toBeGreaterThan(0);
          expect(turn.atMs - nowMs).toBeLessThanOrEqual(runSpacingMs);
          nowMs = turn.atMs;
        }
        const dueRun = { holder: 'me', atMs: nowMs };
        const taken = turnOf({ dueRun, ...(spacedThroughMs === undefined ? {} : { spacedThroughMs }) }, 'me', nowMs);
        if (taken.kind !== 'run') throw new Error(`expected a run, got ${taken.kind}`);
        spacedThroughMs = taken.spacedThroughMs;
        runsAtMs.push(nowMs);
      }
      for (const [index, atMs] of runsAtMs.entries()) {
        const fifthBefore = runsAtMs[index - 5];
        if (fifthBefore !== undefined) expect(atMs - fifthBefore).toBeGreaterThanOrEqual(runSpacingMs);
      }
    }),
  );
});

it('news is shared only with a run that is still to begin', () => {
  const nowMs = 1e12;
  const lock = { holder: 'other', expiresAtMs: nowMs + 1_000, rerunRequested: false };
  expect(turnOf({}, null, nowMs).kind).toBe('run');
  expect(turnOf({ lock }, null, nowMs).kind).toBe('ask');
  expect(turnOf({ lock: { ...lock, expiresAtMs: nowMs } }, null, nowMs).kind).toBe('run');
  expect(turnOf({ lock: { ...lock, rerunRequested: true } }, null, nowMs).kind).toBe('shared');
  expect(turnOf({ dueRun: { holder: 'other', atMs: nowMs + 1 } }, null, nowMs).kind).toBe('shared');
  // Its holder is about to begin, or died.
  expect(turnOf({ dueRun: { holder: 'other', atMs: nowMs - 1 } }, null, nowMs).kind).toBe('shared');
  expect(turnOf({ dueRun: { holder: 'other', atMs: nowMs - runSpacingMs } }, null, nowMs).kind).toBe('run');
  // A run began while this call waited.
  expect(turnOf({}, 'me', nowMs).kind).toBe('shared');
  expect(turnOf({ dueRun: { holder: 'other', atMs: nowMs + 1 } }, 'me', nowMs).kind).toBe('shared');
  expect(turnOf({ dueRun: { holder: 'me', atMs: nowMs } }, 'me', nowMs).kind).toBe('run');
});
