/**
 * The worker thread that renders and encodes one clip, so that the caller's event loop stays free.
 * Invariant: both files appear whole or not at all: they are written under temporary names, and the video, which is what
 * says "this clip exists", is renamed last.
 */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { createCanvas } from '@napi-rs/canvas';
import { KvsInferError } from '../../core/errors.ts';
import { clipFormat, type SceneClip, type SceneClipSettings, type TruthFile } from './clip.ts';
import { ClipEncoder } from './clip-encoder.ts';
import { createScene } from './scene.ts';

export type ClipOrder = { settings: SceneClipSettings; clip: SceneClip; temporarySuffix: string };
export type ClipMessage =
  | { type: 'progress'; done: number; total: number }
  | { type: 'done' }
  | { type: 'failed'; code: string; message: string; hint: string };

/** Frames between two progress messages. */
const PROGRESS_EVERY = 10;

async function makeClip(
  { settings, clip, temporarySuffix }: ClipOrder,
  report: (message: ClipMessage) => void,
): Promise<void> {
  const video = clip.mkvPath + temporarySuffix;
  const truthFile = clip.truthPath + temporarySuffix;
  let encoder: ClipEncoder | null = null;
  try {
    const format = clipFormat(settings);
    encoder = new ClipEncoder(video, format);
    const scene = createScene(settings);
    const canvas = createCanvas(format.width, format.height);
    const context = canvas.getContext('2d');
    const truth: TruthFile = { schema: 'kvs-infer/scene-truth@1', settings, fps: format.fps, frames: [] };
    for (let index = 0; index < clip.frames; index += 1) {
      const state = scene.state((index * 1000) / format.fps);
      scene.draw(context, state);
      encoder.write(canvas.data(), index);
      truth.frames.push({ timeMs: Math.round(state.timeMs), objects: state.objects });
      if ((index + 1) % PROGRESS_EVERY !== 0) continue;
      report({ type: 'progress', done: index + 1, total: clip.frames });
      // Each frame's pixels are native memory that is given back by the event loop alone: without a turn of it a clip
      // would hold all its frames, some 2 GB.
      await nextTurn();
    }
    encoder.finish();
    writeFileSync(truthFile, JSON.stringify(truth));
    for (const path of [truthFile, video]) flush(path);
    renameSync(truthFile, clip.truthPath);
    renameSync(video, clip.mkvPath);
    report({ type: 'done' });
  } catch (error) {
    encoder?.close();
    for (const path of [video, truthFile]) rmSync(path, { force: true });
    report(failure(error, clip));
  }
}

/** A disk that fills up late reports it here, before the rename makes the file count. */
function flush(path: string): void {
  const file = openSync(path, 'r+');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function failure(error: unknown, clip: SceneClip): ClipMessage {
  if (error instanceof KvsInferError)
    return { type: 'failed', code: error.code, message: error.message, hint: error.hint };
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return {
      type: 'failed',
      code: 'DISK_FULL',
      message: `no space left while writing the clip ${clip.mkvPath}`,
      hint: 'free some disk space and start again',
    };
  }
  return {
    type: 'failed',
    code: 'CLIP_NOT_WRITTEN',
    message: error instanceof Error ? error.message : String(error),
    hint: 'check that the cache folder can be written',
  };
}

if (parentPort !== null) {
  const port = parentPort;
  void makeClip(workerData as ClipOrder, (message) => port.postMessage(message));
}
