import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCanvas } from '@napi-rs/canvas';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { VideoDecoder } from '../../worker/decode/decoder.ts';
import { letterboxGeometry } from '../../worker/decode/letterbox.ts';
import { clipFormat, describeClip, readClip, readTruth, type SceneClip, truthAt } from './clip.ts';
import { ClipEncoder } from './clip-encoder.ts';
import { ensureSceneClip } from './clip-maker.ts';
import { createScene } from './scene.ts';

const settings = {
  seed: 77,
  kind: 'street',
  width: 320,
  height: 192,
  fps: 10,
  periodMs: 3000,
  bitsPerSecond: 800_000,
  quiet: false,
} as const;
const FRAMES = 30;
let cacheFolder: string;
let clip: SceneClip;
const progress: string[] = [];

beforeAll(async () => {
  cacheFolder = await mkdtemp(join(tmpdir(), 'kvs-infer-scenes-'));
  const options = { cacheFolder, onProgress: (done: number, total: number) => progress.push(`${done}/${total}`) };
  const both = await Promise.all([ensureSceneClip(settings, options), ensureSceneClip(settings, options)]);
  clip = both[0];
});
afterAll(() => rm(cacheFolder, { recursive: true, force: true }));

describe('a scene clip', () => {
  test('is made once, reports its progress, and leaves nothing half-made behind', async () => {
    expect(progress).toEqual(['10/30', '20/30', '30/30']);
    expect((await readdir(cacheFolder)).sort()).toEqual([`${clip.name}.json`, `${clip.name}.mkv`]);
    const again: number[] = [];
    await ensureSceneClip(settings, { cacheFolder, onProgress: (done) => again.push(done) });
    expect(again).toEqual([]);
  });

  test('does not hold its frames in memory while it is drawn', async () => {
    const large = { ...settings, seed: 78, width: 1280, height: 720, fps: 40, quiet: true, density: 0 } as const;
    const { width, height, fps, periodMs } = large;
    const framesBytes = (width * height * 4 * fps * periodMs) / 1000;
    const beforeBytes = process.memoryUsage.rss();
    let peakBytes = 0;
    await ensureSceneClip(large, {
      cacheFolder: join(cacheFolder, 'large'),
      onProgress: () => {
        peakBytes = Math.max(peakBytes, process.memoryUsage.rss() - beforeBytes);
      },
    });
    expect(peakBytes / framesBytes).toBeLessThan(0.7);
  });

  test('holds length-prefixed H.264 with its avcC, a key frame every two seconds, ten frames a second', async () => {
    const content = await readClip(clip);
    expect(content.frames.length).toBe(FRAMES);
    expect(content.codecPrivate[0]).toBe(1);
    expect(content.frames.map((frame) => frame.timestampMs)).toEqual(
      Array.from({ length: FRAMES }, (_, index) => index * 100),
    );
    expect(content.frames.flatMap((frame, index) => (frame.keyframe ? [index] : []))).toEqual([0, 20]);
    const first = Buffer.from((content.frames[1] as { data: Uint8Array }).data);
    let unit = 0;
    while (unit < first.length) unit += 4 + first.readUInt32BE(unit);
    expect(unit).toBe(first.length);
  });

  test('decodes to the frames that were drawn', async () => {
    const content = await readClip(clip);
    const decoder = new VideoDecoder({ codec: 'h264', codecPrivate: content.codecPrivate });
    const scene = createScene(settings);
    const canvas = createCanvas(settings.width, settings.height);
    const geometry = letterboxGeometry(settings.width, settings.height, settings.width, settings.height);
    const rgb = new Uint8Array(settings.width * settings.height * 3);
    const differences: number[] = [];
    const compare = (picture: {
      timestampMs: number;
      letterboxInto: (target: Uint8Array, g: typeof geometry) => void;
    }) => {
      picture.letterboxInto(rgb, geometry);
      scene.draw(canvas.getContext('2d'), scene.state(picture.timestampMs));
      differences.push(meanDifference(canvas.data(), rgb));
    };
    for (const frame of content.frames) decoder.decode(frame, compare);
    decoder.flush(compare);
    decoder.close();
    expect(differences.length).toBe(FRAMES);
    expect(Math.max(...differences)).toBeLessThan(14);
  });

  test('knows the truth of the frame on show, and loops', async () => {
    const truth = await readTruth(clip);
    expect(truth.frames.length).toBe(FRAMES);
    expect((await truthAt(clip, 0)).timeMs).toBe(0);
    expect((await truthAt(clip, 199)).timeMs).toBe(100);
    expect((await truthAt(clip, 200)).timeMs).toBe(200);
    expect((await truthAt(clip, clip.durationMs + 250)).timeMs).toBe(200);
    expect((await truthAt(clip, -50)).timeMs).toBe(2900);
    expect((await truthAt(clip, 1500)).objects).toEqual(createScene(settings).state(1500).objects);
  });

  test('has another name for any other setting', () => {
    const names = [
      settings,
      { ...settings, seed: 78 },
      { ...settings, fps: 5 },
      { ...settings, bitsPerSecond: 900_000 },
      { ...settings, backdrop: 'park' as const },
    ].map((one) => describeClip(one, cacheFolder).name);
    expect(new Set(names).size).toBe(names.length);
  });

  test('sweeps away what a killed process left half-made, and stops when it is told to', async () => {
    const folder = await mkdtemp(join(cacheFolder, 'leftovers-'));
    const short = { ...settings, periodMs: 300 };
    const { name } = describeClip(short, folder);
    // Above the largest process id that Linux gives out.
    await writeFile(join(folder, `${name}.mkv.99999999-abc.part`), 'half');
    await ensureSceneClip(short, { cacheFolder: folder });
    expect((await readdir(folder)).sort()).toEqual([`${name}.json`, `${name}.mkv`]);
    const stopped = ensureSceneClip({ ...short, seed: 9 }, { cacheFolder: folder, signal: AbortSignal.abort() });
    await expect(stopped).rejects.toMatchObject({ code: 'CLIP_ABORTED' });
    await rm(folder, { recursive: true });
  });

  test('says when a file is damaged', async () => {
    const folder = await mkdtemp(join(cacheFolder, 'damaged-'));
    const copy = await ensureSceneClip({ ...settings, periodMs: 1000 }, { cacheFolder: folder });
    await truncate(copy.mkvPath, 3000);
    await expect(readClip(copy)).rejects.toMatchObject({ code: 'CLIP_BROKEN' });
    await rm(folder, { recursive: true });
  });

  test('names the folder that cannot be written', async () => {
    const file = clip.truthPath;
    expect((await readFile(file)).length).toBeGreaterThan(0);
    await expect(
      ensureSceneClip({ ...settings, seed: 5 }, { cacheFolder: join(file, 'below-a-file') }),
    ).rejects.toMatchObject({ code: 'CLIP_NOT_WRITTEN' });
  });

  test.skipIf(!existsSync('/dev/full'))('names a full disk', () => {
    const encoder = new ClipEncoder('/dev/full', clipFormat({ ...settings, bitsPerSecond: 4_000_000 }));
    const noise = Buffer.alloc(settings.width * settings.height * 4);
    const fill = () => {
      for (let index = 0; index < 200; index += 1) {
        for (let at = 0; at < noise.length; at += 3) noise[at] = (index * at * 31) & 255;
        encoder.write(noise, index);
      }
      encoder.finish();
    };
    expect(fill).toThrow(expect.objectContaining({ code: 'DISK_FULL' }));
  });
});

function meanDifference(rgba: Buffer, rgb: Uint8Array): number {
  let sum = 0;
  for (let pixel = 0; pixel < rgb.length / 3; pixel += 1) {
    for (let channel = 0; channel < 3; channel += 1)
      sum += Math.abs((rgba[pixel * 4 + channel] as number) - (rgb[pixel * 3 + channel] as number));
  }
  return sum / rgb.length;
}
