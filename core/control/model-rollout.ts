/**
 * A new version of a model goes to a few cameras first, is watched there for a while, and then goes to the whole fleet or
 * back: canary, baking, complete or reverted. A person writes the order, control alone the state; both are attributes of
 * the fleet's item, so that neither overwrites the other.
 * Invariants: the state says absolutely which model every camera runs, and the former one stays the fallback; an order whose
 * time is over without a verdict is reverted; what was decided once (complete, reverted) changes only by another order.
 */
import type { CameraState, FleetItem, WorkerItem } from '../fleet-state.ts';
import { names } from './believable.ts';
import { chooseCanaries, followsModel, isWatchedNow, modelOfVersion } from './canary-cameras.ts';
import type { ModelOrder } from './model-evidence.ts';
import { type ModelCounts, modelFault, sumOfCounts } from './model-evidence.ts';
import { isDead } from './observation.ts';
import { iso, plural } from './plan-reason.ts';

/** What a person ordered. `until`: without a verdict by then it is reverted. */
export type ModelRollout = {
  schemaVersion: 1;
  /** Tells this order from every other. */
  id: string;
  /** The file's name, such as `default@2`; its model is what stands before the `@`. */
  version: string;
  canary: { percent: number } | { cameraIds: string[] };
  bakeMs: number;
  maxErrorRate: number;
  maxSlowdown: number;
  orderedAtMs: number;
  orderedBy: string;
  until: string;
  reason: string;
  /** Back to the version before, whatever the phase. */
  rollback?: { atMs: number; by: string; reason: string };
};

export type ModelRolloutPhase = 'canary' | 'baking' | 'complete' | 'reverted';

/** What control made of the order. */
export type ModelRolloutState = {
  schemaVersion: 1;
  id: string;
  version: string;
  /** What the fleet ran before, and goes back to. */
  former: string;
  phase: ModelRolloutPhase;
  reason: string;
  sinceMs: number;
  cameraIds: string[];
  /** What the version was tried by. */
  limits: { maxErrorRate: number; maxSlowdown: number };
  /** Somebody should look at the version: it was not a person who took it back. */
  fault?: 'load' | 'errors' | 'detections' | 'latency' | 'expired';
  /** By worker, as each said last: a worker that is gone has taught what it taught. */
  counts: Record<string, ModelCounts>;
};

/** The version that the fleet runs, by the name in the rows; a model without an entry runs the file of that very name. */
export type ModelVersions = Record<string, string>;

export type RolloutStep = {
  state: ModelRolloutState | null;
  versions: ModelVersions;
  /** The phase began in this run. */
  isNew: boolean;
  problem: string | null;
};

/** Fewer frames say nothing of a version that is to go everywhere. */
export const framesBeforeComplete = 100;
/** For so long after a revert somebody is told. */
const toldForMs = 86_400_000;

export function isUnderWay(item: Pick<FleetItem, 'modelRollout' | 'modelRolloutState'>): boolean {
  const { modelRollout, modelRolloutState } = item;
  if (modelRollout === undefined || modelRollout.rollback !== undefined) return false;
  if (modelRolloutState?.id !== modelRollout.id) return true;
  return modelRolloutState.phase === 'canary' || modelRolloutState.phase === 'baking';
}

type Seen = {
  item: FleetItem;
  cameras: readonly CameraState[];
  workers: readonly WorkerItem[];
  workerDeadAfterMs: number;
};

export function stepModelRollout({ item, cameras, workers, workerDeadAfterMs }: Seen, nowMs: number): RolloutStep {
  const { modelRollout: order, modelVersions: versions = {} } = item;
  if (order === undefined) return { state: null, versions, isNew: false, problem: null };
  const known = item.modelRolloutState?.id === order.id ? item.modelRolloutState : null;
  const before = known ?? begin(order, versions, cameras, nowMs);
  const living = workers.filter((worker) => !isDead(worker, nowMs, workerDeadAfterMs));
  const state = nextState(withCounts(before, workers), order, { cameras, living }, nowMs);
  const model = modelOfVersion(order.version);
  return {
    state,
    versions: versionsAfter(versions, model, state),
    isNew: known === null || known.phase !== state.phase,
    problem: problemOf(state, living, nowMs),
  };
}

/** What a camera is to run instead of what its row names; null: just that. */
export function modelOrderOf(
  { cameraId, camera }: CameraState,
  { state, versions }: Pick<RolloutStep, 'state' | 'versions'>,
): ModelOrder | null {
  const model = camera?.detect.model ?? '';
  const present = versions[model] ?? model;
  const isTrial = state?.phase === 'canary' || state?.phase === 'baking';
  if (isTrial && modelOfVersion(state.version) === model && state.cameraIds.includes(cameraId)) {
    return { name: state.version, fallback: present, trial: { id: state.id, ...state.limits } };
  }
  if (present === model) return null;
  const fallback = state?.phase === 'complete' && state.version === present ? state.former : model;
  return { name: present, fallback };
}

function begin(
  order: ModelRollout,
  versions: ModelVersions,
  cameras: readonly CameraState[],
  nowMs: number,
): ModelRolloutState {
  const { id, version, canary, maxErrorRate, maxSlowdown } = order;
  const model = modelOfVersion(version);
  const cameraIds = 'percent' in canary ? chooseCanaries(cameras, model, canary.percent) : [...canary.cameraIds].sort();
  return {
    ...{ schemaVersion: 1, id, version, former: versions[model] ?? model, phase: 'canary', sinceMs: nowMs },
    ...{
      cameraIds,
      counts: {},
      limits: { maxErrorRate, maxSlowdown },
      reason: `${plural(cameraIds.length, 'camera')} to try it first`,
    },
  };
}

