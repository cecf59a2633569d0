/**
 * The camera row: its schema, with every default. A row is what a person types into the registry and is untrusted until
 * `parseCameraRow` (core/parse-camera-row.ts) has turned it into a Camera or into every issue that was found.
 * Invariant: strict everywhere, so that an unknown attribute (a warning) can be told from a wrong one (an error).
 */
import * as z from 'zod';

export type Issue = {
  /** An error keeps the camera from running; a warning does not. */
  severity: 'error' | 'warning';
  /** Where in the row, e.g. `schedule.windows[0].start`; empty for the row as a whole. */
  path: string;
  /** What was expected, what came, and what to do. */
  message: string;
};

export const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
export type Weekday = (typeof weekdays)[number];

/** Ids that are safe in S3 keys, ECS names, metric dimensions and shell commands. */
export const cameraIdPattern = /^[A-Za-z0-9._-]{1,64}$/;
/** KVS CreateStream: StreamName. */
export const streamNamePattern = /^[A-Za-z0-9_.-]{1,256}$/;
export const fleetPattern = /^[a-z0-9-]{1,32}$/;
/** `name` or `name@version`. A row with the name alone follows the version that the fleet has rolled out. */
export const modelPattern = /^[A-Za-z0-9._-]{1,64}(?:@[A-Za-z0-9._-]{1,32})?$/;

const timeOfDay = z
  .string()
  .regex(/^(?:[01]\d|2[0-3]):[0-5]\d$|^24:00$/, 'expected a local time HH:MM from "00:00" to "24:00"');
const startOfDayTime = z
  .string()
  .regex(/^(?:[01]\d|2[0-3]):[0-5]\d$/, 'expected a local time HH:MM from "00:00" to "23:59"');
const calendarDate = z.iso.date('expected a date YYYY-MM-DD');
const instant = z.iso.datetime({
  offset: true,
  message: 'expected an instant such as "2026-11-24T02:00:00Z"',
});
const unit = z.number().min(0).max(1);
const classList = z.array(z.string().min(1).max(64)).max(200);

const timeZone = z.string().refine(isTimeZone, 'expected an IANA time zone such as "Asia/Singapore"');

const windowShape = { start: startOfDayTime, end: timeOfDay };
const weeklyWindow = z.strictObject({
  days: z
    .array(z.enum(weekdays))
    .min(1)
    .default([...weekdays]),
  ...windowShape,
});
const dayWindow = z.strictObject(windowShape);

const weeklySchedule = z.strictObject({
  timeZone,
  windows: z.array(weeklyWindow).max(100),
  exceptions: z
    .array(z.strictObject({ date: calendarDate, windows: z.array(dayWindow).max(24) }))
    .max(400)
    .default([]),
});

const point = z.tuple([unit, unit]);
const region = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9._-]{1,64}$/, 'expected 1 to 64 of A-Z a-z 0-9 . _ -'),
  polygon: z.array(point).min(2).max(64),
  mode: z.enum(['include', 'exclude']).default('include'),
  anchor: z.enum(['bottom-center', 'center', 'top-center']).default('bottom-center'),
  classes: classList.default([]),
  readText: z.boolean().default(false),
  /** An object that stays inside for so long is told once a stay; without it none is. */
  dwellMs: z.int().min(1).max(86_400_000).optional(),
});

/** The row as designed; strict everywhere, so that unknown attributes can be told from wrong ones. */
export const cameraRowSchema = z.strictObject({
  cameraId: z.string().regex(cameraIdPattern, 'expected 1 to 64 of A-Z a-z 0-9 . _ -'),
  streamName: z.string().regex(streamNamePattern, 'expected a KVS stream name: 1 to 256 of A-Z a-z 0-9 _ . -'),
  enabled: z.boolean().default(true),
  fleet: z.string().regex(fleetPattern, 'expected 1 to 32 of a-z 0-9 -').default('default'),
  priority: z.int().min(0).max(100).default(50),
  stream: z
    .strictObject({ create: z.boolean().default(false), retentionHours: z.int().min(1).max(87_600).default(24) })
    .prefault({}),
  schedule: z.union([z.literal('always'), weeklySchedule]).default('always'),
  override: z.strictObject({ state: z.enum(['on', 'off']), until: instant }).optional(),
  detect: z
    .strictObject({
      model: z
        .string()
        .regex(modelPattern, 'expected a model name: 1 to 64 of A-Z a-z 0-9 . _ -, or name@version')
        .default('default'),
      fps: z.number().gt(0).max(60).default(5),
      confidence: unit.default(0.35),
      iou: unit.default(0.5),
      classes: classList.default([]),
      motionGate: z
        .strictObject({
          enabled: z.boolean().default(false),
          maxSkipMs: z.int().min(200).max(60_000).default(5_000),
          sensitivity: unit.default(0.5),
        })
        .prefault({}),
    })
    .prefault({}),
  regions: z.array(region).max(50).default([]),
  smoothing: z
    .strictObject({
      window: z.int().min(1).max(60).default(5),
      minHits: z.int().min(1).max(60).default(3),
      maxMissMs: z.int().min(0).max(60_000).default(1000),
    })
    .prefault({}),
  text: z
    .strictObject({
      enabled: z.boolean().default(false),
      classes: classList.default([]),
      charset: z.string().min(1).max(128).default('A-Z0-9-'),
      pattern: z.string().max(200).default(''),
    })
    .prefault({}),
  snapshots: z
    .strictObject({
      on: z.enum(['enter', 'best', 'never']).default('best'),
      annotate: z.boolean().default(true),
      maxPerMinute: z.int().min(0).max(600).default(12),
    })
    .prefault({}),
});

/** A camera with every default filled in. */
export type Camera = z.output<typeof cameraRowSchema>;
export type WeeklySchedule = z.output<typeof weeklySchedule>;

export function isTimeZone(value: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: value });
    return !/^[+-]/.test(value);
  } catch {
    return false;
  }
}
