/** Input that cannot be true: the fleet holds, says why, and goes on by itself once it is over. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FleetItem } from '../fleet-state.ts';
import { believable } from './believable.ts';
import { decide } from './decide.ts';
import { noonMs, observation, policy, report, state, worker } from './fleet-factories.ts';
import type { FleetObservation } from './observation.ts';
import { camerasPerFleetMax } from './policy.ts';

const hourMs = 3_600_000;
/** Two workers, each with a camera that it runs. */
function running(atMs = noonMs, item: Partial<FleetItem> = {}): FleetObservation {
  const heartbeat = { heartbeatAtMs: noonMs - 1_000 };
  const owned = (cameraId: string, ownerWorkerId: string) =>
    state(cameraId, { ownerWorkerId, epoch: 1, phase: 'running', accountedThroughMs: Math.min(atMs, noonMs) });
  const seen = observation(
    [owned('a', 'w1'), owned('b', 'w2')],
    [
      worker('w1', { ...heartbeat, running: { a: report() } }),
      worker('w2', { ...heartbeat, running: { b: report() } }),
    ],
  );
  return { ...seen, fleet: { ...seen.fleet, meteredThroughMs: noonMs - 60_000, ...item } };
}
const run = (seen: FleetObservation, atMs = noonMs, given = {}) => decide(seen, policy(given), atMs);

function expectHold(seen: FleetObservation, words: RegExp, atMs = noonMs): void {
  const { plan, changes, buried, problems } = run(seen, atMs);
  expect(plan).toMatchObject({ drains: [], terminations: [], stops: [] });
  expect(plan.setInstances ?? Number.POSITIVE_INFINITY).toBeGreaterThanOrEqual(seen.workers.length);
  expect(changes.filter(({ ownership }) => ownership !== null)).toEqual([]);
  expect(buried).toEqual([]);
  expect(problems.map((problem) => problem.words).join('\n')).toMatch(words);
  expect(plan.reason).toMatch(/^.*hold at 2 workers: could not read/);
}

describe('what AWS answers', () => {
  const group = (given: object) => {
    const seen = running();
    return { ...seen, group: { ...seen.group, ...given } as never };
  };

  it('counts below zero, fractions, and a minimum above the maximum', () => {
    expectHold(group({ desired: -1 }), /sizes -1, 0 to 10 are no counts/);
    expectHold(group({ desired: Number.NaN }), /are no counts/);
    expectHold(group({ min: 5, max: 2 }), /its minimum 5 is more than its maximum 2/);
    const seen = running();
    const service = { desired: 2, running: -3, pending: 0, taskDefinition: null };
    expectHold({ ...seen, service }, /tasks 2, -3, 0 are no counts/);
  });

  it('instances without an id, or twice', () => {
    expectHold(group({ instances: [{ instanceId: '', lifecycleState: 'InService' }] }), /an instance has no id/);
    const twice = { instanceId: 'i-w1', lifecycleState: 'InService' };
    expectHold(group({ instances: [twice, twice] }), /an instance is listed twice/);
  });

  it('container instances that no group knows get no task and end nothing', () => {
    const seen = running();
    const unknown = { arn: 'arn/i-other', instanceId: 'i-other', status: 'ACTIVE' };
    const containerInstances = [...(seen.containerInstances ?? []), unknown];
    const { plan, problems } = run({ ...seen, containerInstances });
    expect(plan).toMatchObject({ setTasks: null, terminations: [], drains: [] });
    expect(problems).toEqual([]);
  });
});

describe('clocks', () => {
  it('this machine’s goes back an hour: nothing moves; forward again: as before', () => {
    expectHold(running(noonMs - hourMs), /the clock went back: every worker is at least 3599 s ahead/, noonMs - hourMs);
    expect(run(running()).problems).toEqual([]);
  });

  it('this machine’s goes on an hour: nothing moves in the first run; who is silent in the next is dead', () => {
    expectHold(running(), /the clock went on by 3660 s since the last run, and no worker with it/, noonMs + hourMs);
    const next = running(noonMs, { meteredThroughMs: noonMs + hourMs });
    expect(run(next, noonMs + hourMs + 60_000).changes.map(({ ownership }) => ownership?.kind)).toEqual([
      'disown',
      'disown',
    ]);
  });

  it('this machine’s went on an hour and is right again: the next run goes on by itself, and says nothing', () => {
    expectHold(running(), /the clock went on by/, noonMs + hourMs);
    // The run that held has written that the fleet is metered up to the instant that was wrong.
    const seen = running(noonMs, { meteredThroughMs: noonMs + hourMs });
    const { plan, changes, problems, meter } = run(seen, noonMs + 1_000);
    expect(problems).toEqual([]);
    expect(plan.inputs.observationsMissing).toBe(0);
    expect(changes.filter(({ ownership }) => ownership !== null)).toEqual([]);
    expect(meter).toEqual({ meteredThroughMs: noonMs + 1_000, days: [] });
  });

  it('a loop that stood still for an hour sees living workers and goes on at once', () => {
    const seen = running();
    const workers = seen.workers.map((one) => ({ ...one, heartbeatAtMs: noonMs + hourMs - 2_000 }));
    expect(run({ ...seen, workers }, noonMs + hourMs).problems).toEqual([]);
  });

  it('one worker’s alone is said, and stops nothing', () => {
    const seen = running();
    const workers = seen.workers.map((one, index) => (index === 0 ? { ...one, heartbeatAtMs: noonMs + hourMs } : one));
    const { problems, plan } = run({ ...seen, workers });
    expect(problems.map(({ words }) => words)).toEqual([
      'clocks of workers are ahead: w1 by 3600 s; that they fall silent is seen that much later',
    ]);
    expect(plan.reason).not.toContain('hold');
  });

  it('waiting that began in the future ends: a silent camera returns with its media', () => {
    const silent = state('a', { silentSinceMs: noonMs + hourMs, ownerWorkerId: 'w1', epoch: 1, phase: 'silent' });
    const seen = observation([silent], [worker('w1', { running: { a: report({ lastMediaAtMs: noonMs + 500 }) } })]);
    const changed = decide(seen, policy(), noonMs + 1_000).changes;
    expect(changed[0]?.next.phase).toBe('silent');
    const back = decide(
      {
        ...seen,
        workers: [
          worker('w1', { heartbeatAtMs: noonMs + 4_000, running: { a: report({ lastMediaAtMs: noonMs + 4_000 }) } }),
        ],
      },
      policy(),
      noonMs + 2_000,
    );
    expect(back.changes[0]?.next).toMatchObject({ phase: 'running' });
    expect(back.changes[0]?.next.silentSinceMs).toBeUndefined();
  });
});

