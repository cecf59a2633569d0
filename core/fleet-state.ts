/**
 * The items that control and workers share (design: data model, leases). One type per table; each attribute names its
 * only writer. Invariant: control alone changes `ownerWorkerId` and `epoch`; a worker writes to a camera's state only
 * under the condition `ownerWorkerId = me AND epoch = mine`.
 * Times are `…AtMs` (Unix epoch, milliseconds) except sort keys that people read, which are ISO 8601.
 */
import type { Camera, Issue } from './camera.ts';
import type { BudgetMemory } from './control/budget.ts';
import type { CapacityLadder } from './control/capacity-ladder.ts';
import type { MovesMade } from './control/consolidation.ts';
import type { FleetDay } from './control/meter.ts';
import type { ModelOrder, ModelReport } from './control/model-evidence.ts';
import type { ModelRollout, ModelRolloutState, ModelVersions } from './control/model-rollout.ts';

/** Workers say that they live every 3 s (design: leases). Both sides count with these two. */
export const heartbeatIntervalMs = 3_000;
/** A worker that lost its heartbeat stops publishing after 15 s; control must call it dead later than that. */
export const workerFencesAfterMs = 15_000;

export const cameraPhases = [
  'invalid',
  'disabled',
  'off-schedule',
  'warming',
  'waiting-capacity',
  'silent',
  'starting',
  'running',
  'degraded',
  'shed',
] as const;
export type CameraPhase = (typeof cameraPhases)[number];

/** Where reading stopped. A successor continues with the fragment after `fragmentNumber`. */
export type Checkpoint = { fragmentNumber: string; producerTimestampMs: number };

/** Table `camera-states`, key `fleet` / `cameraId`. */
export type CameraState = {
  fleet: string;
  cameraId: string;
  schemaVersion: 1;
  /** Parsed row, or null when the row is wrong. Control (camera-changed). */
  camera: Camera | null;
  /** Everything the parser had to say about the row. Control (camera-changed). */
  issues: Issue[];
  /** DynamoDB stream sequence number of the row version that was parsed: older events change nothing. Control. */
  rowSequenceNumber: string;
  rowChangedAtMs: number;
  /** Trace of the row's newest change (docs/decisions/0038). Control (camera-changed). */
  rowTraceId?: string;
  phase: CameraPhase;
  /** Why the camera is in this phase, in words. Control (reconcile). */
  phaseReason: string;
  phaseSinceMs: number;
  /** Control. Absent when nobody owns the camera. */
  ownerWorkerId?: string;
  /** +1 on every change of owner; 0 before the first. Control. */
  epoch: number;
  /** Control: since then the owner is to watch it: when it was given, or the start of its window if that came later. */
  ownedSinceMs?: number;
  /**
   * Control: since then the owner is asked to give the camera up; gone with the next owner. It tells "taken out of the
   * worker's list" from "not yet written into it", so that a crash between two writes heals either way.
   */
  releaseRequestedAtMs?: number;
  /** Control: reads its stream already and has it next; once it stands by, the owner is asked to give up. Then gone. */
  successorWorkerId?: string;
  /** Control: since then the successor is asked to stand by. Tells one attempt from the next. */
  successorSinceMs?: number;
  /** Control: declared silent since then: it costs no worker until media is seen again. */
  silentSinceMs?: number;
  /** Control: the row was removed (`toFleet` null) or names another fleet; the item goes when nobody owns it any more. */
  leaving?: { toFleet: string | null; sinceMs: number };
  /** Control: up to here the ledger knows what this camera saw. */
  accountedThroughMs?: number;
  /** Control: a window that opened and in which nobody was ready yet, up to `accountedThroughMs`. */
  openWindow?: OpenWindow;
  /** Worker: equals `epoch` once the owner has stopped, flushed and written its checkpoint for good. */
  releasedEpoch?: number;
  checkpoint?: Checkpoint;
  /** Producer time of the newest media that any worker received. Worker. */
  lastMediaAtMs?: number;
  lastInferenceAtMs?: number;
  /** What the last owner to write here saw; for the time that no heartbeat tells of. Worker. */
  watch?: WatchReport;
  /** Trace of the run that gave it the camera. Worker. */
  watchTraceId?: string;
};

/** `cause`: what kept it unready in the beginning. */
export type OpenWindow = { startMs: number; cause: string };

/** [fromMs, toMs) in which nothing was inferred, and the one cause of it. */
export type BlindSpan = { fromMs: number; toMs: number; cause: string };

