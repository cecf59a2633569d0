/**
 * Kinesis Video Streams' view of a Matroska stream: fragments with their number and times, and frames at absolute producer
 * time. GetMedia sends per fragment: EBML header, Segment, Tracks, Tags (number, timestamps), Cluster, Tags (continuation
 * token). A file without those tags gets one made-up fragment per cluster, numbered "0", "1", ...
 * Invariants: events come as start, frames, end; each started fragment ends exactly once; `complete` is false when bytes of
 * it were lost.
 */
import { KvsInferError } from '../../core/errors.ts';
import type { DemuxLimits } from './demux-limits.ts';
import { kvsStreamError } from './kvs-stream-error.ts';
import { MatroskaReader } from './matroska-reader.ts';
import type { DemuxEvent, Track } from './segment-content.ts';

export type Fragment = {
  number: string;
  /** Producer time of the fragment's first cluster; for files without KVS tags, the cluster's media time. */
  producerTimestampMs: number;
  /** Null for files without KVS tags. */
  serverTimestampMs: number | null;
  /** How far behind the live edge KVS says this fragment is; it arrives with the fragment's end. */
  millisBehindNow: number | null;
};

export type FragmentEvent =
  /** Once per declared track of every document: parameter sets may have changed. `isFirst`: of its document. */
  | { type: 'track'; track: Track; isFirst: boolean }
  | { type: 'fragment-start'; fragment: Fragment }
  | {
      type: 'frame';
      fragmentNumber: string;
      /** Counts all frames of the fragment, whatever their track, from 0. */
      frameIndex: number;
      track: Track;
      /** Absolute producer time, milliseconds. */
      timestampMs: number;
      keyframe: boolean;
      /** See DemuxEvent: may be a view into the pushed chunk. */
      data: Uint8Array;
    }
  | {
      type: 'fragment-end';
      fragment: Fragment;
      frames: number;
      keyframes: number;
      /** Bytes of the frames' data. */
      bytes: number;
      continuationToken: string | null;
      complete: boolean;
    }
  | { type: 'error'; error: KvsInferError; atByte: number };

const firstInstantMs = Date.parse('0000-01-01T00:00:00.000Z');
const lastInstantMs = Date.parse('9999-12-31T23:59:59.999Z');

const tagNames = {
  number: 'AWS_KINESISVIDEO_FRAGMENT_NUMBER',
  producerTimestamp: 'AWS_KINESISVIDEO_PRODUCER_TIMESTAMP',
  serverTimestamp: 'AWS_KINESISVIDEO_SERVER_TIMESTAMP',
  millisBehindNow: 'AWS_KINESISVIDEO_MILLIS_BEHIND_NOW',
  continuationToken: 'AWS_KINESISVIDEO_CONTINUATION_TOKEN',
} as const;

type OpenFragment = {
  fragment: Fragment;
  synthetic: boolean;
  /** Timestamp of the first cluster: frames lie at producer time plus their distance from it. */
  firstClusterMs: number | null;
  frames: number;
  keyframes: number;
  bytes: number;
  continuationToken: string | null;
};

export class FragmentReader {
  readonly #sink: (event: FragmentEvent) => void;
  readonly #reader: MatroskaReader;
  #tracks = new Map<number, Track>();
  #open: OpenFragment | null = null;
  #syntheticFragments = 0;
  /** The stream has shown KVS tags: a document without them is broken, not a plain file. */
  #tagged = false;
  #untaggedReported = false;
  #documentAtByte = 0;

  constructor(sink: (event: FragmentEvent) => void, limits: Partial<DemuxLimits> = {}) {
    this.#sink = sink;
    this.#reader = new MatroskaReader((event) => this.#on(event), limits);
  }

  push(chunk: Uint8Array): void {
    this.#reader.push(chunk);
  }

  end(): void {
    this.#reader.end();
    this.#endFragment(true);
  }

