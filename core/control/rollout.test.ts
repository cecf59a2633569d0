/** A new revision takes the fleet over: with a worker beyond demand where one may be had, one at a time where not. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CameraState, WorkerItem } from '../fleet-state.ts';
import { decide } from './decide.ts';
import { noonMs, observation, policy, report, state, worker } from './fleet-factories.ts';
import type { FleetObservation } from './observation.ts';

const taskArn = (workerId: string) => `arn:aws:ecs:eu-west-1:1:task/c/${workerId}`;
const owned = (cameraId: string, workerId: string, fps = 5) =>
  state(cameraId, { ownerWorkerId: workerId, epoch: 1, ownedSinceMs: 0, phase: 'running' }, { detect: { fps } });
const on = (revision: string, workerId: string, cameras: CameraState[] = [], given: Partial<WorkerItem> = {}) =>
  worker(workerId, {
    ...{ revision: `gpu:${revision}`, taskArn: taskArn(workerId) },
    running: Object.fromEntries(cameras.map(({ cameraId }) => [cameraId, report()])),
    assignments: Object.fromEntries(
      cameras.flatMap(({ cameraId, camera }) =>
        camera === null ? [] : [[cameraId, { epoch: 1, camera, assignedAtMs: 0 }]],
      ),
    ),
    ...given,
  });
/** The newest deployment is of revision 2. */
const rolling = (cameras: CameraState[], workers: WorkerItem[], given: Partial<FleetObservation> = {}) => {
  const count = workers.length;
  const service = { desired: count, running: count, pending: 0, taskDefinition: 'gpu:2' };
  return { ...observation(cameras, workers), service, ...given };
};
const keep = { sinceMs: noonMs - 5_000, reason: 'a new revision takes its place', keepInstance: true as const };

