/**
 * When a camera is to be watched: the weekly windows, dated exceptions and dated override of its row as UTC intervals.
 * Invariant: membership in an interval decides, never the proximity of a fire time; intervals are half-open, ordered,
 * disjoint and merged.
 */
import type { Camera } from './camera.ts';

/** Half-open `[startMs, endMs)`, Unix epoch milliseconds. */
export type Interval = { startMs: number; endMs: number };
export type Scheduled = Pick<Camera, 'enabled' | 'schedule' | 'override'>;

/** All watched intervals that intersect `[fromMs, toMs)`, clipped to it. A camera that is not enabled has none. */
export function scheduledIntervals(_camera: Scheduled, _fromMs: number, _toMs: number): Interval[] {
  throw new Error('in progress');
}
/** Is `atMs` inside a watched interval? */
export function isScheduled(_camera: Scheduled, _atMs: number): boolean {
  throw new Error('in progress');
}
/** Start of the first watched interval that begins after `afterMs` and before `afterMs + horizonMs`, else null. */
export function nextScheduledStart(_camera: Scheduled, _afterMs: number, _horizonMs: number): number | null {
  throw new Error('in progress');
}
