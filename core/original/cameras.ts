/**
 * From the static `cameras.yaml` of the deployment that this one replaces to camera rows. It takes the three shapes that
 * file came in: cameras as a list with `id` or as a map by id, `kvs_stream_name` or `kvs.stream_name`, detectors as
 * `pipeline` with a block per type or as `detectors` with `params`.
 * Invariant: never throws on a map; what is not in a row is in `leftOut` with its path and reason, so that nothing that
 * somebody set gets lost unseen; rows hold what the file says and no default of ours.
 */
import { type Fields, fieldsOf, isFields } from './fields.ts';
import { type LeftOut, leftOutOf, type Path } from './left-out.ts';

export type FrameSize = { width: number; height: number };
export type ImportedRow = { row: Record<string, unknown> & { cameraId: unknown }; path: Path };
export type ImportedFile = {
  rows: ImportedRow[];
  leftOut: LeftOut[];
  /** What the rows call `detect.model`, and the weights that it stands for. */
  models: { name: string; weights: string; cameraIds: string[] }[];
};
export type ImportOptions = {
  /** For `${NAME}` in the file, as the original put in its environment. */
  environment: Readonly<Record<string, string | undefined>>;
  /** Regions were drawn in pixels of the picture, whose size is not in the file; null: left out. */
  frameSize: FrameSize | null;
};

export type Detector = { path: Path; type: string; isOn: boolean; block: Fields; blockPath: Path };

const weightNames = ['yolo_weights', 'plate_detector_weights', 'model_path', 'weights'];

/** @param file its parsed content. @returns null when it is no such file. */
export function importOriginal(file: unknown, options: ImportOptions): ImportedFile | null {
  if (!isFields(file)) return null;
  const entries = camerasOf(file.cameras);
  if (entries === null || !entries.some(({ camera }) => isOriginal(camera))) return null;
  const imported: ImportedFile = { rows: [], leftOut: leftOutOf.file(file), models: [] };
  const isWithoutSnapshots = isFields(file.snapshots) && file.snapshots.enabled === false;
  for (const { camera: written, path, key } of entries) {
    const { value: camera, missing } = expanded(written, options.environment);
    for (const name of missing) {
      imported.leftOut.push({ path, reason: `the variable ${name} is not set; its text stands as it is` });
    }
    addCamera(imported, { camera, path, key, frameSize: options.frameSize, isWithoutSnapshots });
  }
  return imported;
}

function camerasOf(cameras: unknown): { camera: Fields; path: Path; key: string | null }[] | null {
  if (Array.isArray(cameras)) {
    return cameras.map((camera, index) => ({ camera: fieldsOf(camera), path: ['cameras', index], key: null }));
  }
  if (!isFields(cameras)) return null;
  return Object.entries(cameras).map(([key, camera]) => ({
    ...{ camera: fieldsOf(camera), path: ['cameras', key], key },
  }));
}

function isOriginal(camera: Fields): boolean {
  return 'kvs_stream_name' in camera || (isFields(camera.kvs) && 'stream_name' in camera.kvs);
}

type CameraInFile = {
  camera: Fields;
  path: Path;
  key: string | null;
  frameSize: FrameSize | null;
  isWithoutSnapshots: boolean;
};

function addCamera(imported: ImportedFile, { camera, path, key, frameSize, isWithoutSnapshots }: CameraInFile): void {
  const detectors = detectorsOf(camera, path);
  const chosen = detectors.find(({ isOn }) => isOn) ?? null;
  const regions = regionsOf(camera, path, frameSize);
  const cameraId = camera.id ?? key ?? undefined;
  const model = chosen === null ? null : modelOf(chosen.block);
  if (model !== null) {
    const known = imported.models.find(({ name }) => name === model.name);
    if (known === undefined) imported.models.push({ ...model, cameraIds: [String(cameraId)] });
    else known.cameraIds.push(String(cameraId));
  }
  const detect = {
    ...(model === null ? {} : { model: model.name }),
    ...(typeof camera.fps_target === 'number' ? { fps: camera.fps_target } : {}),
    ...set('confidence', chosen?.block.conf_threshold),
    ...set('iou', chosen?.block.nms_iou ?? chosen?.block.iou_threshold),
    ...set('classes', chosen?.block.classes),
  };
  const minHits = fieldsOf(chosen?.block.temporal_confirm).frames ?? chosen?.block.temporal_min_conf;
  const snapshot = fieldsOf(fieldsOf(camera.routing).snapshot);
  const row = {
    cameraId,
    ...set('streamName', camera.kvs_stream_name ?? fieldsOf(camera.kvs).stream_name),
    ...(camera.enabled === false ? { enabled: false } : {}),
    ...(Object.keys(detect).length === 0 ? {} : { detect }),
    ...(regions.regions.length === 0 ? {} : { regions: regions.regions }),
    ...(typeof minHits === 'number' ? { smoothing: { minHits } } : {}),
    ...(chosen?.type === 'alpr' ? { text: { enabled: true } } : {}),
    ...(isWithoutSnapshots || snapshot.to_s3 === false ? { snapshots: { on: 'never' } } : {}),
  };
  imported.rows.push({ row, path });
  imported.leftOut.push(...leftOutOf.camera(camera, path, detectors, chosen), ...regions.leftOut);
}

