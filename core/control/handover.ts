/**
 * Make before break: a camera that has to move is first prepared on its next worker, which opens the stream and decodes a
 * frame while the owner goes on watching; only then the owner is asked to give it up, and the next owner continues with the
 * very next frame (docs/decisions/0018).
 * Invariants: nothing here changes an owner or an epoch; whatever fails (a successor that does not come up, that dies, that
 * is too old to know how) ends in release-then-give, at the latest after `standbyWaitMs`.
 */
import type { CameraState, StandbyOrder, WorkerItem } from '../fleet-state.ts';
import type { ModelOrder } from './model-evidence.ts';

/** Opening takes a heartbeat, GetMedia and one whole fragment of up to 20 s; whoever takes longer is not waited for. */
export const standbyWaitMs = 30_000;
/** Streams that one worker opens ahead of time at once: each holds some seconds of media in memory. */
export const standbysMax = 8;
/** A drain that we chose ourselves moves its cameras within seconds each; the bound is for what finds no other place. */
const drainHandoverMs = 900_000;
/** EC2 stops an interrupted Spot instance two minutes after its notice. */
const spotNoticeMs = 120_000;
/** So long before its end a worker gives up what found no other place: stopping and flushing take up to 8 s. */
const releaseBeforeEndMs = 25_000;

/** The drain flag of a worker that the plan drains. */
export function drainOrder(
  drain: { reason: string; keepInstance?: true },
  nowMs: number,
): NonNullable<WorkerItem['drain']> {
  return { sinceMs: nowMs, ...drain, handover: { untilMs: nowMs + drainHandoverMs } };
}

/**
 * The drain flag of a worker whose Spot instance goes.
 * @param noticedAtMs EC2's time of the notice; null: it only recommends to leave, and names no end.
 */
export function spotDrain(noticedAtMs: number | null, nowMs: number): NonNullable<WorkerItem['drain']> {
  if (noticedAtMs === null) {
    return { sinceMs: nowMs, reason: 'EC2 recommends to leave its Spot instance', handover: {} };
  }
  const untilMs = Math.min(noticedAtMs, nowMs) + spotNoticeMs - releaseBeforeEndMs;
  return { sinceMs: nowMs, reason: 'EC2 takes its Spot instance back', handover: { untilMs } };
}

/** The drain of a worker with an end that nobody can put off: it replaces one without, or with a later one. */
export function soonerDrain(present: WorkerItem['drain'], doom: NonNullable<WorkerItem['drain']>) {
  if (present === undefined) return doom;
  const endsMs = (drain: NonNullable<WorkerItem['drain']>) =>
    drain.handover === undefined ? 0 : (drain.handover.untilMs ?? Number.POSITIVE_INFINITY);
  return endsMs(doom) < endsMs(present) ? doom : present;
}

/** Does it leave, and watch its cameras until they are taken off its list? Older workers give up everything at once. */
export function isHandingOver({ drain, standingBy }: WorkerItem, nowMs: number): boolean {
  if (drain?.handover === undefined || standingBy === undefined) return false;
  return nowMs < (drain.handover.untilMs ?? Number.POSITIVE_INFINITY);
}

/** When a leaving worker was to give up what it still has. */
export function drainReleasesAtMs({ drain }: WorkerItem, nowMs: number): number | undefined {
  const untilMs = drain?.handover?.untilMs;
  return untilMs !== undefined && untilMs <= nowMs ? untilMs : drain?.sinceMs;
}

/**
 * What a camera that is to move to `successor` needs next.
 * @param isWatched by its owner: a camera that nobody watches has nothing to lose by moving at once.
 */
export function moveStep(state: CameraState, successor: WorkerItem | undefined, isWatched: boolean, nowMs: number) {
  if (!isWatched || successor?.standingBy === undefined) return { step: 'release', isPrepared: false } as const;
  if (state.successorWorkerId !== successor.workerId) return { step: 'prepare', isPrepared: false } as const;
  const isPrepared = isStandingBy(state, new Map([[successor.workerId, successor]]));
  const isLate = nowMs - (state.successorSinceMs ?? 0) >= standbyWaitMs;
  return { step: isPrepared || isLate ? 'release' : 'wait', isPrepared } as const;
}

type Workers = ReadonlyMap<string, WorkerItem>;

/** Is the camera's successor ready for it? */
export function isStandingBy(
  { cameraId, successorWorkerId, successorSinceMs }: CameraState,
  workers: Workers,
): boolean {
  const standby = workers.get(successorWorkerId ?? '')?.standingBy?.[cameraId];
  return standby?.state === 'ready' && standby.sinceMs === successorSinceMs;
}

/** Was the camera given to a worker that stood by, and that has not heard of it yet? */
export function wasStandingBy({ cameraId, ownerWorkerId }: CameraState, workers: Workers): boolean {
  return workers.get(ownerWorkerId ?? '')?.standingBy?.[cameraId]?.state === 'ready';
}

/** The streams that a worker is to open ahead of time, from the camera states as they are after the changes were written. */
export function standbysOf(
  { workerId, standbys }: WorkerItem,
  cameras: readonly CameraState[],
  orderOf: (state: CameraState) => ModelOrder | null = () => null,
  traceId: string | null = null,
): Record<string, StandbyOrder> {
  const orders: Record<string, StandbyOrder> = {};
  for (const state of cameras) {
    const { cameraId, camera, ownerWorkerId, successorWorkerId, successorSinceMs } = state;
    if (successorWorkerId !== workerId || ownerWorkerId === workerId || camera === null) continue;
    const modelOrder = orderOf(state);
    const known = standbys?.[cameraId];
    const orderedBy =
      known !== undefined && known.sinceMs === successorSinceMs ? known.traceId : (traceId ?? undefined);
    orders[cameraId] = {
      streamName: camera.streamName,
      model: modelOrder?.name ?? camera.detect.model,
      ...(modelOrder === null ? {} : { fallbackModel: modelOrder.fallback }),
      sinceMs: successorSinceMs ?? 0,
      ...(orderedBy === undefined ? {} : { traceId: orderedBy }),
    };
  }
  return orders;
}

export function sameStandbys(a: Record<string, StandbyOrder>, b: Record<string, StandbyOrder>): boolean {
  const ids = Object.keys(a);
  return ids.length === Object.keys(b).length && ids.every((id) => a[id]?.sinceMs === b[id]?.sinceMs);
}