/** A worker's own counts only grow, and end with it. */
function withCounts(state: ModelRolloutState, workers: readonly WorkerItem[]): ModelRolloutState {
  if (!isTrying(state)) return state;
  const counts = { ...state.counts };
  for (const { workerId, models } of workers) {
    const report = models?.[state.version];
    if (report?.trial === state.id) counts[workerId] = report.counts;
  }
  return { ...state, counts };
}

function isTrying({ phase }: ModelRolloutState): boolean {
  return phase === 'canary' || phase === 'baking';
}

function nextState(
  state: ModelRolloutState,
  order: ModelRollout,
  seen: { cameras: readonly CameraState[]; living: readonly WorkerItem[] },
  nowMs: number,
): ModelRolloutState {
  const to = (phase: ModelRolloutPhase, reason: string, fault?: ModelRolloutState['fault']): ModelRolloutState => ({
    ...state,
    ...{ phase, reason, sinceMs: nowMs, ...(fault === undefined ? {} : { fault }) },
  });
  if (state.phase === 'reverted') return state;
  const { rollback } = order;
  if (rollback !== undefined) {
    return to('reverted', `rolled back by ${rollback.by}${rollback.reason === '' ? '' : `: ${rollback.reason}`}`);
  }
  if (!isTrying(state)) return state;
  for (const { workerId, models } of seen.living) {
    const report = models?.[state.version];
    if (report?.trial === state.id && report.state === 'failed') {
      return to('reverted', `worker ${workerId} cannot run it: ${report.reason}`, 'load');
    }
  }
  const counts = sumOfCounts(Object.values(state.counts));
  const fault = modelFault(counts, state.limits);
  if (fault !== null) return to('reverted', fault.words, fault.kind);
  const progress = progressOf(state, seen);
  if (Date.parse(order.until) <= nowMs) {
    return to(
      'reverted',
      `no verdict until ${order.until}: ${progress.missing ?? `${counts.frames} frames inferred`}`,
      'expired',
    );
  }
  if (state.phase === 'canary') {
    if (progress.missing !== null)
      return progress.missing === state.reason ? state : { ...state, reason: progress.missing };
    return to('baking', `${plural(progress.running, 'camera')} run it; watched until ${iso(nowMs + order.bakeMs)}`);
  }
  if (nowMs - state.sinceMs < order.bakeMs || counts.frames < framesBeforeComplete || progress.running === 0)
    return state;
  const compared =
    counts.sightings === 0
      ? 'none of them to compare with what the version before saw'
      : `${counts.sightings - counts.missed} of ${counts.sightings} sightings of the version before confirmed`;
  return to('complete', `${counts.frames} frames on ${plural(progress.running, 'camera')}, ${compared}`);
}

/** How many of the cameras run it by their workers' word, and what still keeps it from baking. */
function progressOf(
  { cameraIds, version }: ModelRolloutState,
  { cameras, living }: { cameras: readonly CameraState[]; living: readonly WorkerItem[] },
): { running: number; missing: string | null } {
  const chosen = new Set(cameraIds);
  const workers = new Map(living.map((worker) => [worker.workerId, worker]));
  const watched = cameras.filter(
    (state) => chosen.has(state.cameraId) && followsModel(state, modelOfVersion(version)) && isWatchedNow(state),
  );
  const without = watched.filter(
    ({ cameraId, ownerWorkerId }) => workers.get(ownerWorkerId ?? '')?.running[cameraId]?.model !== version,
  );
  const running = watched.length - without.length;
  if (watched.length === 0) return { running, missing: 'none of its first cameras is watched now' };
  if (without.length === 0) return { running, missing: null };
  return { running, missing: `waits for ${names(without.map(({ cameraId }) => cameraId))} to run it` };
}

function versionsAfter(versions: ModelVersions, model: string, state: ModelRolloutState): ModelVersions {
  const wanted =
    state.phase === 'complete'
      ? state.version
      : state.phase === 'reverted' && versions[model] === state.version
        ? state.former
        : versions[model];
  if (wanted === versions[model]) return versions;
  const { [model]: _, ...others } = versions;
  return wanted === undefined || wanted === model ? others : { ...others, [model]: wanted };
}

function problemOf(state: ModelRolloutState, living: readonly WorkerItem[], nowMs: number): string | null {
  const { phase, version, former, fault, reason, sinceMs } = state;
  if (phase === 'reverted' && fault !== undefined && nowMs - sinceMs < toldForMs) {
    return `model ${version} was reverted to ${former}: ${reason}`;
  }
  if (phase !== 'complete') return null;
  const failing = living.filter(({ models }) => models?.[version]?.state === 'failed');
  if (failing.length === 0) return null;
  const why = failing[0]?.models?.[version]?.reason ?? '';
  return `${plural(failing.length, 'worker')} cannot run ${version} and run ${former}: ${why}`;
}

export function rolloutWords({ version, former, phase, reason }: ModelRolloutState): string {
  return `model ${version} (before: ${former}): ${phase}: ${reason}`;
}
