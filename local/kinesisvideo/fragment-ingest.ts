/**
 * Turns the bytes of one PutMedia connection into fragments: every Cluster is one fragment, checked against the
 * service's limits, stored as it arrives and acknowledged step by step. It knows nothing of HTTP.
 * Invariant: whatever the bytes are, nothing is thrown; the first error acknowledges itself and ends the connection.
 */
import { MatroskaReader } from '../../worker/demux/matroska-reader.ts';
import type { DemuxEvent } from '../../worker/demux/segment-content.ts';
import type { FragmentStore, StoredFragment } from './fragment-store.ts';
import { BLOCK_OFFSET_MAX_MS, type MatroskaTrack, segmentHeader } from './matroska-writer.ts';
import type { KinesisVideoLimits } from './service-limits.ts';

/** ErrorId by ErrorCode of PutMedia's acknowledgements. */
const ingestErrors = {
  STREAM_READ_ERROR: 4000,
  MAX_FRAGMENT_SIZE_REACHED: 4001,
  MAX_FRAGMENT_DURATION_REACHED: 4002,
  FRAGMENT_TIMECODE_LESSER_THAN_PREVIOUS: 4004,
  MORE_THAN_ALLOWED_TRACKS_FOUND: 4005,
  INVALID_MKV_DATA: 4006,
  TRACK_NUMBER_MISMATCH: 4010,
  FRAMES_MISSING_FOR_TRACK: 4011,
} as const;

export type IngestErrorCode = keyof typeof ingestErrors;

/** What KVS calls the errors of our reader that it has a name for. */
const readerErrors: Record<string, IngestErrorCode> = {
  MATROSKA_LIMIT: 'MAX_FRAGMENT_SIZE_REACHED',
  MATROSKA_UNKNOWN_TRACK: 'TRACK_NUMBER_MISMATCH',
};

export type Acknowledgement = {
  EventType: 'BUFFERING' | 'RECEIVED' | 'PERSISTED' | 'ERROR';
  FragmentTimecode: number;
  FragmentNumber?: string;
  ErrorId?: number;
  ErrorCode?: IngestErrorCode;
};

export type IngestOptions = {
  store: FragmentStore;
  limits: KinesisVideoLimits;
  /** Added to every cluster's timecode: 0 for ABSOLUTE, the producer's start for RELATIVE. */
  producerStartMs: number;
  retentionMs: () => number;
  persists: () => boolean;
  acknowledge: (ack: Acknowledgement) => void;
  onFragment: (fragment: StoredFragment) => void;
};

export class FragmentIngest {
  readonly #options: IngestOptions;
  readonly #reader: MatroskaReader;
  #tracks: MatroskaTrack[] = [];
  #header: Buffer | null = null;
  #fragment: StoredFragment | null = null;
  #lastTimecodeMs = Number.NEGATIVE_INFINITY;
  #fragmentsBegun = 0;
  #failure: IngestErrorCode | null = null;

  constructor(options: IngestOptions) {
    this.#options = options;
    this.#reader = new MatroskaReader((event) => this.#take(event));
  }

  /** The error that ended this connection, or null. */
  get failure(): IngestErrorCode | null {
    return this.#failure;
  }

  get fragmentsBegun(): number {
    return this.#fragmentsBegun;
  }

