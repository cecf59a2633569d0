/**
 * Makes the clips of drawn scenes, once: an existing one is taken as it is, a missing one is rendered on a worker thread.
 * Invariants: at most one thread per core renders at a time; the same clip asked for twice at once is made once.
 */
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { KvsInferError } from '../../core/errors.ts';
import { describeClip, type SceneClip, type SceneClipSettings } from './clip.ts';
import type { ClipMessage, ClipOrder } from './clip-thread.ts';

export type ClipOptions = {
  cacheFolder: string;
  /** Called every ten frames; not when the clip is there, nor when somebody else's call is making it. */
  onProgress?: (framesDone: number, framesTotal: number) => void;
  signal?: AbortSignal;
};

const making = new Map<string, Promise<SceneClip>>();
const waiting: (() => void)[] = [];
let rendering = 0;

/** @throws KvsInferError DISK_FULL, CLIP_NOT_WRITTEN, CLIP_ABORTED, ENCODER_MISSING. */
export async function ensureSceneClip(settings: SceneClipSettings, options: ClipOptions): Promise<SceneClip> {
  const clip = describeClip(settings, options.cacheFolder);
  const underWay = making.get(clip.mkvPath);
  if (underWay !== undefined) return underWay;
  const made = makeUnlessThere(settings, clip, options).finally(() => making.delete(clip.mkvPath));
  making.set(clip.mkvPath, made);
  return made;
}

async function makeUnlessThere(settings: SceneClipSettings, clip: SceneClip, options: ClipOptions): Promise<SceneClip> {
  if (await bothExist(clip)) return clip;
  try {
    await mkdir(options.cacheFolder, { recursive: true });
  } catch (cause) {
    throw new KvsInferError('CLIP_NOT_WRITTEN', `cannot create the cache folder ${options.cacheFolder}`, {
      hint: 'choose a folder that can be written',
      cause,
    });
  }
  await removeLeftovers(clip, options.cacheFolder);
  await turn();
  try {
    await render({ settings, clip, temporarySuffix: `.${process.pid}-${Date.now().toString(36)}.part` }, options);
  } finally {
    rendering -= 1;
    waiting.shift()?.();
  }
  return clip;
}

async function bothExist(clip: SceneClip): Promise<boolean> {
  const sizes = await Promise.all(
    [clip.mkvPath, clip.truthPath].map((path) =>
      stat(path).then(
        (found) => found.size,
        () => 0,
      ),
    ),
  );
  return sizes.every((size) => size > 0);
}

/** A start that was killed leaves half-made files behind; those of processes that still run are theirs. */
async function removeLeftovers(clip: SceneClip, folder: string): Promise<void> {
  for (const file of await readdir(folder)) {
    const maker = file.startsWith(clip.name) ? /\.(\d+)-\w+\.part$/.exec(file)?.[1] : undefined;
    if (maker !== undefined && !isAlive(Number(maker))) await rm(join(folder, file), { force: true });
  }
}

function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    // Signal 0 only asks: EPERM means that it runs and belongs to somebody else.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Waits until a core is free for another clip. */
async function turn(): Promise<void> {
  while (rendering >= availableParallelism()) await new Promise<void>((resolve) => waiting.push(resolve));
  rendering += 1;
}

function render(order: ClipOrder, options: ClipOptions): Promise<void> {
  const aborted = () =>
    new KvsInferError('CLIP_ABORTED', `making the clip ${order.clip.name} was stopped`, {
      hint: 'start again to make it',
      retryable: true,
    });
  if (options.signal?.aborted) return Promise.reject(aborted());
  return new Promise((resolve, reject) => {
    const thread = new Worker(new URL('./clip-thread.ts', import.meta.url), {
      workerData: order,
      name: `clip ${order.clip.name}`,
    });
    const stopped = () => {
      const halfMade = [order.clip.mkvPath, order.clip.truthPath].map((path) => path + order.temporarySuffix);
      void thread.terminate().then(() => Promise.all(halfMade.map((path) => rm(path, { force: true }))));
      reject(aborted());
    };
    options.signal?.addEventListener('abort', stopped, { once: true });
    thread.on('message', (message: ClipMessage) => {
      if (message.type === 'progress') options.onProgress?.(message.done, message.total);
      else if (message.type === 'done') resolve();
      else
        reject(
          new KvsInferError(message.code, message.message, {
            hint: message.hint,
            retryable: message.code === 'DISK_FULL',
          }),
        );
    });
    thread.on('error', (cause) =>
      reject(
        new KvsInferError('CLIP_NOT_WRITTEN', `the thread that makes ${order.clip.name} failed: ${cause.message}`, {
          hint: 'start again; report it if it happens twice',
          cause,
        }),
      ),
    );
    thread.on('exit', (code) => {
      options.signal?.removeEventListener('abort', stopped);
      reject(
        new KvsInferError('CLIP_NOT_WRITTEN', `the thread that makes ${order.clip.name} ended early (${code})`, {
          hint: 'start again; report it if it happens twice',
        }),
      );
    });
  });
}
