/** The worker without a control plane, on scripted media. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { frameRecordSchema } from '../core/records.ts';
import { SteppedClock } from '../local/clock.ts';
import { blockModel, encodeModel } from './detect/block-model.test-factory.ts';
import { parseWorkerEnvironment } from './environment.ts';
import type { Log } from './runtime/log.ts';
import { fragmentBytes, MEDIA_START_MS, ScriptedMedia } from './session/scripted-media.test-factory.ts';
import { type RunningWorker, startWorker } from './worker.ts';

let folder: string;
let worker: RunningWorker | null = null;
let clock: SteppedClock;
beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'kvs-infer-standalone-'));
  await writeFile(path.join(folder, 'default.onnx'), encodeModel(blockModel({ width: 64, height: 48 })));
  clock = new SteppedClock(MEDIA_START_MS);
});
afterEach(async () => {
  await worker?.stop();
  worker = null;
  await rm(folder, { recursive: true, force: true });
});

async function start(yaml: string) {
  await writeFile(path.join(folder, 'cameras.yaml'), yaml);
  const lines: string[] = [];
  const logged: unknown[] = [];
  const note = (message: string, fields?: Record<string, unknown>) => void logged.push({ message, ...fields });
  const log: Log = { debug: note, info: note, warn: note, error: note };
  const media = new ScriptedMedia();
  worker = await startWorker({
    environment: parseWorkerEnvironment({
      AWS_REGION: 'eu-west-1',
      CONFIG_FILE: path.join(folder, 'cameras.yaml'),
      HTTP_PORT: '0',
      HTTP_HOST: '127.0.0.1',
      MODELS_FOLDER: folder,
      CACHE_FOLDER: path.join(folder, 'cache'),
      WORKER_PROVIDERS: 'cpu',
      INFERENCE_THREADS: '1',
      PUBLISH_FRAMES: 'all',
    }),
    clock,
    media,
    log,
    workerId: 'alone',
    writeRecordLine: (line) => lines.push(line),
  });
  const until = async (isTrue: () => boolean) => {
    for (let round = 0; round < 500 && !isTrue(); round += 1) await worker?.settled();
    expect(isTrue()).toBe(true);
  };
  return { running: worker, media, lines, logged, until };
}

test('cameras of a file are watched in their hours, their records come as lines, a wrong row is named', async () => {
  const { running, media, lines, logged, until } = await start(`
cameras:
  - cameraId: dock-1
    streamName: dock-1
    schedule: { timeZone: UTC, windows: [{ start: "08:00", end: "08:01" }] }
    detect: { fps: 10 }
  - cameraId: wrong
`);
  expect(logged).toContainEqual(expect.objectContaining({ cameraId: 'wrong', path: 'streamName' }));
  await until(() => media.connections.length === 1);
  media.current.send(fragmentBytes(0));
  await until(() => lines.length > 0);
  const record = frameRecordSchema.parse(JSON.parse(lines[0] ?? ''));
  expect(record).toMatchObject({ cameraId: 'dock-1', workerId: 'alone', fragmentNumber: '1000', frameIndex: 0 });
  expect(lines[0]?.endsWith('\n')).toBe(true);
  expect(running.health()).toMatchObject({ healthy: true, ready: true, about: { lifecycle: 'standalone' } });
  await clock.step(60_000, () => running.settled());
  expect(running.supervisor.running().size).toBe(0);
  expect(media.connections.every(({ isClosed }) => isClosed)).toBe(true);
});

test('a file without a usable row ends the start', async () => {
  await expect(start('cameras:\n  - cameraId: x\n')).rejects.toMatchObject({ code: 'CONFIG_WITHOUT_CAMERA' });
});
