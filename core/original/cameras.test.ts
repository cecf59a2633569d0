import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCameraRow } from '../parse-camera-row.ts';
import { importOriginal } from './cameras.ts';

const size = { width: 1920, height: 1080 };
const options = { environment: {}, frameSize: size };
const camera = (more: object) => ({ id: 'door', kvs_stream_name: 'door-stream', fps_target: 5, ...more });
const weapon = (more: object) => ({ type: 'weapon', weapon: { yolo_weights: 's3://models/weapon-v2.pt', ...more } });
const imported = (cameras: unknown, more: object = {}) => {
  const file = importOriginal({ cameras, ...more }, options);
  if (file === null) throw new Error('expected a file of the original');
  return file;
};
const reasons = (file: { leftOut: { path: readonly unknown[]; reason: string }[] }) =>
  file.leftOut.map(({ path, reason }) => `${path.join('.')}: ${reason}`);

describe('a camera of the original', () => {
  it('becomes a row with what the file says and no more', () => {
    const file = imported([
      camera({
        enabled: false,
        roi: {
          enabled: true,
          polygons: [{ name: 'door step', points: [[192, 540], [960, 540], [960, 1080]] }], // biome-ignore format: pairs
        },
        pipeline: [weapon({ classes: ['gun'], conf_threshold: 0.6, nms_iou: 0.45, temporal_confirm: { frames: 4 } })],
        routing: { events: { to_kds: true }, snapshot: { to_s3: false, on_event_only: true } },
      }),
    ]);
    expect(file.rows.map(({ row }) => row)).toEqual([
      {
        ...{ cameraId: 'door', streamName: 'door-stream', enabled: false },
        detect: { model: 'weapon-v2', fps: 5, confidence: 0.6, iou: 0.45, classes: ['gun'] },
        regions: [{ name: 'door-step', polygon: [[0.1, 0.5], [0.5, 0.5], [0.5, 1]], anchor: 'center' }], // biome-ignore format: pairs
        ...{ smoothing: { minHits: 4 }, snapshots: { on: 'never' } },
      },
    ]);
    expect(parseCameraRow(file.rows[0]?.row)).toMatchObject({ issues: [], camera: { cameraId: 'door' } });
    expect(file.leftOut).toEqual([]);
    expect(file.models).toEqual([{ name: 'weapon-v2', weights: 's3://models/weapon-v2.pt', cameraIds: ['door'] }]);
  });

  it('is the same as an entry of a map, and with the names that its program took', () => {
    const byName = imported({ door: { kvs_stream_name: 'door-stream', fps_target: 5, pipeline: [weapon({})] } });
    const asRun = imported([
      {
        ...{ id: 'door', kvs: { stream_name: 'door-stream' }, fps_target: 5 },
        detectors: [{ type: 'weapon', params: { model_path: '/models/weapon-v2.pt' } }],
      },
    ]);
    expect(byName.rows[0]?.row).toEqual(asRun.rows[0]?.row);
  });

  it('reads plates where its first detector did', () => {
    const alpr = {
      type: 'alpr',
      alpr: { plate_detector_weights: 'plates.pt', ocr_lang: 'th', ocr_engine: 'paddleocr' },
    };
    const file = imported([camera({ pipeline: [alpr] })]);
    expect(file.rows[0]?.row).toMatchObject({ detect: { model: 'plates' }, text: { enabled: true } });
    expect(reasons(file)).toEqual([
      expect.stringContaining('cameras.0.pipeline.0.alpr.ocr_lang: text is read in Chinese'),
    ]);
  });

  it('fills in variables, and names those that are not set', () => {
    const cameras = [camera({ kvs_stream_name: '$' + '{STAGE}-door', pipeline: [weapon({})] })];
    const known = importOriginal({ cameras }, { environment: { STAGE: 'prod' }, frameSize: null });
    expect(known?.rows[0]?.row.streamName).toBe('prod-door');
    expect(reasons(imported(cameras))).toEqual(['cameras.0: the variable STAGE is not set; its text stands as it is']);
  });
});

describe('what has no place in a row', () => {
  it('is named with the reason, each at its path', () => {
    const file = imported(
      [
        camera({
          fps_target: null,
          resize: { width: 1280, height: 720 },
          colour: 'blue',
          pipeline: [
            weapon({ min_box: { width: 30, height: 30 } }),
            { type: 'alpr' },
            { type: 'fire', enabled: false },
          ],
          routing: { events: { kds_stream_override: 'alerts' }, snapshot: { upload_crops: true } },
        }),
      ],
      { device: 'cuda:0', publishers: { kds_stream: 'events', ddb_table: null }, log_format: 'json' },
    );
    const expected = [
      [/^publishers\.kds_stream: .*KDS_STREAM_NAME/, /^device: /],
      [/^cameras\.0: without fps_target/, /^cameras\.0\.resize\.width: /, /^cameras\.0\.resize\.height: /],
      [/^cameras\.0\.colour: not known/, /^cameras\.0\.pipeline\.0\.weapon\.min_box\.width: /],
      [/^cameras\.0\.pipeline\.0\.weapon\.min_box\.height: /, /^cameras\.0\.pipeline\.1: a camera has one detector/],
      [/^cameras\.0\.pipeline\.2: fire is switched off/, /kds_stream_override: /, /upload_crops: the whole picture/],
    ].flat();
    const found = reasons(file);
    for (const pattern of expected) expect(found).toContainEqual(expect.stringMatching(pattern));
    expect(found).toHaveLength(expected.length);
  });

  it('regions are left out where the size of the picture is not known, or they do not fit it', () => {
    const roi = { enabled: true, polygons: [{ points: [[0, 0], [1921, 0], [9, 9]] }, { points: [[0, 0], [9, 9]] }] }; // biome-ignore format: pairs
    const cameras = [camera({ roi, pipeline: [weapon({})] })];
    const unknown = importOriginal({ cameras }, { environment: {}, frameSize: null });
    expect(unknown?.leftOut).toEqual([
      { path: ['cameras', 0, 'roi', 'polygons'], reason: expect.stringContaining('--frame-size 1920x1080') },
    ]);
    expect(reasons(imported(cameras))).toEqual([
      'cameras.0.roi.polygons.0: reaches outside a picture of 1920x1080',
      'cameras.0.roi.polygons.1: expected three points [x, y] or more',
    ]);
    expect(unknown?.rows[0]?.row).not.toHaveProperty('regions');
  });
});

it('is no file of the original: null, and never an exception, whatever the file holds', () => {
  expect(importOriginal({ cameras: [{ cameraId: 'a', streamName: 'a' }] }, options)).toBeNull();
  fc.assert(
    fc.property(
      fc.anything(),
      fc.object({ key: fc.constantFrom('kvs_stream_name', 'pipeline', 'roi', 'kvs', 'id', 'type') }),
      (any, entry) => {
        expect(() => importOriginal(any, options)).not.toThrow();
        expect(() => importOriginal({ cameras: [{ kvs_stream_name: 'a', ...entry }] }, options)).not.toThrow();
      },
    ),
    { seed: 11, numRuns: 500 },
  );
});