/**
 * What a worker knows of its watching: within [sinceMs, throughMs] the camera was watched, except in `blind` (in order,
 * at most 24 spans). It says nothing of other times.
 */
export type WatchReport = { sinceMs: number; throughMs: number; blind: BlindSpan[] };

/**
 * `frames`: all of them, those that others refer to and those that are wanted (reference), or key frames alone: the fewest
 * that give the camera its fps. `device`: NVIDIA's decoder or the CPU. `fallback`: why not the GPU's, where it was promised.
 */
export type DecodeReport = {
  codec: 'h264' | 'hevc';
  frames: 'all' | 'reference' | 'keyframes';
  device: 'cuvid' | 'cpu';
  fallback?: string;
};

export type RunningCameraState = 'starting' | 'running' | 'silent' | 'degraded' | 'failing';

/** What a worker says of one camera in its heartbeat. */
export type RunningCamera = {
  epoch: number;
  state: RunningCameraState;
  reason: string;
  /** Inferences per second over the last 10 s. */
  fps: number;
  /** Frames per second that overload leaves the camera; absent when it has its own rate. */
  grantedFps?: number;
  framesInferred: number;
  detections: number;
  tracks: number;
  /** Frames that were received but not inferred, by reason. */
  dropped: Record<string, number>;
  /** Wall-clock time at which the newest fragment arrived; absent before the first. */
  lastMediaAtMs?: number;
  lastInferenceAtMs?: number;
  firstInferenceAtMs?: number;
  /** How its stream is decoded; absent before the first frame. */
  decode?: DecodeReport;
  /** Absent in heartbeats of older workers. */
  watch?: WatchReport;
  lastDetection?: { label: string; score: number; atMs: number };
  /** The model file that it runs; absent while none is loaded, and in heartbeats of older workers. */
  model?: string;
};

/** One camera that control gave to a worker, complete enough to start without another read. */
export type Assignment = {
  epoch: number;
  camera: Camera;
  /** Continue after this fragment: the previous owner released it cleanly. Absent: start at the live edge. */
  resumeAfter?: Checkpoint;
  /** Beside `resumeAfter`: the previous owner watched the camera until then (its wall clock). Absent: it was blind at its end. */
  watchedUntilMs?: number;
  /**
   * Control's time of the assignment, or the start of the window when that is still to come. Without `resumeAfter`,
   * fragments whose server timestamp is older are not published: the previous owner may have published them, and no id
   * is ever published twice.
   */
  assignedAtMs: number;
  modelOrder?: ModelOrder;
  /** Of the run that gave it, and of the newest change of its row then. A list is never written for these alone. */
  traceId?: string;
  rowTraceId?: string;
};

/** A camera that another worker still watches, and that this one is to have next: it opens the stream and publishes nothing. */
export type StandbyOrder = {
  streamName: string;
  model: string;
  /** Loaded when `model` cannot be. */
  fallbackModel?: string;
  /** `successorSinceMs` of the camera's state. */
  sinceMs: number;
  traceId?: string;
};

/** What a worker says of a camera that it stands by for. `ready`: media flows, a frame was decoded, the model is loaded. */
export type StandbyReport = { sinceMs: number; state: 'opening' | 'ready' | 'failing'; reason: string };

/** Table `workers`, key `fleet` / `workerId`. */
export type WorkerItem = {
  fleet: string;
  workerId: string;
  schemaVersion: 1;
  /** Worker-written. */
  heartbeatAtMs: number;
  startedAtMs: number;
  taskArn?: string;
  containerInstanceArn?: string;
  /** EC2 instance id, from the container instance; absent in standalone mode. */
  instanceId?: string;
  revision?: string;
  lifecycle: 'starting' | 'ready' | 'draining' | 'stopped';
  provider?: 'cuda' | 'cpu';
  /** Measured at start on the default model with the fixed batch sizes. */
  capacityInferencesPerSecond?: number;
  firstInferenceAtMs?: number;
  running: Record<string, RunningCamera>;
  /** Since then its records, pictures or track items, one kind or all, cannot be stored; null when they can. Absent in older heartbeats. */
  unstoredSinceMs?: number | null;
  /** Cameras that it stands by for. Absent in heartbeats of older workers, which cannot: they are given cameras as before. */
  standingBy?: Record<string, StandbyReport>;
  /** Models of orders by name. Absent in heartbeats of older workers, which follow none. */
  models?: Record<string, ModelReport>;
  /** Control-written. */
  assignments?: Record<string, Assignment>;
  /** Not in `assignments`, because an older worker would publish what stands there. */
  standbys?: Record<string, StandbyOrder>;
  /** Trace of the run that wrote the two lists. */
  listsTraceId?: string;
  drain?: {
    sinceMs: number;
    reason: string;
    traceId?: string;
    /** Only the task goes: its instance is for the next one (a rollout). Absent: the instance goes with it. */
    keepInstance?: true;
    /**
     * The worker goes on with its cameras until each is taken off its list, and gives up the rest at `untilMs` (absent: as
     * long as it takes). Without `handover`, and by older workers, all are given up at once.
     */
    handover?: { untilMs?: number };
  };
  /** Control: ECS said that the task has stopped. The worker is dead from then on, whatever its last heartbeat. */
  stoppedAtMs?: number;
  /** Control: when the worker's Worker Ready event arrived. */
  readyAtMs?: number;
  /** Control: when its Worker Drained event arrived; the event may come before the heartbeat that shows it. */
  drainedAtMs?: number;
  /** DynamoDB TTL, seconds. Worker. */
  expiresAt: number;
};

