/** The ledger balances, and lead times are learned from what was measured. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CameraPhase, cameraPhases, type FleetItem, type WatchReport } from '../fleet-state.ts';
import { noonMs, policy, report, state, worker } from './fleet-factories.ts';
import { instancesToSample, leadTimeMs, withLeadTimeSamples } from './lead-time.ts';
import { accountCamera, type OwnersWord } from './ledger.ts';
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
              : { report: report({ lastInferenceAtMs, firstInferenceAtMs: lastInferenceAtMs - 5_000 }), isAlive: true };
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

  it('balances to the millisecond whatever the owners said, over any number of runs', () => {
    const spans = fc.array(fc.tuple(fc.nat(60_000), fc.nat(60_000), fc.constantFrom('reconnect', 'silent')), {
      maxLength: 6,
    });
    const said = fc
      .record({ sinceAgoMs: fc.nat(20 * minuteMs), spans, tailMs: fc.nat(60_000) })
      .map(({ sinceAgoMs, spans: steps, tailMs }): WatchReport => {
        let atMs = noonMs - sinceAgoMs;
        const blind = steps.map(([watchedMs, blindMs, cause]) => {
          const fromMs = atMs + watchedMs;
          atMs = fromMs + blindMs;
          return { fromMs, toMs: atMs, cause };
        });
        return { sinceMs: noonMs - sinceAgoMs, throughMs: atMs + tailMs, blind };
      });
    const step = fc.record({
      afterMs: fc.nat(6 * minuteMs),
      phase: fc.constantFrom(...cameraPhases),
      // No word: a heartbeat was lost, or there is no owner. The same word again: it came late, or twice.
      own: fc.option(said),
      former: fc.option(said),
      isAlive: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 12 }), (steps) => {
        let before = state('cam', { phase: 'running', accountedThroughMs: noonMs });
        const startMs = noonMs;
        let nowMs = noonMs;
        let scheduledSeconds = 0;
        for (const { afterMs, phase, own, former, isAlive } of steps) {
          nowMs += afterMs;
          if (former !== null) before = { ...before, watch: former };
          const word = own === null ? null : { report: report({ watch: own }), isAlive };
          const accounted = accountCamera(before, phase, [{ startMs, endMs: nowMs }], word, nowMs);
          for (const entry of accounted?.entries ?? []) {
            const blind = Object.values(entry.blindSeconds).reduce((sum, seconds) => sum + seconds, 0);
            expect(entry.inferredSeconds + blind).toBeCloseTo(entry.scheduledSeconds, 6);
            scheduledSeconds += entry.scheduledSeconds;
          }
          before = { ...before, phase, accountedThroughMs: accounted?.throughMs ?? before.accountedThroughMs ?? 0 };
          const throughMs = before.accountedThroughMs ?? 0;
          expect(throughMs).toBeLessThanOrEqual(nowMs);
          // No second is counted twice, and none that is more than 15 min old may be left out.
          expect(scheduledSeconds * 1000).toBeLessThanOrEqual(throughMs - startMs + 1e-6);
          if (nowMs - startMs < 15 * minuteMs) expect(scheduledSeconds * 1000).toBeCloseTo(throughMs - startMs, 3);
        }
      }),
    );
  });

  const slice = (given: Parameters<typeof state>[1], word: OwnersWord | null, next: CameraPhase = 'running') => {
    const before = state('cam', { phase: 'running', accountedThroughMs: noonMs, ...given });
    const nowMs = noonMs + 5 * minuteMs;
    const accounted = accountCamera(before, next, [{ startMs: noonMs, endMs: nowMs }], word, nowMs);
    const [entry] = accounted?.entries ?? [];
    return { throughMs: (accounted?.throughMs ?? 0) - noonMs, ...entry };
  };
  const at = (seconds: number) => noonMs + seconds * 1000;
  const watch = (since: number, through: number, ...blind: [number, number, string][]): WatchReport => ({
    sinceMs: at(since),
    throughMs: at(through),
    blind: blind.map(([from, to, cause]) => ({ fromMs: at(from), toMs: at(to), cause })),
  });
  const word = (said: WatchReport, isAlive = true) => ({ report: report({ watch: said }), isAlive });

  it('counts a hole inside a slice by the cause that the worker gave', () => {
    const said = word(watch(-900, 298, [100, 103, 'reconnect'], [200, 230, 'silent']));
    expect(slice({}, said)).toMatchObject({
      throughMs: 298_000,
      scheduledSeconds: 298,
      inferredSeconds: 265,
      blindSeconds: { reconnect: 3, silent: 30 },
    });
  });

  it('believes the last words of a worker that died, and no more', () => {
    expect(slice({}, word(watch(-900, 270, [100, 110, 'reconnect']), false), 'starting')).toMatchObject({
      throughMs: 300_000,
      inferredSeconds: 260,
      blindSeconds: { reconnect: 10, 'worker-lost': 30 },
    });
  });

  it('names the time between two owners a handover', () => {
    const former = watch(-900, 200, [50, 60, 'overload']);
    expect(slice({ watch: former }, null, 'starting').blindSeconds).toEqual({ overload: 10, handover: 100 });
    expect(slice({ watch: former }, word(watch(205, 300, [205, 209, 'starting']))).blindSeconds).toEqual({
      overload: 10,
      handover: 5,
      starting: 4,
    });
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

  it('writes every five minutes while nothing changes, many cameras in turns, and nothing for one that is off', () => {
    const ids = Array.from({ length: 200 }, (_, index) => `cam-${index}`);
    const throughMs = new Map(ids.map((id) => [id, noonMs]));
    const perMinute: number[] = [];
    for (let nowMs = noonMs + minuteMs; nowMs <= noonMs + 60 * minuteMs; nowMs += minuteMs) {
      const word = { report: report({ lastInferenceAtMs: nowMs }), isAlive: true };
      const scheduled = [{ startMs: noonMs, endMs: nowMs }];
      let written = 0;
      for (const id of ids) {
        const running = state(id, { phase: 'running', accountedThroughMs: throughMs.get(id) ?? noonMs });
        const accounting = accountCamera(running, 'running', scheduled, word, nowMs);
        if (accounting === null) continue;
        written += 1;
        throughMs.set(id, accounting.throughMs);
      }
      perMinute.push(written);
    }
    const all = perMinute.reduce((sum, one) => sum + one, 0);
    expect(all).toBeGreaterThan(11 * ids.length);
    expect(all).toBeLessThanOrEqual(13 * ids.length);
    expect(Math.max(...perMinute.slice(10))).toBeLessThan(0.35 * ids.length);
    for (const knownMs of throughMs.values()) expect(noonMs + 60 * minuteMs - knownMs).toBeLessThan(5 * minuteMs);
    expect(accountCamera(state('cam', { accountedThroughMs: 0 }), 'off-schedule', [], null, noonMs)).toBeNull();
  });
});

describe('the lead time', () => {
  it('is assumed until five samples; few of them only make it longer, and not without bound', () => {
    expect(leadTimeMs([1, 2, 3, 4], policy())).toBe(420_000);
    expect(leadTimeMs([50, 10, 40, 20, 30], policy())).toBe(420_000);
    // 300 s and 3.5 times 50 s.
    expect(leadTimeMs([250_000, 350_000, 300_000, 310_000, 290_000], policy())).toBe(474_782);
    expect(leadTimeMs([300_000, 300_000, 300_000, 300_000, 3_000_000], policy())).toBe(840_000);
  });

  it('is from twenty samples on their p95 and as much again as that lies above the median', () => {
    expect(
      leadTimeMs(
        Array.from({ length: 40 }, (_, index) => index + 1),
        policy(),
      ),
    ).toBe(56);
    // One odd boot among twenty-five changes nothing.
    const usual = Array.from({ length: 24 }, () => 300_000);
    expect(leadTimeMs([...usual, 3_000_000], policy())).toBe(300_000);
  });

  it('takes one sample an instance and leaves out the wait for the first camera', () => {
    const first = worker('w1', {
      readyAtMs: noonMs - 100_000,
      firstInferenceAtMs: noonMs,
      assignments: { cam: { epoch: 1, camera: state('cam').camera as never, assignedAtMs: noonMs - 4_000 } },
    });
    const candidates = instancesToSample(null, [{ worker: first, instanceId: 'i-1' }]);
    expect(candidates).toEqual([{ instanceId: 'i-1', servedAtMs: noonMs - 96_000 }]);
    const learned = withLeadTimeSamples(null, candidates, new Map([['i-1', noonMs - 296_000]]), new Set(['i-1']));
    expect(learned).toEqual({ samplesMs: [200_000], instanceIds: ['i-1'], byType: {} });
    const item = { fleet: 'default', schemaVersion: 1 as const, leadTimeInstanceIds: ['i-1'] };
    expect(instancesToSample(item, [{ worker: first, instanceId: 'i-1' }])).toEqual([]);
  });

  it('takes one sample an instance however many there are, and forgets those that are gone', () => {
    const fleetOf = (from: number, count: number) =>
      Array.from({ length: count }, (_, index) => {
        const id = String(from + index);
        return { worker: worker(`w${id}`, { firstInferenceAtMs: noonMs + from + index }), instanceId: `i-${id}` };
      });
    const learn = (item: FleetItem, workers: ReturnType<typeof fleetOf>) => {
      const candidates = instancesToSample(item, workers);
      const launched = new Map(candidates.map(({ instanceId }) => [instanceId, noonMs - 300_000]));
      return withLeadTimeSamples(item, candidates, launched, new Set(workers.map(({ instanceId }) => instanceId)));
    };
    const remembered = (learned: ReturnType<typeof learn>): FleetItem => ({
      ...{ fleet: 'default', schemaVersion: 1 },
      ...{ leadTimeSamplesMs: learned?.samplesMs ?? [], leadTimeInstanceIds: learned?.instanceIds ?? [] },
    });
    const first = fleetOf(0, 94);
    const item = remembered(learn({ fleet: 'default', schemaVersion: 1 }, first));
    expect(item.leadTimeSamplesMs).toHaveLength(50);
    expect(learn(item, first)).toBeNull();
    const later = learn(item, fleetOf(94, 60));
    expect(later?.instanceIds).toEqual(fleetOf(94, 60).map(({ instanceId }) => instanceId));
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