describe('a rollout', () => {
  it('first gets a worker beyond demand, and drains nobody before that one is ready', () => {
    const a = owned('a', 'w1');
    const { plan } = decide(rolling([a], [on('1', 'w1', [a])]), policy(), noonMs);
    expect(plan).toMatchObject({ setInstances: 2, drains: [], stops: [] });
    expect(plan.inputs.workersOfOlderRevision).toBe(1);
    expect(plan.reason).toBe(
      '1 camera wants 5 inferences/s now; gpu:2 rolls out: 1 worker still to replace, 1 worker beyond demand meanwhile; grow to 2 workers',
    );
  });

  it('then drains the old worker with the least to hand over, keeps its instance, and gives its cameras to the new one', () => {
    const cameras = [owned('a', 'w1'), owned('b', 'w1'), owned('c', 'w2', 8), owned('d', 'w2', 7)];
    const two = on('1', 'w2', cameras.slice(2));
    const first = decide(rolling(cameras, [on('1', 'w1', cameras.slice(0, 2)), two, on('2', 'w3')]), policy(), noonMs);
    expect(first.plan.drains).toEqual([{ workerId: 'w1', reason: keep.reason, keepInstance: true }]);
    expect(first.plan.terminations).toEqual([]);

    const released = cameras.map((item) => (item.ownerWorkerId === 'w1' ? { ...item, releasedEpoch: 1 } : item));
    const empty = on('1', 'w1', [], { drain: keep, lifecycle: 'draining', drainedAtMs: noonMs });
    const next = decide(rolling(released, [empty, two, on('2', 'w3')]), policy(), noonMs);
    expect(next.changes.flatMap(({ ownership }) => ownership ?? [])).toMatchObject([
      { kind: 'give', cameraId: 'a', workerId: 'w3' },
      { kind: 'give', cameraId: 'b', workerId: 'w3' },
    ]);
    // Its task goes, its instance does not, and nobody else is drained meanwhile.
    const stops = [{ workerId: 'w1', taskArn: taskArn('w1') }];
    expect(next.plan).toMatchObject({ stops, drains: [], terminations: [], setInstances: null });
  });

  it('goes worker by worker where no further one may be started', () => {
    const [a, b] = [owned('a', 'w1', 12), owned('b', 'w2', 12)];
    const both = [on('1', 'w1', [a]), on('1', 'w2', [b])];
    const draining = [on('1', 'w1', [a], { drain: keep, lifecycle: 'draining' }), on('1', 'w2', [b])];
    for (const atMost of [policy({ maxWorkers: 2 }), policy({ rolloutSurgeWorkers: 0 })]) {
      const { plan } = decide(rolling([a, b], both), atMost, noonMs);
      expect(plan.drains).toMatchObject([{ workerId: 'w1', keepInstance: true }]);
      expect(plan.desired.instances).toBe(2);
      expect(decide(rolling([a, b], draining), atMost, noonMs).plan.drains).toEqual([]);
    }
  });

  it('replaces workers that nobody needs at once', () => {
    const { plan } = decide(rolling([], [on('1', 'w1'), on('1', 'w2')]), policy({ minWorkers: 2 }), noonMs);
    expect(plan.drains.map(({ workerId }) => workerId)).toEqual(['w1', 'w2']);
    expect(plan.setInstances).toBeNull();
  });

  it('tells ECS its count once more while an instance has no task', () => {
    const a = owned('a', 'w1');
    const ids = ['i-w1', 'i-2'];
    const seen = rolling([a], [on('1', 'w1', [a])], {
      group: {
        desired: 2,
        min: 0,
        max: 10,
        instances: ids.map((id) => ({ instanceId: id, lifecycleState: 'InService' })),
      },
      containerInstances: ids.map((instanceId) => ({ arn: instanceId, instanceId, status: 'ACTIVE' })),
    });
    const service = { desired: 2, running: 1, pending: 0, taskDefinition: 'gpu:2' };
    expect(decide({ ...seen, service }, policy(), noonMs).plan.setTasks).toBe(2);
    expect(decide({ ...seen, service: { ...service, pending: 1 } }, policy(), noonMs).plan.setTasks).toBeNull();
  });

  it('is no rollout when workers do not say their revision, or ECS could not be read', () => {
    const a = owned('a', 'w1');
    const { revision: _, ...mute } = on('1', 'w1', [a]);
    expect(decide(rolling([a], [mute]), policy(), noonMs).plan.setInstances).toBeNull();
    const blind = rolling([a], [on('1', 'w1', [a])], { service: null, missing: ['the ECS service'] });
    expect(decide(blind, policy(), noonMs).plan).toMatchObject({ setInstances: null, drains: [], stops: [] });
  });

  it('never drains more than the ready workers can spare, unless none may be started, and stays within its bounds', () => {
    const fleet = fc.record({
      revisions: fc.array(fc.constantFrom('1', '2'), { minLength: 1, maxLength: 6 }),
      fps: fc.array(fc.integer({ min: 1, max: 14 }), { maxLength: 12 }),
      maxWorkers: fc.integer({ min: 1, max: 8 }),
      rolloutSurgeWorkers: fc.integer({ min: 0, max: 3 }),
      starting: fc.nat(5),
    });
    fc.assert(
      fc.property(fleet, ({ revisions, fps, maxWorkers, rolloutSurgeWorkers, starting }) => {
        const ids = revisions.map((_, index) => `w${index}`);
        const cameras = fps.map((rate, index) => owned(`c${index}`, ids[index % ids.length] ?? 'w0', rate));
        const workers = revisions.map((revision, index) => {
          const mine = cameras.filter((item) => item.ownerWorkerId === ids[index]);
          return on(revision, `w${index}`, mine, index === starting ? { lifecycle: 'starting' } : {});
        });
        const seen = rolling(cameras, workers);
        const rules = policy({ maxWorkers, rolloutSurgeWorkers });
        const { plan } = decide(seen, rules, noonMs);
        expect(decide(seen, rules, noonMs).plan).toEqual(plan);
        expect(plan.desired.instances).toBeLessThanOrEqual(Math.max(maxWorkers, workers.length));
        if (plan.setInstances !== null) expect(plan.setInstances).toBeLessThanOrEqual(maxWorkers);
        const rolled = plan.drains.filter(({ keepInstance }) => keepInstance === true);
        for (const { workerId } of rolled) expect(revisions[ids.indexOf(workerId)]).toBe('1');
        const gone = new Set(plan.drains.filter((one) => !rolled.includes(one)).map(({ workerId }) => workerId));
        const ready = workers.filter(({ workerId, lifecycle }) => lifecycle === 'ready' && !gone.has(workerId)).length;
        const spare = Math.max(0, ready - (plan.inputs.workersNeeded ?? 0));
        expect(rolled.length).toBeLessThanOrEqual(Math.max(1, spare));
      }),
    );
  });
});
