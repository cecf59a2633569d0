/** The command as scripts meet it: files in, lines and summary out, a named error for what cannot be used. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Command } from 'commander';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { frameRecordSchema } from '../core/records.ts';
import { encodeClip } from '../worker/decode/encoded-clip.test-factory.ts';
import { encodeJpeg } from '../worker/decode/jpeg.ts';
import { blockModel, encodeModel } from '../worker/detect/block-model.test-factory.ts';
import { clipBlocks, fragmentOf, videoTrack } from '../worker/session/media-reading.test-factory.ts';
import { clipCommand } from './clip.ts';
import type { ClipSummary } from './clip-run.ts';
import { modelCommand } from './model.ts';

let folder: string;
let blocks: string;
let picture: string;
const printed: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'kvs-infer-clip-'));
  blocks = path.join(folder, 'blocks.onnx');
  picture = path.join(folder, 'two blocks.jpg');
  await writeFile(blocks, encodeModel(blockModel()));
  await writeFile(picture, redBlockJpeg());
});
beforeEach(() => {
  vi.stubEnv('CACHE_FOLDER', path.join(folder, 'cache'));
  vi.stubEnv('WORKER_PROVIDERS', 'cpu');
  printed.length = 0;
  for (const method of ['log', 'error'] as const) {
    vi.spyOn(console, method).mockImplementation((text) => void printed.push(String(text)));
  }
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** 64×32, black, one red 16×16 square whose top left is at (16, 0): four of the model's blocks. */
function redBlockJpeg(): Buffer {
  const [width, height] = [64, 32];
  const data = new Uint8Array((width * height * 3) / 2).fill(128);
  data.fill(0, 0, width * height);
  for (let y = 0; y < 16; y++) data.fill(76, y * width + 16, y * width + 32);
  const red = width * height + (width * height) / 4;
  const blue = width * height;
  for (let y = 0; y < 8; y++) {
    data.fill(85, blue + (y * width) / 2 + 8, blue + (y * width) / 2 + 16);
    data.fill(255, red + (y * width) / 2 + 8, red + (y * width) / 2 + 16);
  }
  return encodeJpeg({ width, height, data }, { quality: 100 }).jpeg;
}

async function command(...words: string[]): Promise<void> {
  const program = new Command().exitOverride().configureOutput({ writeErr: () => {} });
  clipCommand(program);
  modelCommand(program);
  for (const child of program.commands) child.exitOverride().configureOutput({ writeErr: () => {} });
  await program.parseAsync(['node', 'kvs-infer', ...words]);
}

async function clip(file: string, model: string, ...more: string[]) {
  const out = path.join(folder, 'frames.ndjson');
  await command('clip', file, '--model', model, '--out', out, '--json', ...more);
  const lines = (await readFile(out, 'utf8')).split('\n').slice(0, -1);
  const summary = JSON.parse(printed.at(-1) ?? '') as ClipSummary;
  return { records: lines.map((line) => frameRecordSchema.parse(JSON.parse(line))), summary };
}

