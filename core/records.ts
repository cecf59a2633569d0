/**
 * What consumers receive: the `frame@1` and `track@1` records of the result stream, and what lies beside a snapshot. The zod types here are the single
 * source: the worker builds them, the tests validate them, and docs/schemas is generated from them.
 * Invariant: `id` depends on camera, fragment, frame, kind and track alone, so a repeated record repeats its id.
 */
import * as z from 'zod';

const instant = z.iso.datetime({ precision: 3 });
const unit = z.number().min(0).max(1);
/** `[x1, y1, x2, y2]`, fractions of the frame's width and height, x1 <= x2 and y1 <= y2. */
export const boxSchema = z.tuple([unit, unit, unit, unit]);

export const detectionSchema = z.strictObject({
  label: z.string(),
  classId: z.int().min(0),
  score: unit,
  box: boxSchema,
  trackId: z.string().optional(),
  regions: z.array(z.string()).optional(),
  text: z.strictObject({ value: z.string(), score: unit }).optional(),
});

export const frameRecordSchema = z.strictObject({
  schema: z.literal('kvs-infer/frame@1'),
  id: z.string(),
  cameraId: z.string(),
  epoch: z.int().min(0),
  workerId: z.string(),
  model: z.string(),
  fragmentNumber: z.string(),
  frameIndex: z.int().min(0),
  capturedAt: instant,
  inferredAt: instant,
  width: z.int().min(1),
  height: z.int().min(1),
  detections: z.array(detectionSchema),
});

export const trackRecordSchema = z.strictObject({
  schema: z.literal('kvs-infer/track@1'),
  id: z.string(),
  event: z.enum(['enter', 'exit', 'text', 'region-enter', 'region-dwell', 'region-exit', 'line-cross']),
  cameraId: z.string(),
  epoch: z.int().min(0),
  workerId: z.string(),
  model: z.string(),
  trackId: z.string(),
  label: z.string(),
  classId: z.int().min(0),
  score: unit,
  box: boxSchema,
  at: instant,
  firstSeenAt: instant,
  lastSeenAt: instant,
  region: z.string().optional(),
  /** How long the track was inside: of `region-exit` in all, of `region-dwell` until then. */
  dwellMs: z.int().min(0).optional(),
  /** Of `line-cross`: as seen by who walks the line from its first point to its second. */
  direction: z.enum(['left-to-right', 'right-to-left']).optional(),
  text: z.strictObject({ value: z.string(), score: unit }).optional(),
  snapshotKey: z.string().optional(),
});

/** The JSON beside a snapshot, under the picture's key with `.json`. */
export const snapshotRecordSchema = z.strictObject({
  schema: z.literal('kvs-infer/snapshot@1'),
  key: z.string(),
  cameraId: z.string(),
  model: z.string(),
  trackId: z.string(),
  fragmentNumber: z.string(),
  frameIndex: z.int().min(0),
  capturedAt: instant,
  width: z.int().min(1),
  height: z.int().min(1),
  label: z.string(),
  score: unit,
  box: boxSchema,
  /** Of the object in this picture: v / (v + 100), square root, of the variance v of its Laplacian. */
  sharpness: unit,
  /** What the track's readings settled on, also when that was after the picture. */
  text: z.strictObject({ value: z.string(), score: unit }).optional(),
  /** Everything that was found in the frame. */
  detections: z.array(detectionSchema),
});

export type Detection = z.infer<typeof detectionSchema>;
export type FrameRecord = z.infer<typeof frameRecordSchema>;
export type TrackRecord = z.infer<typeof trackRecordSchema>;

export function frameRecordId(cameraId: string, fragmentNumber: string, frameIndex: number): string {
  return `${cameraId}/${fragmentNumber}/${frameIndex}/frame`;
}

/** @param detail what tells records of one event apart: the region and how often, or the text. */
export function trackRecordId(cameraId: string, trackId: string, event: TrackRecord['event'], detail?: string): string {
  return detail === undefined ? `${cameraId}/${trackId}/${event}` : `${cameraId}/${trackId}/${event}/${detail}`;
}

/** A track is named by the frame in which it was first seen, so a re-run of the same frames names it alike. */
export function trackIdOf(fragmentNumber: string, frameIndex: number, ordinal: number): string {
  return `${fragmentNumber}-${frameIndex}-${ordinal}`;
}

/** JSON Schemas of what is published, by file name under docs/schemas/. */
export function recordJsonSchemas(): Record<string, unknown> {
  return {
    'frame@1.json': z.toJSONSchema(frameRecordSchema),
    'track@1.json': z.toJSONSchema(trackRecordSchema),
    'snapshot@1.json': z.toJSONSchema(snapshotRecordSchema),
  };
}
