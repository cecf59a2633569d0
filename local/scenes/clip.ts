/**
 * A made clip on disk: an H.264 Matroska file and its ground truth, one entry per frame. Reading it gives what a KVS
 * producer needs: the codec's private data and length-prefixed frames with their times.
 * Invariant: the file name is a hash of everything that shapes the clip, so a changed setting never meets an old file.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { KvsInferError } from '../../core/errors.ts';
import { MatroskaReader } from '../../worker/demux/matroska-reader.ts';
import type { ClipFormat } from './clip-encoder.ts';
import { DEFAULT_PERIOD_MS, type SceneSettings } from './scene.ts';
import type { FrameTruth } from './truth.ts';

/** Raised whenever the generator draws something else for the same settings. */
export const GENERATOR_VERSION = 3;

export type SceneClipSettings = SceneSettings & Partial<Pick<ClipFormat, 'fps' | 'bitsPerSecond' | 'profile'>>;
export type SceneClip = {
  name: string;
  mkvPath: string;
  truthPath: string;
  width: number;
  height: number;
  fps: number;
  frames: number;
  durationMs: number;
};
export type ClipFrame = { data: Uint8Array; keyframe: boolean; timestampMs: number };
export type ClipContent = {
  codec: 'h264';
  codecId: string;
  codecPrivate: Uint8Array;
  width: number;
  height: number;
  frames: ClipFrame[];
};
export type TruthFile = {
  schema: 'kvs-infer/scene-truth@1';
  settings: SceneClipSettings;
  fps: number;
  frames: FrameTruth[];
};

const DEFAULT_FPS = 10;
const DEFAULT_BITS_PER_SECOND = 1_500_000;
const KEYFRAME_EVERY_SECONDS = 2;

export function clipFormat(settings: SceneClipSettings): ClipFormat {
  return {
    width: settings.width,
    height: settings.height,
    fps: settings.fps ?? DEFAULT_FPS,
    keyframeEverySeconds: KEYFRAME_EVERY_SECONDS,
    bitsPerSecond: settings.bitsPerSecond ?? DEFAULT_BITS_PER_SECOND,
    ...(settings.profile === undefined ? {} : { profile: settings.profile }),
  };
}

/** One whole period of the scene, so that the last frame is followed by the first. */
export function clipFrameCount(settings: SceneClipSettings): number {
  return Math.round(((settings.periodMs ?? DEFAULT_PERIOD_MS) / 1000) * clipFormat(settings).fps);
}

export function describeClip(settings: SceneClipSettings, folder: string): SceneClip {
  const identity = JSON.stringify([
    GENERATOR_VERSION,
    clipFormat(settings),
    Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1)),
  ]);
  const name = `${settings.kind}-${settings.seed}-${createHash('sha256').update(identity).digest('hex').slice(0, 16)}`;
  const { width, height, fps } = clipFormat(settings);
  const frames = clipFrameCount(settings);
  return {
    name,
    mkvPath: `${folder}/${name}.mkv`,
    truthPath: `${folder}/${name}.json`,
    width,
    height,
    fps,
    frames,
    durationMs: Math.round((frames / fps) * 1000),
  };
}

/** @returns the stream as the producer muxes it: avcC and frames with 4-byte lengths, as Matroska carries them. */
export async function readClip(clip: SceneClip): Promise<ClipContent> {
  const bytes = await readFile(clip.mkvPath);
  const frames: ClipFrame[] = [];
  let track: { codecId: string; codecPrivate: Uint8Array | null } | null = null;
  let broken: KvsInferError | null = null;
  const reader = new MatroskaReader((event) => {
    if (event.type === 'track') track = event.track;
    else if (event.type === 'frame')
      frames.push({ data: event.data, keyframe: event.keyframe, timestampMs: event.timestampMs });
    else if (event.type === 'error') broken ??= event.error;
  });
  reader.push(bytes);
  reader.end();
  const found = track as { codecId: string; codecPrivate: Uint8Array | null } | null;
  if (broken !== null || found === null || found.codecPrivate === null || frames.length !== clip.frames) {
    throw new KvsInferError(
      'CLIP_BROKEN',
      `expected ${clip.frames} H.264 frames in ${clip.mkvPath}, found ${frames.length}`,
      {
        hint: 'delete the file; it is made again at the next start',
        ...(broken === null ? {} : { cause: broken }),
      },
    );
  }
  return {
    codec: 'h264',
    codecId: found.codecId,
    codecPrivate: found.codecPrivate,
    width: clip.width,
    height: clip.height,
    frames,
  };
}

const truths = new Map<string, Promise<TruthFile>>();

/** The ground truth file, read once per process. */
export function readTruth(clip: SceneClip): Promise<TruthFile> {
  const known = truths.get(clip.truthPath);
  if (known !== undefined) return known;
  const reading = readFile(clip.truthPath, 'utf8').then((text) => JSON.parse(text) as TruthFile);
  reading.catch(() => truths.delete(clip.truthPath));
  truths.set(clip.truthPath, reading);
  return reading;
}

/** Truth of the frame on show at a time since the clip began; times beyond its end wrap, as the looping producer does. */
export async function truthAt(clip: SceneClip, timeMs: number): Promise<FrameTruth> {
  const truth = await readTruth(clip);
  const looped = ((timeMs % clip.durationMs) + clip.durationMs) % clip.durationMs;
  // Frame times are whole milliseconds: half of one keeps 299.99 in the frame that begins at 300.
  const index = Math.min(truth.frames.length - 1, Math.floor(((looped + 0.5) / 1000) * clip.fps));
  const frame = truth.frames[index];
  if (frame === undefined)
    throw new KvsInferError('CLIP_BROKEN', `${clip.truthPath} has no frames`, {
      hint: 'delete the file; it is made again at the next start',
    });
  return frame;
}