describe('a picture', () => {
  test('gives one record with the boxes that are in it', async () => {
    const { records, summary } = await clip(picture, blocks, '--confidence', '0.6');
    expect(records).toHaveLength(1);
    expect(records[0]).toMatchObject({
      id: 'two-blocks/0/0/frame',
      cameraId: 'two-blocks',
      model: expect.stringMatching(/^blocks@sha256:[0-9a-f]{12}$/),
      width: 64,
      height: 32,
      capturedAt: '1970-01-01T00:00:00.000Z',
    });
    const boxes = records[0]?.detections.map(({ label, box }) => ({ label, box }));
    expect(boxes).toHaveLength(4);
    for (const box of [
      [0.25, 0, 0.375, 0.25],
      [0.375, 0, 0.5, 0.25],
      [0.25, 0.25, 0.375, 0.5],
      [0.375, 0.25, 0.5, 0.5],
    ]) {
      expect(boxes).toContainEqual({ label: 'red', box });
    }
    expect(summary).toMatchObject({
      frames: 1,
      decoded: 1,
      inferred: 1,
      detections: { red: 4 },
      tracks: 0,
      errors: [],
    });
    expect(summary).toMatchObject({ provider: 'cpu', msPerFrame: { inference: expect.any(Number) } });
    expect(summary.decode).toEqual({ codec: 'mjpeg', frames: 'all', device: 'cpu' });
  });

  test('says how a video was decoded, and why not on the GPU that was asked for', async () => {
    const video = path.join(folder, 'squares.mkv');
    const squares = encodeClip({ codec: 'hevc', bFrames: 2 });
    await writeFile(video, fragmentOf(0, [videoTrack(squares)], clipBlocks(squares)));
    vi.stubEnv('WORKER_PROVIDERS', 'cuda,cpu');
    const { summary } = await clip(video, blocks, '--fps', 'all');
    expect(summary).toMatchObject({ frames: 12, decoded: 12, inferred: 12 });
    expect(summary.decode).toMatchObject({ codec: 'hevc', frames: 'all' });
    if (summary.decode?.device === 'cpu') expect(summary.decode.fallback).toMatch(/^hevc_cuvid could not be opened: /);
    vi.stubEnv('DECODE_DEVICE', 'cpu');
    const { summary: unasked } = await clip(video, blocks);
    expect(unasked.decode).toEqual({ codec: 'hevc', frames: 'all', device: 'cpu' });
  });

  test('without detections gives a record all the same', async () => {
    const { records, summary } = await clip(picture, blocks, '--confidence', '1');
    expect(records.map(({ detections }) => detections)).toEqual([[]]);
    expect(summary.detections).toEqual({});
  });

  test("a camera's row sets id, thresholds, classes and regions; labels come from a file", async () => {
    const row = path.join(folder, 'camera.yaml');
    const labels = path.join(folder, 'labels.txt');
    const left = '[[0, 0], [0.375, 0], [0.375, 1], [0, 1]]';
    await writeFile(labels, 'car\nbus\nperson\n');
    await writeFile(
      row,
      `cameraId: dock-1\nstreamName: dock\ndetect: { confidence: 0.6, classes: [car, lorry] }\nregions: [{ name: gate, polygon: ${left} }]\nsmoothing: { minHits: 1 }\n`,
    );
    const { records, summary } = await clip(picture, blocks, '--camera', row, '--labels', labels);
    expect(records[0]?.cameraId).toBe('dock-1');
    expect(records[0]?.detections.map(({ label, regions, box }) => [label, regions, box[0]])).toEqual([
      ['car', ['gate'], 0.25],
      ['car', ['gate'], 0.25],
    ]);
    expect(summary.tracks).toBe(2);
    expect(printed[0]).toContain('lorry');
  });

  test('a summary file holds what --json prints, and the text names the counts', async () => {
    const file = path.join(folder, 'summary.json');
    const { summary } = await clip(picture, blocks, '--summary', file);
    expect(JSON.parse(await readFile(file, 'utf8'))).toEqual(summary);
    await command('clip', picture, '--model', blocks, '--out', path.join(folder, 'o'), '--confidence', '0.6');
    expect(printed.at(-1)).toContain('1 of 1 frames inferred');
    expect(printed.at(-1)).toContain('red 4');
  });
});

