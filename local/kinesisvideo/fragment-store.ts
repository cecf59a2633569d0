/**
 * What one stream holds: a ring of whole fragments and the one now arriving. Producers append, GetMedia sessions and
 * ListFragments read. All media is in memory: a restart of the local cloud keeps streams, not their fragments.
 * Invariant: fragment numbers only grow; the ring never holds more memory than its age and its bytes allow.
 */
import type { Clock } from '../../core/clock.ts';
import { simpleBlock } from './matroska-writer.ts';

export type StoredFragment = {
  readonly number: string;
  readonly producerTimestampMs: number;
  readonly serverTimestampMs: number;
  /** As the producer sent it: absolute, or relative to the start of its recording. */
  readonly clusterTimecodeMs: number;
  readonly header: Buffer;
  /** Whole SimpleBlock elements, in order of arrival. */
  readonly blocks: Buffer[];
  bytes: number;
  lastTimestampMs: number;
  /** `torn`: the producer went away before the fragment was whole; such a fragment is never stored. */
  state: 'arriving' | 'whole' | 'torn';
};

export type FragmentStart = Pick<StoredFragment, 'producerTimestampMs' | 'clusterTimecodeMs' | 'header'>;
export type FrameIn = { trackNumber: number; keyframe: boolean; data: Uint8Array };

/** Real fragment numbers have 47 digits and share a long head; the rest is only known to grow. */
const NUMBER_HEAD = '91343852333181432';
const NUMBER_SEQUENCE_DIGITS = 17;
/** What V8 takes for a fragment, and for the view of a block, beside their bytes. */
const fragmentObjectBytes = 512;
const blockObjectBytes = 128;

export class FragmentStore {
  readonly #clock: Clock;
  readonly #bytesMax: number;
  readonly #fragments: StoredFragment[] = [];
  readonly #waiting = new Set<() => void>();
  #arriving: StoredFragment | null = null;
  #bytes = 0;
  #sequence = 0;
  #lastNumberMs = 0;
  #lastArrivalMs: number | null = null;
  #evicted = 0;
  #firstNumber = '';
  #newestNumber = '';
  #lastEvictedNumber: string | null = null;

  constructor(clock: Clock, bytesMax: number) {
    this.#clock = clock;
    this.#bytesMax = bytesMax;
  }

  /** Bytes held, the arriving fragment and the objects around the media included. */
  get bytes(): number {
    return this.#bytes + (this.#arriving === null ? 0 : heldBytesOf(this.#arriving));
  }

  get size(): number {
    return this.#fragments.length + (this.#arriving === null ? 0 : 1);
  }

  /** Fragments that age or size pushed out. */
  get evicted(): number {
    return this.#evicted;
  }

  get arriving(): StoredFragment | null {
    return this.#arriving;
  }

  /** Clock time of the last byte of media, or null before the first. */
  get lastArrivalMs(): number | null {
    return this.#lastArrivalMs;
  }

  /** Whole fragments no older than `retentionMs`, oldest first. */
  whole(retentionMs: number): readonly StoredFragment[] {
    this.evict(retentionMs);
    return this.#fragments;
  }

  /** @returns the fragment after this number, whole or arriving; null when it has not begun. */
  after(number: string): StoredFragment | null {
    const index = this.#indexAfter(number);
    return (
      this.#fragments[index] ?? (this.#arriving !== null && this.#arriving.number > number ? this.#arriving : null)
    );
  }

  /** @returns whether fragments after this number were lost to age or size before they could be read. */
  lostAfter(number: string): boolean {
    return this.#lastEvictedNumber !== null && this.#lastEvictedNumber > number;
  }

  /** The number of the newest fragment that began, or '' before the first. */
  get newestNumber(): string {
    return this.#newestNumber;
  }

