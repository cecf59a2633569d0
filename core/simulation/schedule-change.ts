/**
 * A change of schedules before it is saved: the cameras of the fleets that it touches, as they are and as they would be,
 * and what the calendar alone says of either. Invariant: cameras of other fleets are in neither.
 */
import { scheduledIntervals } from '../calendar.ts';
import type { Camera } from '../camera.ts';
import { gpuHours } from '../cost/gpu-hours.ts';
import type { FleetPolicy } from '../fleet-state.ts';

const hourMs = 3_600_000;

export type FleetChange = { fleet: string; before: Camera[]; after: Camera[] };
export type CameraChange = {
  cameraId: string;
  change: 'added' | 'changed' | 'removed';
  scheduledHoursBefore: number;
  scheduledHoursAfter: number;
};
export type CalendarFigures = {
  cameras: number;
  cameraHours: number;
  instanceHours: number;
  peakInstances: number;
  /** Needed, and above the fleet's maximum: cameras are shed then. */
  missingInstanceHours: number;
  /** Null when the price is not known. */
  costUsd: number | null;
  alwaysOnUsd: number | null;
};

/** @param rows replace the cameras of their ids, or are new. @param removed ids. */
export function fleetChanges(
  present: readonly Camera[],
  rows: readonly Camera[],
  removed: readonly string[],
): FleetChange[] {
  const changed = new Map(rows.map((camera) => [camera.cameraId, camera]));
  const touches = (cameraId: string) => changed.has(cameraId) || removed.includes(cameraId);
  const fleets = new Set([
    ...present.filter(({ cameraId }) => touches(cameraId)).map(({ fleet }) => fleet),
    ...rows.map(({ fleet }) => fleet),
  ]);
  return [...fleets].sort().map((fleet) => ({
    fleet,
    before: present.filter((camera) => camera.fleet === fleet),
    after: [
      ...present.filter((camera) => camera.fleet === fleet && !touches(camera.cameraId)),
      ...rows.filter((camera) => camera.fleet === fleet),
    ].sort((a, b) => (a.cameraId < b.cameraId ? -1 : 1)),
  }));
}

export function cameraChanges(
  present: readonly Camera[],
  rows: readonly Camera[],
  removed: readonly string[],
  { fromMs, toMs }: { fromMs: number; toMs: number },
): CameraChange[] {
  const before = new Map(present.map((camera) => [camera.cameraId, camera]));
  const hours = (camera: Camera | undefined) =>
    camera === undefined
      ? 0
      : scheduledIntervals(camera, fromMs, toMs).reduce((sum, { startMs, endMs }) => sum + endMs - startMs, 0) / hourMs;
  return [
    ...rows.map((camera): CameraChange => {
      const was = before.get(camera.cameraId);
      return {
        cameraId: camera.cameraId,
        change: was === undefined ? 'added' : 'changed',
        scheduledHoursBefore: hours(was),
        scheduledHoursAfter: hours(camera),
      };
    }),
    ...removed.map(
      (cameraId): CameraChange => ({
        cameraId,
        change: 'removed',
        scheduledHoursBefore: hours(before.get(cameraId)),
        scheduledHoursAfter: 0,
      }),
    ),
  ];
}

/** What the windows need and no chance disturbs. @param usdPerInstanceHour of always-on instances too. */
export function calendarFigures(
  fleets: readonly { cameras: readonly Camera[]; policy: FleetPolicy }[],
  { fromMs, toMs }: { fromMs: number; toMs: number },
  usdPerInstanceHour: number | null,
): CalendarFigures {
  const hours = fleets.map(({ cameras, policy }) => gpuHours(cameras, policy, policy.leadTimeDefaultMs, fromMs, toMs));
  const sum = (of: (one: (typeof hours)[number]) => number) => hours.reduce((total, one) => total + of(one), 0);
  const instanceHours = sum((one) => one.instanceHours);
  const peakInstances = sum((one) => one.peakInstances);
  const usd = (paidHours: number) => (usdPerInstanceHour === null ? null : paidHours * usdPerInstanceHour);
  return {
    cameras: fleets.reduce((count, { cameras }) => count + cameras.length, 0),
    cameraHours: sum((one) => one.cameraHours),
    instanceHours,
    peakInstances,
    missingInstanceHours: sum((one) => one.missingInstanceHours),
    costUsd: usd(instanceHours),
    alwaysOnUsd: usd((peakInstances * (toMs - fromMs)) / hourMs),
  };
}
