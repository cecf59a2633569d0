/**
 * A fleet as it would be at another instant if nothing but time went by: workers live and report on, streams go on or stay
 * silent, calendars move. For the question what the control loop would decide then; nothing is ever written from it.
 * Invariants: the observation that was given is not changed; at the same instant it is the same.
 */
import type { RunningCamera, WorkerItem } from '../fleet-state.ts';
import type { ControlDecision } from './decide.ts';
import type { FleetObservation } from './observation.ts';

/** @param nowMs when `observation` was made. @param atMs the instant in question. */
export function atInstant(observation: FleetObservation, nowMs: number, atMs: number): FleetObservation {
  const aheadMs = atMs - nowMs;
  const later = (ms: number | undefined) => (ms === undefined ? undefined : ms + aheadMs);
  const movedCamera = (report: RunningCamera): RunningCamera =>
    present({
      ...report,
      lastMediaAtMs: later(report.lastMediaAtMs),
      lastInferenceAtMs: later(report.lastInferenceAtMs),
    });
  const movedWorker = (worker: WorkerItem): WorkerItem => ({
    ...worker,
    heartbeatAtMs: worker.heartbeatAtMs + aheadMs,
    running: Object.fromEntries(Object.entries(worker.running).map(([id, report]) => [id, movedCamera(report)])),
  });
  const activeAtMs = new Map<string, number | null>();
  for (const [stream, ms] of observation.streams.activeAtMs) activeAtMs.set(stream, ms === null ? null : ms + aheadMs);
  return {
    ...observation,
    // What the instances cost until then is not known: the accounts stand as they are.
    fleet: present({ ...observation.fleet, meteredThroughMs: later(observation.fleet.meteredThroughMs) }),
    workers: observation.workers.map(movedWorker),
    streams: { ...observation.streams, activeAtMs },
  };
}

/** Without the attributes that are undefined. */
function present<Item extends object>(item: { [Name in keyof Item]: Item[Name] | undefined }): Item {
  return Object.fromEntries(Object.entries(item).filter(([, value]) => value !== undefined)) as Item;
}

/** What the decision would do, one sentence each. */
export function plannedActions({ plan, ladder, changes }: ControlDecision): string[] {
  const count = (kind: string) => changes.filter(({ ownership }) => ownership?.kind === kind).length;
  const cameras = (number: number) => `${number} camera${number === 1 ? '' : 's'}`;
  const moves = [
    ['give', 'would be given to workers'],
    ['prepare', 'would be prepared on another worker'],
    ['release', 'would be asked back'],
  ].flatMap(([kind = '', words]) => (count(kind) === 0 ? [] : [`${cameras(count(kind))} ${words}`]));
  return [
    ...(ladder.choice === null ? [] : [`the group would launch ${ladder.rung}`]),
    ...(plan.setInstances === null
      ? []
      : [`the Auto Scaling group would go from ${plan.previous.instances} to ${plan.setInstances}`]),
    ...(plan.setTasks === null ? [] : [`the ECS service would go from ${plan.previous.tasks} to ${plan.setTasks}`]),
    ...plan.terminations.map(({ instanceId, reason }) => `instance ${instanceId} would go: ${reason}`),
    ...plan.drains.map(({ workerId, reason }) => `worker ${workerId} would be drained: ${reason}`),
    ...moves,
  ];
}
