/**
 * What every camera asks for at this instant: wanted now, wanted within the lead time, or why not, and at what cost in
 * inferences per second of the default model. Calendar, pause, silence and a missing stream all end here.
 * Invariant: a camera that cannot be judged (nothing known of its stream) is never declared silent for it.
 */
import type { Interval } from '../calendar.ts';
import type { CameraPhase, CameraState, FleetPolicy, WorkerItem } from '../fleet-state.ts';
import { disabledByRow, invalidBy } from './first-phase.ts';
import { type HoursInput, hoursAt, type Outlook, outlookOf, scheduledAt } from './hours.ts';
import type { StreamsObservation } from './observation.ts';
import { type Owners, ownersOf, ownersWord, type Word } from './owners.ts';
import { byPriority } from './pack.ts';
import { camerasPerFleetMax, handoverMs, orderToLaunchMs } from './policy.ts';
import { looksAtIdleStreams } from './watch-gaps.ts';

/**
 * Cost of one inference against YOLOv8n, by GFLOPs at 640x640 as Ultralytics publishes them (8.7 for YOLOv8n).
 * A model that is not listed costs as much as the default model, on which workers measure themselves.
 */
const modelCostRatios: Record<string, number> = {
  yolov8n: 1,
  yolov8s: 3.3,
  yolov8m: 9.1,
  yolov8l: 19,
  yolov8x: 29.6,
  yolo11n: 0.75,
  yolo11s: 2.5,
  yolo11m: 7.8,
  yolo11l: 10,
  yolo11x: 22.4,
};

export type CameraDemand = {
  cameraId: string;
  priority: number;
  /** Who runs it or ran it last, as far as control knows. */
  ownerWorkerId: string | null;
  /** Inferences per second of the default model. */
  load: number;
  /** Instants at which it costs a worker, clipped to `[now, now + horizon)`; silence is already taken out. */
  intervals: readonly Interval[];
  /** Inside an interval now. */
  wantedNow: boolean;
  /** To be given to a worker now: wanted now, or so soon that the next tick would be late, or to be listened to. */
  assignNow: boolean;
  /** Silent in its window: a worker that is there anyway keeps its stream open, which costs nothing, and sees media first. */
  isListenedTo: boolean;
  /** Start of the first interval to come within the horizon. */
  nextStartMs: number | null;
  /** Phase and reason when it is not wanted now; ignored otherwise. */
  idle: { phase: CameraPhase; reason: string };
  /** What `silentSinceMs` must be from now on. */
  silentSinceMs: number | null;
  /** Scheduled by its row alone over the recent past, for the ledger: silence and pause leave it unchanged. */
  scheduledPast: readonly Interval[];
};

export type DemandInput = {
  nowMs: number;
  policy: FleetPolicy;
  leadTimeMs: number;
  cameras: readonly CameraState[];
  owners: Owners;
  streams: StreamsObservation;
  pause: { untilMs: number; reason: string } | null;
};

/** `PutMedia.IncomingFragments` becomes visible two to three minutes late (CloudWatch, as measured). */
const metricLagMs = 180_000;

/** The ledger asks about at most this much of the past in one tick. */
export const accountablePastMs = 900_000;

export function modelCostRatio(model: string): number {
  return modelCostRatios[model] ?? 1;
}

/** A metric cannot tell silence from its own delay. */
export function metricGraceMs({ silentGraceMs }: FleetPolicy, { periodMs }: StreamsObservation): number {
  return Math.max(silentGraceMs, metricLagMs + periodMs);
}

/** Demand looks one tick and the way of an order further than the lead time: the next look is one tick away. */
export function demandHorizonMs(policy: FleetPolicy, leadMs: number): number {
  return leadMs + policy.reconcileIntervalMs + orderToLaunchMs;
}

