/**
 * The stream of a camera that another worker still watches: opened ahead of time, its newest media held, one frame decoded
 * to see that it can be. The session that takes the camera over reads on from here instead of opening the stream itself, so
 * that nothing is missed and nothing has to be waited for.
 * Invariants: nothing leaves here before it is taken over; at most `heldBytesMax` and `heldMs` of whole fragments are held
 * beside the one that arrives, and what is let go is still in KVS; what is held is handed over byte for byte, beginning with
 * a fragment's header. A take-over that is not covered by what is held opens the stream as ever.
 */
import type { MediaBody, MediaSource, MediaStart } from '../../aws/media.ts';
import type { Clock } from '../../core/clock.ts';
import { KvsInferError } from '../../core/errors.ts';
import { EbmlHeaderSplitter } from '../demux/ebml-header-splitter.ts';
import { type FragmentEvent, FragmentReader } from '../demux/fragment-reader.ts';
import { DecodeChain } from './decode-chain.ts';
import { compareFragmentNumbers } from './handled-fragments.ts';
import type { StandbyState } from './messages.ts';
import { Reconnect } from './reconnect.ts';
import { sessionBroken } from './session-errors.ts';

/** From the owner's last frame to the take-over: its flush (8 s at most), two runs of control, a heartbeat. */
const heldMs = 20_000;
/** 20 s at 12 Mbit/s; a worker stands by for eight cameras at most. */
const heldBytesMax = 32 * 1024 * 1024;
/** Media is to arrive all the while; fragments take up to 20 s, but come frame by frame. */
const quietMs = 20_000;

export type StandbyDependencies = { media: MediaSource; clock: Clock; random: () => number };

/** One document of the stream: KVS sends one per fragment. */
type HeldFragment = { number: string | null; chunks: Uint8Array[]; bytes: number; beganMs: number };
type Chunk = IteratorResult<Uint8Array>;

export class StandbyMedia implements MediaSource {
  readonly #dependencies: StandbyDependencies;
  readonly #streamName: string;
  readonly #reconnect: Reconnect;
  readonly #ended: Promise<void>;
  #stopWaiting: () => void = () => {};
  #isOver = false;
  #abort = new AbortController();
  #open: { body: MediaBody; iterator: AsyncIterator<Uint8Array>; next: Promise<Chunk>; held: HeldStream } | null = null;
  #failure: KvsInferError | null = null;

  constructor(streamName: string, dependencies: StandbyDependencies) {
    this.#streamName = streamName;
    this.#dependencies = dependencies;
    this.#reconnect = new Reconnect(dependencies.random);
    this.#ended = this.#run();
  }

