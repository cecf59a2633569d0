/**
 * A new revision takes the fleet over worker by worker: an old worker is drained when the others would do without it, its
 * task is stopped when it is empty, and ECS places a task of the new revision on the instance that became free.
 * ECS alone cannot do it: an old task that watches cameras is protected from it, and there is one GPU for one task.
 * Invariants: a worker is drained for a rollout when the ready ones that stay suffice; where no further one may be started,
 * one at a time is drained all the same; instances stay; whichever revision is the newest deployment's is the new one, so that a
 * rollback is a rollout.
 */
import type { WorkerItem } from '../fleet-state.ts';
import { workerPrefix } from './bins.ts';
import { isEmptied } from './capacity-steps.ts';
import { isDead, type ServiceObservation } from './observation.ts';
import type { Load } from './pack.ts';
import type { Plan, PlanInput } from './plan.ts';

/** Workers of another revision than the newest deployment's; one that does not say its revision is taken for new. */
export function olderWorkers(live: readonly WorkerItem[], service: ServiceObservation | null): WorkerItem[] {
  const newest = service?.taskDefinition ?? null;
  if (newest === null) return [];
  return live.filter(({ revision }) => revision !== undefined && revision !== newest);
}

export type RolloutStep = {
  older: readonly WorkerItem[];
  /** Workers that serve, of either revision. */
  ready: readonly WorkerItem[];
  /** Workers that demand needs, now and within the lead time. */
  needed: number;
  /** A worker beyond demand is there or will be: nobody need go before it is ready. */
  surgeComes: boolean;
  /** Instances that have or will have a worker: more than `ready` while something boots or is being replaced. */
  places: number;
  /** Bins that go for want of demand. */
  alreadyGoing: ReadonlySet<string>;
  loads: readonly Load[];
};

/** Old workers to drain now, those with the least to hand over first. */
export function drainsOfRollout(step: RolloutStep): Plan['drains'] {
  const { older, ready, needed, surgeComes, places, alreadyGoing, loads } = step;
  const staying = ready.filter(
    (worker) => worker.lifecycle === 'ready' && !alreadyGoing.has(`${workerPrefix}${worker.workerId}`),
  );
  const loadOf = (worker: WorkerItem) =>
    loads.reduce((sum, load) => (load.binId === `${workerPrefix}${worker.workerId}` ? sum + load.load : sum), 0);
  const candidates = older
    .filter((worker) => staying.includes(worker))
    .map((worker) => ({ worker, load: loadOf(worker) }))
    .sort((a, b) => a.load - b.load || (a.worker.workerId < b.worker.workerId ? -1 : 1));
  const toSpare = Math.max(0, staying.length - needed);
  const drain = (count: number, reason: string): Plan['drains'] =>
    candidates.slice(0, count).map(({ worker }) => ({ workerId: worker.workerId, reason, keepInstance: true }));
  if (toSpare > 0) return drain(toSpare, 'a new revision takes its place');
  if (surgeComes || staying.length < places) return [];
  return drain(1, 'a new revision takes its place, and there is no room for one worker more');
}

/** Tasks of workers that a rollout drained and that have given up everything. */
export function stopsOfRollout(workers: readonly WorkerItem[], input: PlanInput): Plan['stops'] {
  const { nowMs, policy } = input;
  return workers.flatMap((worker) => {
    const { workerId, taskArn, drain } = worker;
    if (drain?.keepInstance !== true || taskArn === undefined) return [];
    if (isDead(worker, nowMs, policy.workerDeadAfterMs) || !isEmptied(worker, input)) return [];
    return [{ workerId, taskArn, reason: 'it is drained, and a new revision takes its place' }];
  });
}
