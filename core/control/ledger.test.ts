/** The ledger balances, and lead times are learned from what was measured. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cameraPhases } from '../fleet-state.ts';
import { noonMs, policy, report, state, worker } from './fleet-factories.ts';
import { instancesToSample, leadTimeMs, withLeadTimeSamples } from './lead-time.ts';
import { accountCamera } from './ledger.ts';
import { parsePartialPolicy, policyConflicts } from './policy.ts';

const minuteMs = 60_000;

describe('the ledger', () => {
  it('balances: scheduled is inferred and blind together, within the time that passed', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...cameraPhases),
        fc.constantFrom(...cameraPhases),
        fc.integer({ min: 0, max: 14 * minuteMs }),
        fc.integer({ min: 0, max: 14 * minuteMs }),
        fc.option(fc.integer({ min: 0, max: 14 * minuteMs })),
        (phase, next, sinceMs, windowAgoMs, lastAgoMs) => {
          const before = state('cam', { phase, accountedThroughMs: noonMs - sinceMs });
          const lastInferenceAtMs = lastAgoMs === null ? undefined : noonMs - lastAgoMs;
          const said =
            lastInferenceAtMs === undefined
              ? null
              : report({ lastInferenceAtMs, firstInferenceAtMs: lastInferenceAtMs - 5_000 });
          const scheduled = [{ startMs: noonMs - windowAgoMs, endMs: noonMs }];
          for (const entry of accountCamera(before, next, scheduled, said, noonMs)?.entries ?? []) {
            const blind = Object.values(entry.blindSeconds).reduce((sum, seconds) => sum + seconds, 0);
            expect(entry.inferredSeconds + blind).toBeCloseTo(entry.scheduledSeconds, 6);
            expect(entry.scheduledSeconds * 1000).toBeLessThanOrEqual(Math.min(sinceMs, windowAgoMs) + 1e-6);
            expect(entry.inferredSeconds).toBeGreaterThanOrEqual(0);
          }
        },
      ),
    );
  });

  it('splits at the hour and names the cause', () => {
    const before = state('cam', { phase: 'waiting-capacity', accountedThroughMs: noonMs - 2 * minuteMs });
    const nowMs = noonMs + minuteMs;
    const accounted = accountCamera(
      before,
      'starting',
      [{ startMs: noonMs - 10 * minuteMs, endMs: nowMs }],
      null,
      nowMs,
    );
    expect(accounted?.entries).toEqual([
      {
        cameraId: 'cam',
        hour: '2026-11-24T11Z',
        scheduledSeconds: 120,
        inferredSeconds: 0,
        blindSeconds: { 'waiting-capacity': 120 },
      },
      {
        cameraId: 'cam',
        hour: '2026-11-24T12Z',
        scheduledSeconds: 60,
        inferredSeconds: 0,
        blindSeconds: { 'waiting-capacity': 60 },
      },
    ]);
  });

  it('writes every five minutes while nothing changes, and nothing for a camera that is off', () => {
    const running = state('cam', { phase: 'running', accountedThroughMs: noonMs - 4 * minuteMs });
    const scheduled = [{ startMs: noonMs - 20 * minuteMs, endMs: noonMs }];
    expect(accountCamera(running, 'running', scheduled, report(), noonMs)).toBeNull();
    expect(
      accountCamera(running, 'running', scheduled, report({ lastInferenceAtMs: noonMs + minuteMs }), noonMs + minuteMs),
    ).not.toBeNull();
    expect(accountCamera(state('cam', { accountedThroughMs: 0 }), 'off-schedule', [], null, noonMs)).toBeNull();
  });
});

describe('the lead time', () => {
  it('is assumed until five samples, then their p95', () => {
    expect(leadTimeMs([1, 2, 3, 4], policy())).toBe(420_000);
    expect(leadTimeMs([50, 10, 40, 20, 30], policy())).toBe(50);
    expect(
      leadTimeMs(
        Array.from({ length: 40 }, (_, index) => index + 1),
        policy(),
      ),
    ).toBe(38);
  });

  it('takes one sample an instance and leaves out the wait for the first camera', () => {
    const first = worker('w1', {
      readyAtMs: noonMs - 100_000,
      firstInferenceAtMs: noonMs,
      assignments: { cam: { epoch: 1, camera: state('cam').camera as never, assignedAtMs: noonMs - 4_000 } },
    });
    const candidates = instancesToSample(null, [{ worker: first, instanceId: 'i-1' }]);
    expect(candidates).toEqual([{ instanceId: 'i-1', servedAtMs: noonMs - 96_000 }]);
    const learned = withLeadTimeSamples(null, candidates, new Map([['i-1', noonMs - 296_000]]));
    expect(learned).toEqual({ samplesMs: [200_000], instanceIds: ['i-1'] });
    const item = { fleet: 'default', schemaVersion: 1 as const, leadTimeInstanceIds: ['i-1'] };
    expect(instancesToSample(item, [{ worker: first, instanceId: 'i-1' }])).toEqual([]);
  });
});

describe('the policy', () => {
  it('names every wrong attribute', () => {
    expect(() => parsePartialPolicy({ minWorkers: -1, maxWorker: 3 }, 'test')).toThrow(/minWorkers.*maxWorker/);
    expect(parsePartialPolicy({ maxWorkers: 3 }, 'test')).toEqual({ maxWorkers: 3 });
  });

  it('refuses limits that contradict each other', () => {
    expect(policyConflicts(policy())).toEqual([]);
    expect(policyConflicts(policy({ workerDeadAfterMs: 10_000 }))).toEqual([
      expect.stringContaining('may still publish'),
    ]);
  });
});
