/**
 * What a static file of the replaced deployment says that a camera row does not, each with where it went or why it has no
 * place here. Invariant: every value that is set is either in the row, means what happens here anyway, or is listed.
 */
import type { Detector } from './cameras.ts';
import { isFields } from './fields.ts';

export type Path = readonly (string | number)[];
export type LeftOut = { path: Path; reason: string };

/** Null: it is in the row, or means what happens here anyway. */
type Rule = readonly [pattern: RegExp, reason: string | null | ((value: unknown) => string | null)];

const resultStream = 'all cameras of a deployment share its result stream: set KDS_STREAM_NAME, and filter by cameraId';
const resultBucket = 'the deployment has one bucket: set S3_BUCKET_NAME';
const detectionsTable = 'tracks are stored in the deployment’s own table, kvs-infer-<stage>-detections';
const unless = (value: unknown, reason: string) => (given: unknown) => (given === value ? null : reason);

const publisherRules: readonly Rule[] = [
  [/(^|\.)publishers\.(kds_stream|kds\.\w+)$/, resultStream],
  [/(^|\.)publishers\.s3\.prefix$/, 'snapshots are at <S3_PREFIX>/<cameraId>/<date>/'],
  [/(^|\.)publishers\.(s3_bucket|s3\.\w+)$/, resultBucket],
  [/(^|\.)publishers\.(ddb_table|ddb\.\w+)$/, detectionsTable],
];

const fileRules: readonly Rule[] = [
  ...publisherRules,
  [/^aws\.region$/, 'the deployment’s AWS_REGION decides'],
  [/^service\./, 'video is read with GetMedia: there is no HLS session, and reconnecting paces itself'],
  [/^snapshots\.enabled$/, null],
  [/^snapshots\.jpeg_quality$/, 'snapshots have quality 85, and less only above 4 MB'],
  [/^snapshots\.image_format$/, unless('jpg', 'snapshots are JPEG')],
  [/^device$/, 'a worker uses the GPU of its instance'],
  [/^metrics_/, 'workers serve /metrics on HTTP_PORT, and the deployment has its alarms'],
  [/^log_level$/, unless('INFO', 'set LOG_LEVEL')],
  [/^log_format$/, unless('json', 'the log is JSON')],
];

const cameraRules: readonly Rule[] = [
  ...publisherRules,
  [/^(id|kvs_stream_name|kvs\.stream_name|enabled|fps_target|playback\.(mode|retention_required))$/, null],
  [/^kvs\.region$/, 'the deployment’s AWS_REGION decides'],
  [/^(kvs|playback)\./, 'video is read with GetMedia, and reconnecting paces itself'],
  [/^resize\./, 'the picture is scaled to the input of the model, and text is read at full resolution'],
  // Regions say themselves what became of them.
  [/^roi(\.|$)/, null],
  [/^routing\.events\.to_kds$/, unless(true, 'results of every camera are published; filter by cameraId')],
  [/^routing\.events\.kds_stream_override$/, resultStream],
  [/^routing\.snapshot\.to_s3$/, null],
  [/^routing\.snapshot\.prefix$/, 'snapshots are at <S3_PREFIX>/<cameraId>/<date>/'],
  [/^routing\.snapshot\.on_event_only$/, unless(true, 'a snapshot belongs to a track')],
  [
    /^routing\.snapshot\.upload_crops$/,
    unless(false, 'the whole picture is stored, and the box in the JSON beside it'),
  ],
];

const detectorRules: readonly Rule[] = [
  [/^(yolo_weights|plate_detector_weights|model_path|weights|classes|conf_threshold|nms_iou|iou_threshold)$/, null],
  [/^(temporal_confirm\.frames|temporal_min_conf)$/, null],
  [/^(temporal_|use_temporal)/, 'the tracker matches an object from frame to frame; smoothing.minHits confirms it'],
  [/^min_box/, 'there is no smallest size: raise detect.confidence, or leave the place out by a region'],
  [/^dedup/, 'an object is one track with one record, so nothing is told twice'],
  [/^ocr_engine$/, unless('paddleocr', 'text is read by PP-OCRv4')],
  [
    /^ocr_lang$/,
    (value) =>
      value === 'en'
        ? null
        : `text is read in Chinese, Latin and common signs, and text.charset is A-Z0-9- unless set; "${String(value)}" is not chosen`,
  ],
  [/^crop_expand$/, 'the text is found in the track’s own crop'],
  [/^roi_filter_mode$/, unless('center', 'a region goes by the middle of the box')],
  [/^roi_min_overlap$/, 'a region goes by the middle of the box'],
  [/^(model_id|api_key|api_url)$/, 'a hosted model: export an ONNX file of your own, and name it in detect.model'],
  [/^device$/, 'a worker uses the GPU of its instance'],
];

export const leftOutOf = {
  file(file: Record<string, unknown>): LeftOut[] {
    const { cameras: _, ...rest } = file;
    return judgeAll(rest, [], fileRules);
  },

  camera(
    camera: Record<string, unknown>,
    path: Path,
    detectors: readonly Detector[],
    chosen: Detector | null,
  ): LeftOut[] {
    const { pipeline: _pipeline, detectors: _detectors, ...rest } = camera;
    const found = judgeAll(rest, path, cameraRules);
    if (camera.fps_target === undefined || camera.fps_target === null) {
      found.push({ path, reason: 'without fps_target every frame was inferred; here 5 a second, or set detect.fps' });
    }
    if (chosen === null) found.push({ path, reason: 'no detector is switched on: the row gets the model "default"' });
    for (const detector of detectors) found.push(...leftOutOfDetector(detector, chosen));
    return found;
  },
};

function leftOutOfDetector(detector: Detector, chosen: Detector | null): LeftOut[] {
  const { path, type, isOn, block, blockPath } = detector;
  if (!isOn) return [{ path, reason: `${type} is switched off` }];
  if (detector !== chosen) {
    const reason = `a camera has one detector, and the first is taken: for ${type} as well, register a second camera on the stream`;
    return [{ path, reason }];
  }
  const hasWeights = Object.keys(block).some((name) => /weights$|^model_path$/.test(name));
  const without = { path, reason: `${type} names no weights: the row gets the model "default"` };
  return [...(hasWeights ? [] : [without]), ...judgeAll(block, blockPath, detectorRules)];
}

function judgeAll(fields: Record<string, unknown>, base: Path, rules: readonly Rule[]): LeftOut[] {
  return leavesOf(fields, []).flatMap(({ path, value }) => {
    const text = path.join('.');
    const rule = rules.find(([pattern]) => pattern.test(text));
    const reason = rule === undefined ? 'not known' : typeof rule[1] === 'function' ? rule[1](value) : rule[1];
    return reason === null ? [] : [{ path: [...base, ...path], reason }];
  });
}

/** What is set: maps are opened, lists are values, and null is nothing. */
function leavesOf(value: unknown, path: Path): { path: Path; value: unknown }[] {
  if (value === null || value === undefined) return [];
  if (!isFields(value)) return [{ path, value }];
  return Object.entries(value).flatMap(([name, inner]) => leavesOf(inner, [...path, name]));
}
