/**
 * A fleet as people and scripts see it, from its items: size, orders, learned lead times, accounts of the last days, workers,
 * cameras by phase and the latest decision.
 * Invariant: nothing is computed here that the control loop has not stored.
 */
import { sumOfCounts } from '../control/model-evidence.ts';
import type { Decision } from '../control/record.ts';
import type { CameraState, FleetItem, WorkerItem } from '../fleet-state.ts';

export type FleetView = ReturnType<typeof fleetView>;
export type FleetItems = {
  item: FleetItem;
  workers: readonly WorkerItem[];
  cameras: readonly CameraState[];
  /** Newest first. */
  decisions: readonly Decision[];
};

/** Has the control loop ever run for it? A mistyped name has nothing. */
export function isKnownFleet({ item, cameras, decisions }: FleetItems): boolean {
  return item.lastDecisionAtMs !== undefined || cameras.length > 0 || decisions.length > 0;
}

export function fleetView({ item, workers, cameras, decisions }: FleetItems) {
  const phases: Record<string, number> = {};
  for (const { phase } of cameras) phases[phase] = (phases[phase] ?? 0) + 1;
  return {
    fleet: item.fleet,
    policy: item.policy ?? {},
    pause: item.pause ?? null,
    override: item.override ?? null,
    cameras: { count: cameras.length, byPhase: phases },
    workers: workers.map(({ workerId, lifecycle, running, capacityInferencesPerSecond, heartbeatAtMs }) => ({
      ...{ workerId, lifecycle, cameras: Object.keys(running).length, cameraIds: Object.keys(running).sort() },
      inferencesPerSecond: capacityInferencesPerSecond ?? null,
      inferencesPerSecondNow: loadOf(running),
      heartbeatAt: new Date(heartbeatAtMs).toISOString(),
    })),
    leadTimes: leadTimesOf(item),
    capacityLadder: item.capacityLadder ?? null,
    budget: item.budget ?? null,
    modelVersions: item.modelVersions ?? {},
    modelRollout: rolloutOf(item),
    days: item.days ?? [],
    latestDecision: decisions[0] ?? null,
  };
}

/** Which version of each model the cameras run whose rows name none, and how the last rollout goes; a line each. */
export function modelWords({ modelVersions, modelRollout }: FleetView): string[] {
  const versions = Object.entries(modelVersions).map(([model, version]) => `model ${model}: version ${version}`);
  if (modelRollout === null) return versions;
  const { version, phase, cameraIds, counts } = modelRollout;
  const because = 'reason' in modelRollout && phase !== 'ordered' ? `: ${modelRollout.reason}` : '';
  const cameras =
    cameraIds.length === 0
      ? ''
      : `; tried by ${cameraIds.slice(0, 5).join(', ')}${cameraIds.length > 5 ? ` and ${cameraIds.length - 5} more` : ''}`;
  const seen =
    counts.frames === 0
      ? ''
      : `; ${counts.frames} frames, ${counts.failedBatches} of ${counts.batches} inferences failed`;
  return [...versions, `rollout of ${version}: ${phase}${because}${cameras}${seen}`];
}

/** The order and what became of it; `ordered` until the next run of the control loop. */
function rolloutOf({ modelRollout: order, modelRolloutState: state }: FleetItem) {
  if (order === undefined) return null;
  const {
    id,
    counts: byWorker = {},
    ...known
  } = state?.id === order.id ? state : { id: order.id, phase: 'ordered' as const, cameraIds: [] as string[] };
  return { ...order, id, ...known, counts: sumOfCounts(Object.values(byWorker)) };
}

/** What its cameras get, by its last heartbeat. */
function loadOf(running: WorkerItem['running']): number {
  const total = Object.values(running).reduce((sum, { fps }) => sum + fps, 0);
  return Math.round(total * 10) / 10;
}

function leadTimesOf({ leadTimeSamplesMs = [], leadTimesByType = {} }: FleetItem) {
  return Object.entries({ all: leadTimeSamplesMs, ...leadTimesByType })
    .filter(([, samples]) => samples.length > 0)
    .map(([type, samples]) => {
      const sorted = [...samples].sort((a, b) => a - b);
      const rank = (share: number) => sorted[Math.ceil(sorted.length * share) - 1] ?? 0;
      return { type, samples: sorted.length, medianMs: rank(0.5), p95Ms: rank(0.95) };
    });
}