/** Table `fleets`, key `fleet`. Every attribute but the key may be absent: defaults apply. */
export type FleetItem = {
  fleet: string;
  schemaVersion: 1;
  policy?: Partial<FleetPolicy>;
  pause?: { until: string; reason: string };
  override?: { minWorkers: number; until: string; reason: string };
  /** Milliseconds from instance launch to the first inference on it, newest last, at most 50. Control. */
  leadTimeSamplesMs?: number[];
  /** Instances that already gave a sample, newest last, at most 50: one sample per instance. Control. */
  leadTimeInstanceIds?: string[];
  /** The same samples by instance type, at most 50 each. Control. */
  leadTimesByType?: Record<string, number[]>;
  /** When the newest item of `decisions` was written. Control. */
  lastDecisionAtMs?: number;
  /** What the last run had to complain about. Control. */
  problemKinds?: string[];
  /** Demand has been lower than capacity since then; absent when it is not. Control. */
  lowerDemandSinceMs?: number;
  /** Where the fleet stands on the capacity ladder; absent while it never left the bottom. Control. */
  capacityLadder?: CapacityLadder;
  /** Today and the seven days before, oldest first, and up to when they are counted. Control. */
  days?: FleetDay[];
  meteredThroughMs?: number;
  /** What the day's budget allowed when it was last reckoned. Control. */
  budget?: BudgetMemory;
  /** Moves by choice within the minute. Control. */
  moves?: MovesMade;
  /** A person's order. */
  modelRollout?: ModelRollout;
  /** What became of it, and the versions that the fleet runs by now. Control. */
  modelRolloutState?: ModelRolloutState;
  modelVersions?: ModelVersions;
  /** `rerunTraceId`: of the newest event that asked for another run. */
  lock?: { holder: string; expiresAtMs: number; rerunRequested: boolean; rerunTraceId?: string };
  /** A run that is to begin then, for all that happened since the last; gone with the next run. Control. */
  dueRun?: { holder: string; atMs: number };
  /** How far runs that can wait have used up the time that lies between them. Control. */
  spacedThroughMs?: number;
};

export type FleetPolicy = {
  minWorkers: number;
  maxWorkers: number;
  targetUtilization: number;
  /** Assumed until a worker has measured its own. */
  defaultInferencesPerSecond: number;
  leadTimeDefaultMs: number;
  scaleInDelayMs: number;
  /** Workers beyond demand while a new revision rolls out, so that its first has a GPU before an old one is drained. */
  rolloutSurgeWorkers: number;
  /** Cameras that may change their worker within a minute when nothing forces them to. */
  movesPerMinuteMax: number;
  silentGraceMs: number;
  workerDeadAfterMs: number;
  /** Period of the Scheduler tick: what must be done before an instant is done one tick before it. */
  reconcileIntervalMs: number;
  /** Of the deployment, in order of priority. Empty: the group launches as it is, and control never changes how. */
  instanceTypes: string[];
  /** Further types, on demand, once the others are not to be had. */
  fallbackInstanceTypes: string[];
  /** Instances that are always on demand, and the share of Spot among the others. */
  onDemandBase: number;
  spotPercent: number;
  /** IANA zone in which the days of the fleet's accounts begin. */
  dayTimeZone: string;
  /** By type, or `type/spot`, `type/on-demand`: wins over the table of core/cost. */
  instanceUsdPerHour: Record<string, number>;
  /** What the instances may cost on one day; absent: no limit. */
  usdPerDayMax?: number;
};