function detectorsOf(camera: Fields, path: Path): Detector[] {
  return ['pipeline', 'detectors'].flatMap((list) => {
    const entries = camera[list];
    return (Array.isArray(entries) ? entries : []).map((entry, index): Detector => {
      const fields = fieldsOf(entry);
      const type = String(fields.type ?? '');
      const name = isFields(fields[type]) ? type : 'params';
      const at = [...path, list, index];
      const block = fieldsOf(fields[name]);
      return { path: at, type, isOn: fields.enabled !== false, block, blockPath: [...at, name] };
    });
  });
}

/** The weights' own name: what the exported ONNX file will most naturally be called. */
function modelOf(block: Fields): { name: string; weights: string } | null {
  const weights = weightNames.map((name) => block[name]).find((value) => typeof value === 'string' && value !== '');
  if (typeof weights !== 'string') return null;
  const name = plainName((weights.split('/').at(-1) ?? '').replace(/\.[A-Za-z0-9]+$/, ''));
  return name === '' ? null : { name, weights };
}

type Regions = { regions: Fields[]; leftOut: LeftOut[] };

function regionsOf(camera: Fields, path: Path, size: FrameSize | null): Regions {
  const roi = fieldsOf(camera.roi);
  const polygons = Array.isArray(roi.polygons) ? roi.polygons : [];
  const result: Regions = { regions: [], leftOut: [] };
  const leave = (reason: string, at: Path) => result.leftOut.push({ path: at, reason });
  if (polygons.length === 0) return result;
  const all = [...path, 'roi', 'polygons'];
  if (roi.enabled !== true) {
    leave('switched off (roi.enabled); draw it as a region when it is wanted', all);
    return result;
  }
  if (size === null) {
    leave(
      'drawn in pixels, and the size of the picture is not in the file: give --frame-size 1920x1080, or the whole picture is looked at',
      all,
    );
    return result;
  }
  const names = new Set<string>();
  for (const [index, entry] of polygons.entries()) {
    const { name, points } = fieldsOf(entry);
    const polygon = pointsOf(points);
    const outside = polygon?.some(([x, y]) => x > size.width || y > size.height);
    if (polygon === null || polygon.length < 3) leave('expected three points [x, y] or more', [...all, index]);
    else if (outside) leave(`reaches outside a picture of ${size.width}x${size.height}`, [...all, index]);
    else {
      const wanted = plainName(typeof name === 'string' ? name : '') || `region-${index + 1}`;
      let free = wanted;
      for (let count = 2; names.has(free); count += 1) free = `${wanted.slice(0, 60)}-${count}`;
      names.add(free);
      const scaled = polygon.map(([x, y]) => [rounded(x / size.width), rounded(y / size.height)]);
      // The original went by the middle of the box.
      result.regions.push({ name: free, polygon: scaled, anchor: 'center' });
    }
  }
  return result;
}

function pointsOf(points: unknown): [number, number][] | null {
  if (!Array.isArray(points)) return null;
  const isPoint = (point: unknown): point is [number, number] =>
    Array.isArray(point) && point.length === 2 && point.every((value) => typeof value === 'number' && value >= 0);
  return points.every(isPoint) ? points : null;
}

/** `${NAME}` as the original filled it in. */
function expanded(value: Fields, environment: ImportOptions['environment']): { value: Fields; missing: Set<string> } {
  const missing = new Set<string>();
  const fill = (inner: unknown): unknown => {
    if (Array.isArray(inner)) return inner.map(fill);
    if (isFields(inner)) return Object.fromEntries(Object.entries(inner).map(([key, each]) => [key, fill(each)]));
    if (typeof inner !== 'string') return inner;
    return inner.replace(/\$\{([^}]+)\}/g, (text, name: string) => {
      // Of snapshots' prefixes alone, which rows have not.
      if (name === 'camera_id') return text;
      const found = environment[name];
      if (found === undefined) missing.add(name);
      return found ?? text;
    });
  };
  return { value: fill(value) as Fields, missing };
}

function set(name: string, value: unknown): Fields {
  return value === undefined || value === null ? {} : { [name]: value };
}

function plainName(text: string): string {
  return text
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 64);
}

function rounded(share: number): number {
  return Math.round(share * 10_000) / 10_000;
}