  #on(event: DemuxEvent): void {
    switch (event.type) {
      case 'segment':
        this.#endFragment(true);
        this.#tracks = new Map();
        this.#untaggedReported = false;
        this.#documentAtByte = event.atByte;
        return;
      case 'track':
        this.#sink({ ...event, isFirst: this.#tracks.size === 0 });
        this.#tracks.set(event.track.number, event.track);
        return;
      case 'tags':
        this.#onTags(event.tags);
        return;
      case 'cluster':
        this.#onCluster(event.timecodeMs);
        return;
      case 'frame':
        this.#onFrame(event);
        return;
      case 'error':
        this.#sink({ type: 'error', error: event.error, atByte: event.atByte });
        if (event.documentLost) this.#endFragment(false);
    }
  }

  #onTags(tags: Record<string, string>): void {
    const streamError = kvsStreamError(tags);
    if (streamError !== null) this.#sink({ type: 'error', error: streamError, atByte: this.#documentAtByte });
    const number = tags[tagNames.number];
    if (number !== undefined && number !== this.#open?.fragment.number) this.#startTagged(number, tags);
    const open = this.#open;
    if (open === null || open.synthetic) return;
    const millisBehindNow = tags[tagNames.millisBehindNow];
    if (millisBehindNow !== undefined) open.fragment.millisBehindNow = finiteOrNull(Number(millisBehindNow));
    const continuationToken = tags[tagNames.continuationToken];
    if (continuationToken === undefined) return;
    open.continuationToken = continuationToken;
    if (open.firstClusterMs !== null) this.#endFragment(true);
  }

  #startTagged(number: string, tags: Record<string, string>): void {
    this.#endFragment(true);
    this.#tagged = true;
    const producerTimestampMs = secondsToMs(tags[tagNames.producerTimestamp]);
    if (producerTimestampMs === null) {
      const found = JSON.stringify(tags[tagNames.producerTimestamp] ?? null);
      this.#reportUntagged(
        `expected ${tagNames.producerTimestamp} in seconds beside fragment ${number}, found ${found}`,
      );
      return;
    }
    this.#start(
      {
        number,
        producerTimestampMs,
        serverTimestampMs: secondsToMs(tags[tagNames.serverTimestamp]),
        millisBehindNow: null,
      },
      false,
    );
  }

  #onCluster(timecodeMs: number): void {
    if (this.#open !== null && !this.#open.synthetic) {
      this.#open.firstClusterMs ??= timecodeMs;
      return;
    }
    if (this.#tagged) {
      this.#reportUntagged(
        `expected ${tagNames.number} before every cluster of a KVS stream, found a cluster without it`,
      );
      return;
    }
    this.#endFragment(true);
    const number = String(this.#syntheticFragments++);
    this.#start({ number, producerTimestampMs: timecodeMs, serverTimestampMs: null, millisBehindNow: null }, true);
    if (this.#open !== null) (this.#open as OpenFragment).firstClusterMs = timecodeMs;
  }

  #onFrame(event: Extract<DemuxEvent, { type: 'frame' }>): void {
    const open = this.#open;
    const track = this.#tracks.get(event.trackNumber);
    if (open === null || track === undefined) return;
    const frameIndex = open.frames;
    open.frames += 1;
    if (event.keyframe) open.keyframes += 1;
    open.bytes += event.data.length;
    const timestampMs =
      open.fragment.producerTimestampMs + event.timestampMs - (open.firstClusterMs ?? event.timestampMs);
    if (!isInstant(timestampMs)) {
      this.#reportUntagged(`expected frames at times that exist, found ${timestampMs} ms in ${open.fragment.number}`);
      return;
    }
    this.#sink({
      type: 'frame',
      fragmentNumber: open.fragment.number,
      frameIndex,
      track,
      timestampMs,
      keyframe: event.keyframe,
      data: event.data,
    });
  }

  #start(fragment: Fragment, synthetic: boolean): void {
    const counts = { frames: 0, keyframes: 0, bytes: 0 };
    this.#open = { fragment, synthetic, firstClusterMs: null, ...counts, continuationToken: null };
    this.#sink({ type: 'fragment-start', fragment });
  }

  #endFragment(complete: boolean): void {
    const open = this.#open;
    if (open === null) return;
    this.#open = null;
    const { fragment, frames, keyframes, bytes, continuationToken } = open;
    this.#sink({ type: 'fragment-end', fragment, frames, keyframes, bytes, continuationToken, complete });
  }

  /** Once a document: its frames have no place in the stream and are left out. */
  #reportUntagged(message: string): void {
    if (this.#untaggedReported) return;
    this.#untaggedReported = true;
    const error = new KvsInferError('KVS_FRAGMENT_TAGS', message, {
      hint: 'its frames are left out; reading goes on at the next fragment',
    });
    this.#sink({ type: 'error', error, atByte: this.#documentAtByte });
  }
}

/** KVS writes Unix time in seconds with milliseconds, as text. */
function secondsToMs(text: string | undefined): number | null {
  if (text === undefined || text.trim() === '') return null;
  const timeMs = Math.round(Number(text) * 1000);
  return isInstant(timeMs) ? timeMs : null;
}

/** Damaged bytes can name any number. Records are sorted by ISO 8601's text, which has four digits for the year. */
function isInstant(timeMs: number): boolean {
  return timeMs >= firstInstantMs && timeMs <= lastInstantMs;
}

function finiteOrNull(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