  state(): StandbyState {
    const held = this.#open?.held;
    const nowMs = this.#dependencies.clock.monotonicMs();
    if (held?.isProven && nowMs - held.lastByteMs < quietMs) return { state: 'ready', reason: '' };
    if (held !== undefined && held.fault !== null) return { state: 'failing', reason: held.fault };
    if (this.#failure !== null) return { state: 'failing', reason: `${this.#failure.code}: ${this.#failure.message}` };
    return { state: 'opening', reason: held === undefined ? 'opening the stream' : 'waiting for a whole fragment' };
  }

  /** For the session that takes over; from its first call on, this is the stream itself. */
  async open(streamName: string, start: MediaStart, signal: AbortSignal): Promise<MediaBody> {
    const inherited = this.#handOver(start);
    if (inherited !== null) return inherited;
    await this.stop();
    return this.#dependencies.media.open(streamName, start, signal);
  }

  /** Nobody takes over. Resolves when the connection is given back; harmless after a take-over. */
  async stop(): Promise<void> {
    if (!this.#isOver) {
      this.#isOver = true;
      this.#abort.abort();
      this.#open?.body.close();
      this.#open = null;
      this.#stopWaiting();
    }
    await this.#ended;
  }

  #handOver(start: MediaStart): MediaBody | null {
    const open = this.#open;
    if (this.#isOver || open === null) return null;
    const chunks = open.held.from(start);
    if (chunks === null) return null;
    this.#isOver = true;
    this.#open = null;
    const { body, iterator } = open;
    async function* readOn(): AsyncGenerator<Uint8Array> {
      yield* chunks as Uint8Array[];
      for (let next = open?.next; next !== undefined; ) {
        const { done, value } = await next;
        if (done === true) return;
        yield value;
        next = iterator.next();
      }
    }
    return { chunks: readOn(), close: () => body.close() };
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      this.#failure = await this.#readOneSession();
      if (this.#isOver) return;
      let cancel = () => {};
      await new Promise<void>((resolve) => {
        this.#stopWaiting = resolve;
        cancel = this.#dependencies.clock.setTimer(this.#reconnect.delayMs(this.#failure), resolve);
      });
      cancel();
    }
  }

  async #readOneSession(): Promise<KvsInferError | null> {
    const { media, clock } = this.#dependencies;
    this.#abort = new AbortController();
    let body: MediaBody | null = null;
    let isHandedOver = false;
    let held: HeldStream | null = null;
    try {
      body = await media.open(this.#streamName, { at: 'now' }, this.#abort.signal);
      if (this.#isOver) return null;
      const iterator = body.chunks[Symbol.asyncIterator]();
      held = new HeldStream(clock);
      const open = { body, iterator, held, next: iterator.next() };
      this.#open = open;
      for (;;) {
        const { done, value } = await open.next;
        isHandedOver = this.#open !== open;
        if (isHandedOver || done === true) return null;
        this.#reconnect.succeeded();
        held.push(value);
        open.next = iterator.next();
      }
    } catch (error) {
      if (this.#isOver) return null;
      return error instanceof KvsInferError ? error : sessionBroken(error);
    } finally {
      held?.close();
      if (!isHandedOver) {
        this.#open = null;
        body?.close();
      }
    }
  }
}

/** The newest fragments of one connection, as bytes. */
class HeldStream {
  readonly #clock: Clock;
  readonly #fragments: HeldFragment[] = [];
  readonly #splitter: EbmlHeaderSplitter;
  readonly #reader: FragmentReader;
  readonly #decoding: DecodeChain;
  #bytes = 0;
  #hasPicture = false;
  #hasWholeFragment = false;
  fault: string | null = null;
  lastByteMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.lastByteMs = clock.monotonicMs();
    this.#reader = new FragmentReader((event) => this.#event(event));
    this.#splitter = new EbmlHeaderSplitter({
      begin: () => this.#begin(),
      bytes: (chunk) => this.#hold(chunk),
    });
    this.#decoding = new DecodeChain({
      picture: () => {
        this.#hasPicture = true;
        this.fault = null;
      },
      lost: () => {},
      fault: (code, message) => {
        this.fault = `${code}: ${message}`;
      },
    });
  }

  /** A frame was decoded, and a whole fragment is there: the owner will stop after it. */
  get isProven(): boolean {
    return this.#hasPicture && this.#hasWholeFragment;
  }

  push(chunk: Uint8Array): void {
    this.lastByteMs = this.#clock.monotonicMs();
    this.#splitter.push(chunk);
    this.#letGo();
  }

  /** Everything from the fragment that `start` names; null when that is not held any more, or was never. */
  from(start: MediaStart): Uint8Array[] | null {
    // Bytes that may be the beginning of the next header belong to what was received.
    this.#splitter.end();
    const isBefore = ({ number }: HeldFragment) =>
      number !== null && (start.at === 'now' || compareFragmentNumbers(number, start.fragmentNumber) <= 0);
    const index = this.#fragments.findLastIndex(isBefore);
    return index < 0 ? null : this.#fragments.slice(index).flatMap(({ chunks }) => chunks);
  }

  close(): void {
    this.#decoding.close(() => {});
  }

  #begin(): void {
    this.#fragments.push({ number: null, chunks: [], bytes: 0, beganMs: this.#clock.monotonicMs() });
  }

  #hold(chunk: Uint8Array): void {
    const fragment = this.#fragments.at(-1);
    if (fragment !== undefined) {
      fragment.chunks.push(chunk);
      fragment.bytes += chunk.length;
      this.#bytes += chunk.length;
    }
    this.#reader.push(chunk);
  }

  /** A fragment goes when the one after it is older than anybody will ask for, or when there are too many bytes. */
  #letGo(): void {
    const oldMs = this.#clock.monotonicMs() - heldMs;
    for (;;) {
      const [first, second] = this.#fragments;
      if (first === undefined) return;
      const isOld = second !== undefined && second.beganMs < oldMs;
      if (!isOld && this.#bytes <= heldBytesMax) return;
      this.#fragments.shift();
      this.#bytes -= first.bytes;
    }
  }

  #event(event: FragmentEvent): void {
    switch (event.type) {
      case 'fragment-start': {
        const fragment = this.#fragments.at(-1);
        if (fragment !== undefined) fragment.number = event.fragment.number;
        return;
      }
      case 'frame':
        if (this.#hasPicture || event.track.kind !== 'video' || !event.keyframe) return;
        this.#decoding.packet(event, { fragmentNumber: event.fragmentNumber, frameIndex: event.frameIndex }, true);
        return;
      case 'fragment-end':
        this.#hasWholeFragment ||= event.complete;
        return;
      case 'error':
        this.fault ??= `${event.error.code}: ${event.error.message}`;
        return;
    }
  }
}