  /** @returns whether reading after this number leaves no gap: it was given out here and nothing after it is lost. */
  canResumeAfter(number: string): boolean {
    if (number.length !== this.#newestNumber.length) return false;
    return number >= this.#firstNumber && number <= this.#newestNumber && !this.lostAfter(number);
  }

  begin(start: FragmentStart): StoredFragment {
    this.#newestNumber = this.#nextNumber();
    this.#firstNumber ||= this.#newestNumber;
    this.#arriving = {
      ...start,
      number: this.#newestNumber,
      serverTimestampMs: Math.floor(this.#clock.nowMs()),
      blocks: [],
      bytes: start.header.length,
      lastTimestampMs: start.producerTimestampMs,
      state: 'arriving',
    };
    this.#lastArrivalMs = this.#clock.nowMs();
    this.#changed();
    return this.#arriving;
  }

  /** Adds a frame to the arriving fragment; `offsetMs` counts from its cluster's timecode. */
  append(frame: FrameIn, offsetMs: number): void {
    const fragment = this.#arriving;
    if (fragment === null) return;
    const block = simpleBlock(frame.trackNumber, offsetMs, frame.keyframe, frame.data);
    fragment.blocks.push(block);
    fragment.bytes += block.length;
    fragment.lastTimestampMs = Math.max(fragment.lastTimestampMs, fragment.producerTimestampMs + offsetMs);
    this.#lastArrivalMs = this.#clock.nowMs();
    this.#changed();
  }

  /** The arriving fragment is whole: it is stored, and sessions that read it go on to the next. */
  complete(retentionMs: number): StoredFragment | null {
    const fragment = this.#arriving;
    if (fragment === null) return null;
    fragment.state = 'whole';
    this.#arriving = null;
    ownMemory(fragment.blocks);
    this.#fragments.push(fragment);
    this.#bytes += heldBytesOf(fragment);
    this.evict(retentionMs);
    this.#changed();
    return fragment;
  }

  /** The producer went away in the middle: what came is dropped, as KVS does not persist half a fragment. */
  tear(): StoredFragment | null {
    const fragment = this.#arriving;
    if (fragment === null) return null;
    fragment.state = 'torn';
    this.#arriving = null;
    this.#changed();
    return fragment;
  }

  evict(retentionMs: number): void {
    const oldestMs = this.#clock.nowMs() - retentionMs;
    let count = 0;
    for (const fragment of this.#fragments) {
      if (fragment.serverTimestampMs >= oldestMs && this.#bytes <= this.#bytesMax) break;
      this.#bytes -= heldBytesOf(fragment);
      this.#lastEvictedNumber = fragment.number;
      count += 1;
    }
    this.#fragments.splice(0, count);
    this.#evicted += count;
  }

  /** Calls `wake` once, at the next change. @returns a function that takes it back. */
  onChange(wake: () => void): () => void {
    this.#waiting.add(wake);
    return () => this.#waiting.delete(wake);
  }

  clear(): void {
    this.tear();
    this.#fragments.length = 0;
    this.#bytes = 0;
    this.#changed();
  }

  #changed(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }

  /** Numbers have one length, so their order as text is their order as numbers. */
  #nextNumber(): string {
    const nowMs = Math.max(Math.floor(this.#clock.nowMs()), this.#lastNumberMs);
    this.#sequence = nowMs === this.#lastNumberMs ? this.#sequence + 1 : 0;
    this.#lastNumberMs = nowMs;
    return NUMBER_HEAD + String(nowMs).padStart(13, '0') + String(this.#sequence).padStart(NUMBER_SEQUENCE_DIGITS, '0');
  }

  #indexAfter(number: string): number {
    let low = 0;
    let high = this.#fragments.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#fragments[middle]?.number ?? '') > number) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

/**
 * Small buffers lie in slabs of 64 KiB that Node shares out, and a slab stays as long as one of them does: a stored block of 300
 * bytes would hold whatever else the process wrote meanwhile. Readers go by index, so the blocks are replaced in place.
 */
function ownMemory(blocks: Buffer[]): void {
  const whole = Buffer.allocUnsafeSlow(blocks.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const [index, block] of blocks.entries()) {
    whole.set(block, offset);
    blocks[index] = whole.subarray(offset, offset + block.length);
    offset += block.length;
  }
}

/** Media of a few bytes a frame is held in objects that are larger than it. */
function heldBytesOf({ bytes, blocks }: StoredFragment): number {
  return bytes + fragmentObjectBytes + blocks.length * blockObjectBytes;
}