/** Which hours a run asks cameras about. */
export function hoursAsked({ nowMs, policy, leadTimeMs, pause }: Omit<DemandInput, 'cameras' | 'owners' | 'streams'>) {
  return {
    ...{ nowMs, pause },
    pastMs: Math.max(accountablePastMs, policy.silentGraceMs) + 1,
    horizonMs: demandHorizonMs(policy, leadTimeMs),
    assignAheadMs: policy.reconcileIntervalMs + handoverMs,
  };
}

/** One demand per camera state, in the order of `cameras`. @param hoursOf knows what was asked about in this run already. */
export function cameraDemands(input: DemandInput, hoursOf = hoursAt(hoursAsked(input))): CameraDemand[] {
  const { owners } = input;
  const hours: HoursInput = hoursAsked(input);
  const demands = input.cameras.map((state) => {
    const word = ownersWord(state, owners);
    return cameraDemand(state, word?.isAlive === true ? word : null, input, hours, hoursOf);
  });
  return demands.length <= camerasPerFleetMax ? demands : withinFleet(demands, input.cameras);
}

/** A fleet is one cell: of more cameras than it holds, those of the highest priority are watched, the first ids among equals. */
function withinFleet(demands: readonly CameraDemand[], cameras: readonly CameraState[]): CameraDemand[] {
  const usable = demands.filter((_, index) => cameras[index]?.camera?.enabled === true);
  const held = new Set(usable.toSorted(byPriority).slice(0, camerasPerFleetMax));
  // Without the count: it grows with every row, and all the cameras that are not held would be written anew each time.
  const reason = `the fleet holds ${camerasPerFleetMax} cameras and has more: move it to another fleet`;
  return demands.map((demand, index) => {
    if (held.has(demand) || cameras[index]?.camera?.enabled !== true) return demand;
    const idle = demand.wantedNow ? { phase: 'shed' as const, reason } : demand.idle;
    return {
      ...demand,
      intervals: [],
      wantedNow: false,
      assignNow: false,
      isListenedTo: false,
      nextStartMs: null,
      idle,
    };
  });
}

/**
 * Streams whose activity only the metric can tell: scheduled now, and no worker reads them. Every stream asked about
 * costs money at each tick, so those that a worker reports on are left out, and idle ones are asked about now and then.
 */
export function streamsToAskAbout(
  cameras: readonly CameraState[],
  workers: readonly WorkerItem[],
  nowMs: number,
  policy: FleetPolicy,
): string[] {
  const owners = ownersOf(workers, nowMs, policy.workerDeadAfterMs);
  const names = new Set<string>();
  const isScheduledNow = scheduledAt(nowMs);
  const looksAtIdle = looksAtIdleStreams(nowMs);
  for (const state of cameras) {
    const { camera } = state;
    if (camera === null || state.leaving !== undefined) continue;
    if (!isScheduledNow(camera) && !(camera.enabled && looksAtIdle)) continue;
    const word = ownersWord(state, owners);
    if (word?.isAlive !== true || word.report.state === 'failing') names.add(camera.streamName);
  }
  return [...names].sort();
}

const nothingAhead: Pick<Outlook, 'intervals' | 'wantedNow' | 'assignNow' | 'nextStartMs'> = {
  intervals: [],
  wantedNow: false,
  assignNow: false,
  nextStartMs: null,
};

function demandOf(
  state: CameraState,
  { intervals, wantedNow, assignNow, nextStartMs, idle }: Outlook,
  scheduledPast: readonly Interval[],
  silentSinceMs: number | null = null,
): CameraDemand {
  const { camera } = state;
  const isListenedTo = silentSinceMs !== null;
  return {
    cameraId: state.cameraId,
    priority: camera?.priority ?? 0,
    ownerWorkerId: state.ownerWorkerId ?? null,
    load: camera === null ? 0 : camera.detect.fps * modelCostRatio(camera.detect.model),
    intervals,
    wantedNow,
    assignNow: assignNow || isListenedTo,
    isListenedTo,
    nextStartMs,
    silentSinceMs,
    scheduledPast,
    idle,
  };
}

