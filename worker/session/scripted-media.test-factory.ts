/**
 * A Kinesis Video stream whose every answer the test decides: what an open gives, which bytes come, when it breaks.
 * Invariant: it refuses a second connection while one is open, so that a session that leaks is seen.
 */
import type { MediaBody, MediaSource, MediaStart } from '../../aws/media.ts';
import type { KvsInferError } from '../../core/errors.ts';
import { openCluster, segmentHeader, simpleBlock, tagsElement } from '../../local/kinesisvideo/matroska-writer.ts';
import { encodeClip } from '../decode/encoded-clip.test-factory.ts';
import type { CameraIntakeSettings } from './messages.ts';

export const CLIP_FRAME_MS = 100;
export const FRAMES_PER_FRAGMENT = 5;
export const MEDIA_START_MS = Date.UTC(2026, 10, 24, 8);

const size = { width: 64, height: 48 };
const clip = encodeClip({ ...size, frames: FRAMES_PER_FRAGMENT, keyframeEvery: FRAMES_PER_FRAGMENT });

export const scriptedTrack = {
  number: 1,
  kind: 'video',
  codec: 'h264',
  codecId: 'V_MPEG4/ISO/AVC',
  ...size,
  codecPrivate: clip.codecPrivate,
} as const;
export const clipPackets = clip.packets;

/** A camera that wants every frame of the clip from the live edge on. */
export const clipIntake: CameraIntakeSettings = {
  streamName: 'dock-1',
  fps: 10,
  priority: 50,
  motionGate: null,
  keepPictures: false,
  input: { width: 64, height: 48, padding: 'around' },
  resumeAfter: null,
  handleFromServerMs: 0,
};

export function fragmentTimeMs(index: number): number {
  return MEDIA_START_MS + index * FRAMES_PER_FRAGMENT * CLIP_FRAME_MS;
}

/** Fragment `index` as GetMedia sends it; `frames` below 5 and no end: it broke off. */
export function fragmentBytes(
  index: number,
  options: { frames?: number; behindMs?: number; ends?: boolean } = {},
): Buffer {
  const { frames = FRAMES_PER_FRAGMENT, behindMs = 0, ends = true } = options;
  const seconds = (fragmentTimeMs(index) / 1_000).toFixed(3);
  return Buffer.concat([
    segmentHeader([scriptedTrack]),
    tagsElement([
      ['AWS_KINESISVIDEO_FRAGMENT_NUMBER', String(1_000 + index)],
      ['AWS_KINESISVIDEO_SERVER_TIMESTAMP', seconds],
      ['AWS_KINESISVIDEO_PRODUCER_TIMESTAMP', seconds],
    ]),
    openCluster(fragmentTimeMs(index)),
    ...clip.packets
      .slice(0, frames)
      .map(({ data, keyframe }, frame) => simpleBlock(1, frame * CLIP_FRAME_MS, keyframe, data)),
    ...(ends
      ? [
          tagsElement([
            ['AWS_KINESISVIDEO_MILLIS_BEHIND_NOW', String(behindMs)],
            ['AWS_KINESISVIDEO_CONTINUATION_TOKEN', String(1_000 + index)],
          ]),
        ]
      : []),
  ]);
}

export class ScriptedConnection implements MediaBody {
  readonly start: MediaStart;
  readonly #chunks: (Uint8Array | Error | null)[] = [];
  #wake: () => void = () => {};
  isClosed = false;
  readonly chunks: AsyncIterable<Uint8Array>;

  constructor(start: MediaStart) {
    this.start = start;
    this.chunks = this.#read();
  }

  send(chunk: Uint8Array): void {
    this.#put(chunk);
  }

  end(): void {
    this.#put(null);
  }

  fail(error: Error): void {
    this.#put(error);
  }

  close(): void {
    this.isClosed = true;
    this.#put(null);
  }

  #put(item: Uint8Array | Error | null): void {
    this.#chunks.push(item);
    this.#wake();
  }

  async *#read(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const next = this.#chunks.shift();
      if (next === undefined) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      } else if (next === null) return;
      else if (next instanceof Error) throw next;
      else yield next;
    }
  }
}

export class ScriptedMedia implements MediaSource {
  readonly connections: ScriptedConnection[] = [];
  /** Errors that the next opens answer with. */
  readonly refusals: KvsInferError[] = [];
  opens = 0;

  async open(_streamName: string, start: MediaStart): Promise<MediaBody> {
    this.opens += 1;
    const refusal = this.refusals.shift();
    if (refusal !== undefined) throw refusal;
    if (this.connections.some(({ isClosed }) => !isClosed)) throw new Error('the former connection is still open');
    const connection = new ScriptedConnection(start);
    this.connections.push(connection);
    return connection;
  }

  get current(): ScriptedConnection {
    const connection = this.connections.at(-1);
    if (connection === undefined) throw new Error('nothing is open');
    return connection;
  }
}
