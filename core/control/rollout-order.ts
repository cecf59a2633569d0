/**
 * What a person may order of a model's versions: a rollout, or the way back. The command line and the API ask here, and
 * refuse in the same words.
 * Invariants: nothing begins over a rollout that is under way without saying so; a camera that is named can run the version;
 * every order has an end.
 */
import { KvsInferError } from '../errors.ts';
import type { CameraState, FleetItem } from '../fleet-state.ts';
import { names } from './believable.ts';
import { canaryCamerasMax, followsModel, isModelName, modelOfVersion } from './canary-cameras.ts';
import { isUnderWay, type ModelRollout } from './model-rollout.ts';
import { orderDaysMax } from './policy.ts';

const minuteMs = 60_000;
const dayMs = 86_400_000;

export const rolloutDefaults = { canaryPercent: 5, bakeMs: 15 * minuteMs, maxErrorRate: 0.01, maxSlowdown: 2 };
/** Beyond the bake time: long enough for cameras whose window comes with the next day. */
const verdictWithinMs = dayMs;

export type RolloutWish = {
  version: string;
  canaryPercent?: number | undefined;
  canaryCameras?: readonly string[] | undefined;
  bakeMs?: number | undefined;
  maxErrorRate?: number | undefined;
  maxSlowdown?: number | undefined;
  until?: string | undefined;
  reason?: string | undefined;
  /** A rollout that is under way is given up. */
  replace?: boolean | undefined;
  by: string;
};

/** @throws KvsInferError MODEL_ROLLOUT_INVALID naming everything that is wrong, MODEL_ROLLOUT_RUNNING */
export function rolloutOrder(
  wish: RolloutWish,
  item: FleetItem,
  cameras: readonly CameraState[],
  nowMs: number,
): ModelRollout {
  const { version, canaryCameras, canaryPercent = rolloutDefaults.canaryPercent } = wish;
  const { bakeMs = rolloutDefaults.bakeMs, maxErrorRate = rolloutDefaults.maxErrorRate } = wish;
  const { maxSlowdown = rolloutDefaults.maxSlowdown, reason = '', by } = wish;
  const until = wish.until ?? new Date(nowMs + bakeMs + verdictWithinMs).toISOString();
  const untilMs = Date.parse(until);
  const model = modelOfVersion(version);
  const present = item.modelVersions?.[model] ?? model;
  const following = cameras.filter((state) => followsModel(state, model));
  const within = (value: number, least: number, most: number) => value >= least && value <= most;
  const problems = [
    ...(isModelName(version) ? [] : [`the version: expected MODEL@VERSION, got "${version}"`]),
    ...(version === present ? [`the fleet runs ${version} already`] : []),
    ...(following.length > 0 ? [] : [`no camera of the fleet has detect.model "${model}"`]),
    ...(within(canaryPercent, 0.01, 100) ? [] : [`the canary percentage: expected 0.01 to 100, got ${canaryPercent}`]),
    ...(wish.canaryPercent !== undefined && canaryCameras !== undefined
      ? ['give a percentage or cameras, not both']
      : []),
    ...(within(bakeMs, minuteMs, 7 * dayMs) ? [] : [`the bake time: expected 1 minute to 7 days, got ${bakeMs} ms`]),
    ...(within(maxErrorRate, 0.0001, 0.5)
      ? []
      : [`the error rate: expected 0.01 % to 50 %, got ${maxErrorRate * 100} %`]),
    ...(within(maxSlowdown, 1, 100) ? [] : [`the slowdown: expected 1 to 100 times, got ${maxSlowdown}`]),
    ...(untilMs >= nowMs + bakeMs && untilMs <= nowMs + orderDaysMax * dayMs
      ? []
      : [`its end: expected after the bake time and within ${orderDaysMax} days, got ${until}`]),
    ...camerasProblem(canaryCameras, following, model),
  ];
  if (problems.length > 0) {
    throw new KvsInferError('MODEL_ROLLOUT_INVALID', problems.join('; '), {
      hint: 'correct what is named; docs/models.md tells what each part of a rollout is',
    });
  }
  if (isUnderWay(item) && wish.replace !== true) {
    const { modelRollout } = item;
    throw new KvsInferError(
      'MODEL_ROLLOUT_RUNNING',
      `fleet ${item.fleet} is rolling out ${modelRollout?.version ?? 'a model'}, ordered by ${modelRollout?.orderedBy ?? 'somebody'}`,
      { hint: 'wait for its verdict, take it back with `kvs-infer model rollback`, or give --replace' },
    );
  }
  return {
    ...{
      schemaVersion: 1,
      id: `${version}/${new Date(nowMs).toISOString()}`,
      version,
      bakeMs,
      maxErrorRate,
      maxSlowdown,
    },
    canary:
      canaryCameras === undefined ? { percent: canaryPercent } : { cameraIds: [...new Set(canaryCameras)].sort() },
    ...{ orderedAtMs: nowMs, orderedBy: by, until, reason },
  };
}

/** @throws KvsInferError MODEL_ROLLOUT_NONE */
export function rollbackOrder(
  { by, reason }: { by: string; reason: string },
  item: FleetItem,
  nowMs: number,
): ModelRollout {
  const { modelRollout, modelRolloutState } = item;
  const isOver = modelRolloutState?.id === modelRollout?.id && modelRolloutState?.phase === 'reverted';
  if (modelRollout === undefined || isOver) {
    const words = modelRollout === undefined ? 'no rollout' : `only ${modelRollout.version}, which is reverted already`;
    throw new KvsInferError('MODEL_ROLLOUT_NONE', `fleet ${item.fleet} has ${words}`, {
      hint: 'see `kvs-infer fleet show`; another version comes with `kvs-infer model rollout`',
    });
  }
  return { ...modelRollout, rollback: { atMs: nowMs, by, reason } };
}

function camerasProblem(
  wanted: readonly string[] | undefined,
  following: readonly CameraState[],
  model: string,
): string[] {
  if (wanted === undefined) return [];
  if (wanted.length === 0 || wanted.length > canaryCamerasMax) {
    return [`the canary cameras: expected 1 to ${canaryCamerasMax}, got ${wanted.length}`];
  }
  const ids = new Set(following.map(({ cameraId }) => cameraId));
  const others = wanted.filter((id) => !ids.has(id));
  if (others.length === 0) return [];
  return [`not enabled in this fleet with detect.model "${model}", or pinned to a version: ${names(others)}`];
}