describe('what cannot be used is named', () => {
  test.each([
    ['no such media', 'absent.mkv', 'blocks', 'MEDIA_UNREADABLE'],
    ['a picture that is none', 'noise.jpg', 'blocks', 'MEDIA_UNREADABLE'],
    ['no such model', 'picture', 'absent.onnx', 'MODEL_NOT_FOUND'],
    ['a model that is none', 'picture', 'noise.jpg', 'MODEL_UNUSABLE'],
  ])('%s', async (_name, media, model, code) => {
    await writeFile(path.join(folder, 'noise.jpg'), Buffer.from('this is neither a picture nor a model'));
    const file = media === 'picture' ? picture : path.join(folder, media);
    const summaryFile = path.join(folder, `${code}.json`);
    const modelFile = model === 'blocks' ? blocks : path.join(folder, model);
    await expect(clip(file, modelFile, '--summary', summaryFile)).rejects.toMatchObject({ code });
    if (code === 'MEDIA_UNREADABLE') {
      expect(JSON.parse(await readFile(summaryFile, 'utf8'))).toMatchObject({ inferred: 0, errors: [{ code }] });
    }
  });

  test('an output that cannot be written', async () => {
    const out = path.join(folder, 'no', 'such', 'folder.ndjson');
    await expect(command('clip', picture, '--model', blocks, '--out', out)).rejects.toMatchObject({
      code: 'OUTPUT_UNWRITABLE',
    });
  });

  test('a camera row that is wrong, or several', async () => {
    const row = path.join(folder, 'rows.yaml');
    await writeFile(row, 'cameraId: dock-1\n');
    await expect(clip(picture, blocks, '--camera', row)).rejects.toMatchObject({ code: 'CAMERA_INVALID' });
    await writeFile(row, '- { cameraId: a, streamName: a }\n- { cameraId: b, streamName: b }\n');
    await expect(clip(picture, blocks, '--camera', row)).rejects.toMatchObject({ code: 'CAMERA_AMBIGUOUS' });
  });

  test.each([
    ['--fps', '0'],
    ['--fps', 'fast'],
    ['--confidence', '1.5'],
    ['--iou', ''],
  ])('%s "%s" is wrong usage', async (option, value) => {
    await expect(clip(picture, blocks, option, value)).rejects.toMatchObject({ code: 'commander.invalidArgument' });
  });

  test('unknown providers', async () => {
    vi.stubEnv('WORKER_PROVIDERS', 'cpu,tpu');
    await expect(clip(picture, blocks)).rejects.toMatchObject({ code: 'PROVIDERS_INVALID' });
  });
});

test('model check says what the model is and how fast', async () => {
  await command('model', 'check', blocks, '--json');
  expect(JSON.parse(printed.at(-1) ?? '')).toMatchObject({
    model: expect.stringMatching(/^blocks@sha256:/),
    input: { width: 64, height: 32, batch: 1 },
    precision: 'float32',
    classes: ['red', 'green', 'blue'],
    provider: 'cpu',
    timings: [
      { threads: 1, batchSize: 1 },
      { threads: 2, batchSize: 1 },
    ],
  });
  await command('model', 'check', blocks);
  expect(printed.at(-1)).toContain('64×32, batch 1, float32 weights');
  await expect(command('model', 'check', picture)).rejects.toMatchObject({ code: 'MODEL_UNUSABLE' });
});

const data = process.env.KVS_INFER_TEST_DATA ?? path.join(import.meta.dirname, '../../shared/data');
const captures = ['kvs/output_get_media.mkv', 'images/highway_normal_1.png', 'models/yolov8n_int8.onnx'];
const present = await Promise.all(captures.map((file) => readFile(path.join(data, file)).catch(() => null)));
const absent = present.includes(null);
const title = absent ? `real data (skipped: no folder ${data}; set KVS_INFER_TEST_DATA)` : 'real data';

describe.skipIf(absent)(title, () => {
  const model = path.join(data, 'models/yolov8n_int8.onnx');

  test('the street capture has cars, at producer time, followed as tracks', async () => {
    const { records, summary } = await clip(path.join(data, 'kvs/output_get_media.mkv'), model, '--fps', '1');
    expect(summary).toMatchObject({ frames: 300, decoded: 300, errors: [] });
    // Ten seconds of media at one frame per second.
    expect(records.length).toBeGreaterThanOrEqual(10);
    expect(records.length).toBeLessThanOrEqual(11);
    expect(summary.detections.car).toBeGreaterThan(10);
    expect(summary.tracks).toBeGreaterThan(0);
    expect(records[0]?.capturedAt).toBe('2017-11-28T06:55:08.513Z');
    expect(new Set(records.map(({ id }) => id)).size).toBe(records.length);
    const times = records.map(({ capturedAt }) => capturedAt);
    expect(times).toEqual([...times].sort());
  });

  test('the highway photograph has cars', async () => {
    const { records } = await clip(path.join(data, 'images/highway_normal_1.png'), model);
    const cars = records[0]?.detections.filter(({ label }) => label === 'car') ?? [];
    expect(cars.length).toBeGreaterThanOrEqual(2);
    // The nearest car of the photograph, right of the middle.
    const expected = [0.571, 0.525, 0.678, 0.665];
    for (const [index, value] of (cars[0]?.box ?? []).entries()) expect(value).toBeCloseTo(expected[index] ?? 0, 1);
  });
});