describe('what workers and people write', () => {
  it('capacities that cannot be are assumed instead', () => {
    for (const capacityInferencesPerSecond of [-5, 0, Number.NaN, 1e9]) {
      const seen = running();
      const workers = seen.workers.map((one) => ({ ...one, capacityInferencesPerSecond }));
      const { plan, problems } = run({ ...seen, workers });
      expect(problems[0]?.words).toContain(`w1 ${capacityInferencesPerSecond}, w2 ${capacityInferencesPerSecond}`);
      expect(plan.inputs.inferencesPerSecondPerWorker).toBe(100);
      expect(plan.shed.size).toBe(0);
    }
  });

  it('items that are no workers are left out, and nothing shrinks for it', () => {
    const seen = running();
    const broken = { fleet: 'default', workerId: 'w0' } as never;
    const { plan, problems } = run({ ...seen, workers: [broken, ...seen.workers] });
    expect(problems.map(({ words }) => words)).toEqual(['items of the workers table cannot be used: w0']);
    expect(plan).toMatchObject({ drains: [], terminations: [] });
  });

  it('a policy with a minimum above its maximum is ignored as a whole, and said', () => {
    const seen = running(noonMs, { policy: { minWorkers: 20, scaleInDelayMs: 0 } });
    const { problems, plan } = run(seen);
    expect(problems).toMatchObject([{ kind: 'policy', words: expect.stringContaining('more than maxWorkers') }]);
    expect(plan.inputs.minWorkers).toBe(0);
    expect(run(running(noonMs, { policy: { minWorkers: 2 } })).problems).toEqual([]);
  });

  it('ten thousand rows in one fleet: the most important ones are watched, and the rest is told why', () => {
    const owner = { ownerWorkerId: 'w1', epoch: 1, phase: 'running' as const };
    const cameras = Array.from({ length: 10_000 }, (_, index) => {
      const cameraId = `c${String(index).padStart(5, '0')}`;
      return { ...state('x', index === 9_999 ? owner : {}, { priority: index % 100 }), cameraId };
    });
    const large = worker('w1', { capacityInferencesPerSecond: 20_000, running: { c09999: report() } });
    const seen = observation(cameras, [large]);
    const { demands, changes, problems } = decide(seen, policy({ maxWorkers: 500 }), noonMs);
    const wanted = demands.filter(({ wantedNow }) => wantedNow);
    expect(wanted).toHaveLength(camerasPerFleetMax);
    expect(Math.min(...wanted.map(({ priority }) => priority))).toBe(80);
    expect(problems).toMatchObject([
      { kind: 'fleet-size', words: expect.stringContaining('10000 cameras and holds 2000') },
    ]);
    const nextOf = (cameraId: string) => changes.find((one) => one.cameraId === cameraId)?.next;
    expect(nextOf('c00000')).toMatchObject({ phase: 'shed', phaseReason: expect.stringContaining('another fleet') });
    expect(nextOf('c09999')?.phase).not.toBe('shed');
    const fewer = { ...seen, cameras: cameras.slice(0, camerasPerFleetMax) };
    expect(decide(fewer, policy({ maxWorkers: 500 }), noonMs).demands.every(({ wantedNow }) => wantedNow)).toBe(true);
  });
});

it('what can be true is left as it is', () => {
  const arbitrary = fc.record({
    skewMs: fc.integer({ min: -20_000, max: 60_000 }),
    workers: fc.nat(4),
    gapMs: fc.nat(299_999),
  });
  fc.assert(
    fc.property(arbitrary, ({ skewMs, workers, gapMs }) => {
      const items = Array.from({ length: workers }, (_, index) =>
        worker(`w${index}`, { heartbeatAtMs: noonMs + skewMs }),
      );
      const seen = observation([state('a')], items);
      const given = { ...seen, fleet: { ...seen.fleet, meteredThroughMs: noonMs - gapMs } };
      const { observation: believed, problems } = believable(given, policy(), noonMs);
      expect(problems).toEqual([]);
      expect(believed).toBe(given);
    }),
  );
});