  push(chunk: Uint8Array): void {
    if (this.#failure === null) this.#reader.push(chunk);
  }

  /** The producer ended its body: what it sent last is whole. */
  finish(): void {
    if (this.#failure !== null) return;
    this.#reader.end();
    this.#complete();
  }

  /** The producer went away: the fragment it was sending is dropped. */
  abort(): void {
    if (this.#fragment !== null) this.#options.store.tear();
    this.#fragment = null;
    this.#failure ??= 'STREAM_READ_ERROR';
  }

  #take(event: DemuxEvent): void {
    if (this.#failure !== null) return;
    switch (event.type) {
      case 'segment':
        this.#complete();
        this.#tracks = [];
        this.#header = null;
        return;
      case 'track':
        this.#addTrack(event.track);
        return;
      case 'cluster':
        this.#complete();
        if (this.#failure === null) this.#begin(Math.round(event.timecodeMs));
        return;
      case 'frame':
        this.#addFrame(event);
        return;
      case 'tags':
        // Tags stand beside clusters, never inside: the cluster before them has ended.
        this.#complete();
        return;
      case 'error':
        this.#fail(readerErrors[event.error.code] ?? 'INVALID_MKV_DATA');
        return;
    }
  }

  #addTrack(track: MatroskaTrack): void {
    if (this.#tracks.length >= this.#options.limits.tracksMax) {
      this.#fail('MORE_THAN_ALLOWED_TRACKS_FOUND');
      return;
    }
    const { number, kind, codecId, width, height } = track;
    // A copy: the reader's bytes are a view of the chunk they came in.
    const codecPrivate = track.codecPrivate === null ? null : Buffer.from(track.codecPrivate);
    this.#tracks.push({ number, kind, codecId, width, height, codecPrivate });
    this.#header = null;
  }

  #begin(timecodeMs: number): void {
    if (this.#tracks.length === 0 || timecodeMs < 0 || !Number.isSafeInteger(timecodeMs)) {
      this.#fail('INVALID_MKV_DATA', timecodeMs);
      return;
    }
    if (timecodeMs < this.#lastTimecodeMs) {
      this.#fail('FRAGMENT_TIMECODE_LESSER_THAN_PREVIOUS', timecodeMs);
      return;
    }
    this.#lastTimecodeMs = timecodeMs;
    this.#header ??= segmentHeader(this.#tracks);
    this.#fragmentsBegun += 1;
    this.#fragment = this.#options.store.begin({
      header: this.#header,
      clusterTimecodeMs: timecodeMs,
      producerTimestampMs: this.#options.producerStartMs + timecodeMs,
    });
    this.#acknowledge('BUFFERING', this.#fragment);
  }

  #addFrame(frame: Extract<DemuxEvent, { type: 'frame' }>): void {
    const fragment = this.#fragment;
    const offsetMs = Math.round(frame.timestampMs - (fragment?.clusterTimecodeMs ?? 0));
    const refusal = fragment === null ? 'INVALID_MKV_DATA' : this.#refusalOf(fragment, offsetMs, frame.data.length);
    if (refusal === null) this.#options.store.append(frame, offsetMs);
    else this.#fail(refusal);
  }

  #refusalOf(fragment: StoredFragment, offsetMs: number, frameBytes: number): IngestErrorCode | null {
    const { limits } = this.#options;
    if (offsetMs > limits.fragmentDurationMsMax) return 'MAX_FRAGMENT_DURATION_REACHED';
    if (Math.abs(offsetMs) > BLOCK_OFFSET_MAX_MS) return 'INVALID_MKV_DATA';
    return fragment.bytes + frameBytes > limits.fragmentBytesMax ? 'MAX_FRAGMENT_SIZE_REACHED' : null;
  }

  #complete(): void {
    if (this.#fragment === null) return;
    if (this.#fragment.blocks.length === 0) {
      this.#fail('FRAMES_MISSING_FOR_TRACK');
      return;
    }
    this.#fragment = null;
    const fragment = this.#options.store.complete(this.#options.retentionMs());
    if (fragment === null) return;
    this.#acknowledge('RECEIVED', fragment);
    if (this.#options.persists()) this.#acknowledge('PERSISTED', fragment);
    this.#options.onFragment(fragment);
  }

  #acknowledge(eventType: 'BUFFERING' | 'RECEIVED' | 'PERSISTED', fragment: StoredFragment): void {
    this.#options.acknowledge({
      EventType: eventType,
      FragmentTimecode: fragment.clusterTimecodeMs,
      FragmentNumber: fragment.number,
    });
  }

  #fail(code: IngestErrorCode, timecodeMs?: number): void {
    const fragment = this.#fragment;
    if (fragment !== null) this.#options.store.tear();
    this.#fragment = null;
    this.#failure = code;
    this.#options.acknowledge({
      EventType: 'ERROR',
      FragmentTimecode: timecodeMs ?? fragment?.clusterTimecodeMs ?? 0,
      ...(fragment === null ? {} : { FragmentNumber: fragment.number }),
      ErrorId: ingestErrors[code],
      ErrorCode: code,
    });
  }
}
