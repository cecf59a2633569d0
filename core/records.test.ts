import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { frameRecordId, frameRecordSchema, recordJsonSchemas, trackIdOf, trackRecordId } from './records.ts';

it('the committed JSON Schemas are those of the zod types (npm run schemas writes them)', async () => {
  for (const [name, schema] of Object.entries(recordJsonSchemas())) {
    const committed = await readFile(new URL(`../docs/schemas/${name}`, import.meta.url), 'utf8');
    expect(JSON.parse(committed), name).toEqual(schema);
  }
});

it('the record of the design document is valid, and a box outside the frame is not', () => {
  const record = {
    schema: 'kvs-infer/frame@1',
    id: frameRecordId('dock-1', '9134', 12),
    cameraId: 'dock-1',
    epoch: 7,
    workerId: 'w',
    model: 'yolov8n@sha256:00',
    fragmentNumber: '9134',
    frameIndex: 12,
    capturedAt: '2026-11-24T00:00:00.000Z',
    inferredAt: '2026-11-24T00:00:00.120Z',
    width: 1920,
    height: 1080,
    detections: [
      {
        label: 'car',
        classId: 2,
        score: 0.91,
        box: [0.1, 0.2, 0.3, 0.4],
        trackId: 't',
        regions: ['gate'],
        text: { value: 'SGX1234A', score: 0.97 },
      },
    ],
  };
  expect(frameRecordSchema.safeParse(record).success).toBe(true);
  const outside = { ...record, detections: [{ label: 'car', classId: 2, score: 0.9, box: [0, 0, 1.2, 1] }] };
  expect(frameRecordSchema.safeParse(outside).success).toBe(false);
});

it('ids tell camera, fragment, frame, track, event and region apart', () => {
  const track = trackIdOf('9134', 12, 0);
  const ids = [
    frameRecordId('a', '1', 2),
    frameRecordId('a', '12', 2),
    trackRecordId('a', track, 'enter'),
    trackRecordId('a', track, 'exit'),
    trackRecordId('a', track, 'region-enter', 'gate'),
    trackRecordId('a', track, 'region-enter', 'dock'),
  ];
  expect(new Set(ids).size).toBe(ids.length);
});