function never(state: CameraState, idle: CameraDemand['idle']): CameraDemand {
  return demandOf(state, { ...nothingAhead, idle }, []);
}

function cameraDemand(
  state: CameraState,
  /** Of an owner that lives. */
  word: Word | null,
  input: DemandInput,
  hours: HoursInput,
  hoursOf: ReturnType<typeof hoursAt>,
): CameraDemand {
  const { camera } = state;
  if (state.leaving !== undefined) {
    const { toFleet } = state.leaving;
    const reason = toFleet === null ? 'its row was removed' : `it moves to fleet ${toFleet}`;
    return never(state, { phase: 'disabled', reason });
  }
  if (camera === null) {
    return never(state, invalidBy(state.issues));
  }
  if (!camera.enabled) return never(state, disabledByRow);

  const { past, current, outlook, isPaused, later } = hoursOf(camera);
  if (isPaused) return demandOf(state, outlook, past);

  const status =
    input.streams.statusByName === null ? null : (input.streams.statusByName.get(camera.streamName) ?? 'absent');
  if (status === 'absent' || status === 'DELETING') {
    const what = status === 'absent' ? 'does not exist' : 'is being deleted';
    const hint = camera.stream.create ? 'it is being created' : 'create it, or set stream.create to true';
    const reason = `KVS stream ${camera.streamName} ${what}: ${hint}`;
    const phase = current === null ? 'off-schedule' : 'silent';
    return demandOf(state, { ...nothingAhead, idle: { phase, reason } }, past);
  }

  const silentSinceMs = current === null ? null : silentSince(state, word, current, input);
  if (silentSinceMs === null) return demandOf(state, outlook, past);
  const reason = `no media since ${new Date(silentSinceMs).toISOString()}; it costs no worker until media returns`;
  return demandOf(state, outlookOf(later, { phase: 'silent', reason }, hours), past, silentSinceMs);
}

/**
 * Since when the camera sends nothing, or null when it sends, or may send. A worker's own report wins over the metric,
 * which lags by minutes; a worker that cannot read the stream (`failing`) says nothing about it, so there the metric
 * counts.
 */
function silentSince(
  state: CameraState,
  word: Word | null,
  current: Interval,
  { nowMs, policy, streams }: DemandInput,
): number | null {
  const report = word?.report;
  const seenByWorkerMs = Math.max(report?.lastMediaAtMs ?? 0, state.lastMediaAtMs ?? 0);
  const streamName = state.camera?.streamName ?? '';
  const asked = streams.activeAtMs.has(streamName);
  const activeAtMs = streams.activeAtMs.get(streamName) ?? 0;
  if (state.silentSinceMs !== undefined) {
    // A period that merely contains the moment of falling silent proves nothing: media must have come after it.
    const returned = seenByWorkerMs > state.silentSinceMs || activeAtMs >= state.silentSinceMs;
    return returned ? null : state.silentSinceMs;
  }
  const workerKnows = word !== null && word.report.state !== 'failing';
  if (!workerKnows && !asked) return null;
  const seenByMetricMs = workerKnows || activeAtMs === 0 ? 0 : Math.min(nowMs, activeAtMs + streams.periodMs);
  const seenAtMs = Math.max(seenByWorkerMs, seenByMetricMs);
  const expectedFromMs = Math.max(current.startMs, state.ownedSinceMs ?? 0, state.rowChangedAtMs);
  const graceMs = workerKnows ? policy.silentGraceMs : metricGraceMs(policy, streams);
  const lastMs = Math.max(seenAtMs, expectedFromMs);
  // A worker that is late itself (stopped, cut off) has not said that its cameras sent nothing meanwhile.
  const knownUntilMs = workerKnows ? Math.min(nowMs, word.reportedAtMs) : nowMs;
  return knownUntilMs - lastMs >= graceMs ? lastMs : null;
}
