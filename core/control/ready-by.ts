/**
 * The promise of every window: somebody is ready to watch when it opens. It is judged by the same account of time that the
 * ledger keeps, so the two never contradict each other: kept when the first instant that was watched, or in which the
 * camera itself sent nothing, comes within the tolerance.
 * Invariants: a window is judged once, by the slice of time in which that instant or its end lies; a window that could not
 * be promised (its row came within the lead time, the fleet was paused) is not judged.
 */
import type { Interval } from '../calendar.ts';
import type { CameraState, OpenWindow } from '../fleet-state.ts';

/** Five seconds: a fragment, a key frame and a heartbeat lie between an open stream and its first frame. */
export const readyToleranceMs = 5_000;

/** Table `ledger`, one item per window beside those of the hours. */
export type WindowPromise = {
  cameraId: string;
  windowStartMs: number;
  /** From the start to the first instant that counts as ready, or to the end of the window when there was none. */
  latenessMs: number;
  outcome: 'hit' | 'missed';
  /** What kept it unready; null for a hit. */
  cause: string | null;
};

/** One stretch of accounted time; `cause` null is watched. */
export type AccountedStretch = Interval & { cause: string | null };

export type JudgedWindows = { promises: WindowPromise[]; open: OpenWindow | undefined };

/**
 * @param windows scheduled time that touches the slice, not clipped to it.
 * @param stretches the slice without a hole.
 * @param promisableFromMs windows that opened earlier were not known in time.
 */
export function judgeWindows(
  { cameraId, openWindow }: Pick<CameraState, 'cameraId' | 'openWindow'>,
  windows: readonly Interval[],
  stretches: readonly AccountedStretch[],
  slice: Interval,
  promisableFromMs: number,
): JudgedWindows {
  const promises: WindowPromise[] = [];
  let open = openWindow;
  const settle = (window: OpenWindow, readyAtMs: number, isReady: boolean) => {
    const latenessMs = Math.max(0, readyAtMs - window.startMs);
    const verdict =
      isReady && latenessMs <= readyToleranceMs
        ? { outcome: 'hit' as const, cause: null }
        : { outcome: 'missed' as const, cause: window.cause ?? 'late' };
    promises.push({ cameraId, windowStartMs: window.startMs, latenessMs, ...verdict });
    open = undefined;
  };
  const touching = windows.filter(({ startMs, endMs }) => startMs < slice.endMs && endMs > slice.startMs);
  // A window that was open goes on where the slice begins, or it is over.
  if (open !== undefined && !touching.some(({ startMs }) => startMs < slice.startMs))
    settle(open, slice.startMs, false);
  for (const { startMs, endMs } of touching) {
    // What opened before the slice is open or judged.
    const inside = stretches.filter((stretch) => stretch.startMs < endMs && stretch.endMs > startMs);
    if (startMs >= slice.startMs) {
      open = startMs >= promisableFromMs ? { startMs, cause: inside[0]?.cause ?? 'late' } : undefined;
    }
    if (open === undefined) continue;
    const ready = inside.find(({ cause }) => cause === null || cause === 'silent');
    if (ready !== undefined) settle(open, Math.max(startMs, ready.startMs), true);
    else if (endMs < slice.endMs) settle(open, endMs, false);
  }
  return { promises, open };
}
