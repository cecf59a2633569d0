/**
 * Carries out a decision. Every step is idempotent and stands alone: what fails is said in one sentence and the others
 * go on; the next run sees the world as it then is and decides again.
 * Invariant: a camera's state is written before any worker's list names it; the cameras of a worker that fell silent go
 * to somebody else only once its own list is empty; a task is given back before its instance is terminated.
 */
import type { ControlDecision } from '../core/control/decide.ts';
import { drainOrder } from '../core/control/handover.ts';
import { heldEntries } from '../core/control/held-items.ts';
import { rolloutWords } from '../core/control/model-rollout.ts';
import type { FleetObservation } from '../core/control/observation.ts';
import { hasEnded, isDead } from '../core/control/observation.ts';
import type { CameraState, WorkerItem } from '../core/fleet-state.ts';
import { fleetResourceNames } from '../core/names.ts';
import { type Accounted, writeCameras } from './apply-cameras.ts';
import { ApplySteps, order } from './apply-steps.ts';
import { departCamera } from './camera-states.ts';
import { setGroupSize, setServiceSize, stopTask, terminateInstance } from './capacity.ts';
import { setLaunchChoice } from './launches.ts';
import type { Surroundings } from './observe.ts';
import { inParallel, parallelWritesMax } from './parallel.ts';
import { buryWorker, emptyListIfSilent, markDraining } from './workers.ts';

/** What was done or failed to be done, one sentence each. */
export type Applied = { actions: string[]; failures: string[] } & Accounted;

export async function applyDecision(
  surroundings: Surroundings,
  observation: FleetObservation,
  decision: ControlDecision,
  mayAct: () => boolean = () => true,
  traceId: string | null = null,
): Promise<Applied> {
  const steps = new ApplySteps(mayAct);
  const heldBack = await disarmSilentOwners(surroundings, observation, decision, steps);
  const mayChange = ({ ownerWorkerId }: CameraState) => ownerWorkerId === undefined || !heldBack.has(ownerWorkerId);
  const possible: ControlDecision = {
    ...decision,
    changes: decision.changes.filter(({ ownership, observed }) => ownership === null || mayChange(observed)),
    departures: decision.departures.filter(({ state }) => mayChange(state)),
  };
  const [accounted] = await Promise.all([
    writeCameras(surroundings, observation, possible, steps, traceId),
    grow(surroundings, observation, decision, steps),
    drain(surroundings, observation, decision, steps, traceId),
    giveBack(surroundings, observation, decision, steps),
    tidy(surroundings, observation, possible, steps),
  ]);
  const { state, isNew } = decision.modelRollout;
  if (isNew && state !== null) steps.done(order.models, rolloutWords(state));
  return { actions: steps.sentences(), failures: steps.failures, ...accounted };
}

/**
 * A worker that is called dead for its silence may speak again at any moment, and would go on with the list that it has.
 * So its list is emptied first, on the condition that it is still silent.
 * @returns the workers that spoke meanwhile, or whose list could not be emptied: their cameras stay with them in this run.
 */
async function disarmSilentOwners(
  { clients, names }: Surroundings,
  { workers, held }: FleetObservation,
  { changes, departures, nowMs, policy }: ControlDecision,
  steps: ApplySteps,
): Promise<ReadonlySet<string>> {
  const losing = new Set<string | undefined>();
  for (const { ownership, observed } of changes) {
    if (ownership?.kind === 'give' || ownership?.kind === 'disown') losing.add(observed.ownerWorkerId);
  }
  for (const { state } of departures) losing.add(state.ownerWorkerId);
  // What has stopped, by its own word or by that of ECS, speaks no more.
  const silent = workers.filter(
    (worker) =>
      losing.has(worker.workerId) &&
      isDead(worker, nowMs, policy.workerDeadAfterMs) &&
      !hasEnded(worker) &&
      Object.keys(worker.assignments ?? {}).length > 0,
  );
  const heldBack = new Set<string>();
  await inParallel(silent, parallelWritesMax, async (worker) => {
    const sentence = `emptied the list of silent worker ${worker.workerId}`;
    const emptied = await steps.try(order.disarm, sentence, () =>
      emptyListIfSilent(clients, names.tables.workers, worker, heldEntries(worker.assignments, held)),
    );
    if (!emptied) heldBack.add(worker.workerId);
  });
  return heldBack;
}

/** So that a fleet that hangs as a whole does not use up what ECS takes a second; the others are told in the next run. */
const stopsPerRunMax = 40;

/** How the group launches comes before how many: what is ordered now is launched that way. */
async function grow(
  { clients, stage }: Surroundings,
  { fleet, group }: FleetObservation,
  { plan, ladder }: ControlDecision,
  steps: ApplySteps,
) {
  const { setInstances } = plan;
  const { choice } = ladder;
  const name = fleetResourceNames(stage, fleet.fleet).autoScalingGroup;
  if (choice !== null) {
    const { onDemandBase, onDemandPercent, instanceTypes } = choice;
    const base = onDemandBase === 0 ? '' : `${onDemandBase} on demand, of the others `;
    await steps.try(
      order.instances,
      `set the Auto Scaling group to launch ${ladder.rung}: ${base}${onDemandPercent} % on demand, ${instanceTypes.join(', ')}`,
      () => setLaunchChoice(clients, name, choice, group?.launch?.instanceTypes ?? []),
    );
  }
  if (setInstances === null) return;
  await steps.try(
    order.instances,
    `set the Auto Scaling group from ${plan.previous.instances} to ${setInstances}`,
    () => setGroupSize(clients, name, setInstances),
  );
}

async function giveBack(
  { clients, names, stage }: Surroundings,
  { fleet }: FleetObservation,
  { plan }: ControlDecision,
  steps: ApplySteps,
) {
  const { setTasks } = plan;
  if (setTasks !== null) {
    const sentence =
      setTasks === plan.previous.tasks
        ? `told the ECS service again that it is to run ${setTasks} tasks: an instance has none`
        : `set the ECS service from ${plan.previous.tasks} to ${setTasks}`;
    const resized = await steps.try(order.tasks, sentence, () =>
      setServiceSize(clients, names.cluster, fleetResourceNames(stage, fleet.fleet).service, setTasks),
    );
    if (!resized) return;
  }
  await inParallel(plan.terminations, parallelWritesMax, ({ instanceId, decrement, reason }) =>
    steps.try(
      order.terminate,
      `terminated instance ${instanceId}${decrement ? '' : ' for replacement'}: ${reason}`,
      () => terminateInstance(clients, instanceId, decrement),
    ),
  );
}

async function drain(
  { clients, names }: Surroundings,
  { fleet }: FleetObservation,
  { plan, nowMs }: ControlDecision,
  steps: ApplySteps,
  traceId: string | null,
) {
  const trace = traceId === null ? {} : { traceId };
  await inParallel(plan.drains, parallelWritesMax, ({ workerId, ...drain }) =>
    steps.try(order.drain, `drains worker ${workerId}: ${drain.reason}`, () =>
      markDraining(
        clients,
        names.tables.workers,
        { fleet: fleet.fleet, workerId },
        { ...drainOrder(drain, nowMs), ...trace },
      ),
    ),
  );
  await inParallel(plan.stops, parallelWritesMax, ({ workerId, taskArn, reason }) =>
    steps.try(order.drain, `stopped the task of worker ${workerId}: ${reason}`, async () => {
      await stopTask(clients, names.cluster, taskArn, reason);
    }),
  );
}

/** A dead worker's task that still runs holds a GPU and serves nobody: ECS starts another in its place. */
async function tidy(
  { clients, names }: Surroundings,
  { held }: FleetObservation,
  { departures, buried, nowMs }: ControlDecision,
  steps: ApplySteps,
) {
  await inParallel(departures, parallelWritesMax, ({ state, toFleet }) =>
    steps.try(
      order.tidy,
      toFleet === null ? `removed camera ${state.cameraId}` : `moved camera ${state.cameraId} to fleet ${toFleet}`,
      () => departCamera(clients, names.tables.cameraStates, state, toFleet, nowMs),
    ),
  );
  const tidied = buried.filter((worker) => worker.taskArn === undefined || hasEnded(worker));
  const hung = buried.filter((worker) => !tidied.includes(worker)).slice(0, stopsPerRunMax);
  const bury = (worker: WorkerItem) => buryWorker(clients, names.tables.workers, worker);
  await inParallel(tidied, parallelWritesMax, (worker) =>
    steps.try(order.tidy, `removed dead worker ${worker.workerId}`, () => bury(worker)),
  );
  // In each run until ECS says that it is gone; the worker stays in sight until then.
  await inParallel(hung, parallelWritesMax, (worker) =>
    steps.try(order.tidy, `stopped the task of silent worker ${worker.workerId}`, async () => {
      // A worker that spoke again is not stopped.
      const list = heldEntries(worker.assignments, held);
      if (!(await emptyListIfSilent(clients, names.tables.workers, worker, list))) return false;
      const { taskArn = '' } = worker;
      if (await stopTask(clients, names.cluster, taskArn, 'its worker fell silent')) await bury(worker);
      return true;
    }),
  );
}
