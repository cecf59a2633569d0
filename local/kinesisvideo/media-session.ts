/**
 * One GetMedia connection: fragments as Matroska, each with its own EBML header, Segment and KVS tags, the one now
 * arriving frame by frame. The session holds a place in the stream, never a queue.
 * Invariant: what waits for a slow client is one write; fragments come in order, without gap or repeat, or the session
 * says with an error tag why it stops.
 */
import type { ServerResponse } from 'node:http';
import type { Clock } from '../../core/clock.ts';
import type { FragmentStore, StoredFragment } from './fragment-store.ts';
import { openCluster, segmentHeader, sizedCluster, tagsElement } from './matroska-writer.ts';
import type { StartPosition } from './start-selector.ts';

/** Error tags that GetMedia writes before it stops (API reference of GetMedia). */
const sessionErrors = {
  STREAM_WRITE_ERROR: 3002,
  FRAGMENT_NOT_FOUND: 4000,
} as const;

export type MediaSessionOptions = {
  clock: Clock;
  store: FragmentStore;
  response: ServerResponse;
  /** Ends the session at the next fragment boundary: AWS's sessions last 40 to 45 minutes. */
  durationMs: number;
  /** Ends the session when no media has come for so long. */
  silenceMs: number;
  /** May damage what is sent, for tests. */
  transform: (bytes: Buffer) => Buffer;
  onFragmentSent: (fragment: StoredFragment, millisBehindNow: number) => void;
};

export class MediaSession {
  readonly #options: MediaSessionOptions;
  readonly #startedAtMs: number;
  readonly #startedAtMonotonicMs: number;
  #wake: (() => void) | null = null;
  #isOver = false;
  #sent = 0;

  constructor(options: MediaSessionOptions) {
    this.#options = options;
    this.#startedAtMs = options.clock.nowMs();
    this.#startedAtMonotonicMs = options.clock.monotonicMs();
    options.response.once('close', () => this.end());
  }

  get startedAtMs(): number {
    return this.#startedAtMs;
  }

  get fragmentsSent(): number {
    return this.#sent;
  }

  /** Bytes handed to the connection that the client has not taken yet. */
  get unsentBytes(): number {
    return this.#options.response.writableLength;
  }

  /** Sends media until the session is over. `start` null: what was asked for is not there. Never throws. */
  async run(start: StartPosition | null): Promise<void> {
    const { clock, response, durationMs, store } = this.#options;
    response.writeHead(200, { 'content-type': 'video/webm' });
    response.flushHeaders();
    // A client that stops reading must not hold its connection for longer than one that reads.
    const stopWaiting = clock.setTimer(durationMs, () => this.#wake?.());
    if (start === null) await this.#sendError('FRAGMENT_NOT_FOUND');
    let next = start?.first ?? null;
    let after = start?.after ?? '';
    while (start !== null && !this.#isOver && !this.#isExpired()) {
      if (next === null && store.lostAfter(after)) {
        await this.#sendError('FRAGMENT_NOT_FOUND');
        break;
      }
      next ??= store.after(after);
      if (next === null) {
        await this.#waitForMedia();
      } else {
        await this.#sendFragment(next);
        after = next.number;
        next = null;
      }
    }
    stopWaiting();
    this.#isOver = true;
    response.end();
  }

  /** Ends the session at once; the client sees a complete response. */
  end(): void {
    this.#isOver = true;
    this.#wake?.();
  }

  /** Breaks the connection in the middle of whatever is being sent. */
  cut(): void {
    this.#options.response.destroy();
    this.end();
  }

  async #sendFragment(fragment: StoredFragment): Promise<void> {
    const isWhole = fragment.state === 'whole';
    while (fragment.blocks.length === 0 && fragment.state === 'arriving' && !this.#isOver) await this.#waitForMedia();
    if (fragment.blocks.length === 0) return;
    await this.#write(
      Buffer.concat([
        fragment.header,
        tagsElement([
          ['AWS_KINESISVIDEO_FRAGMENT_NUMBER', fragment.number],
          ['AWS_KINESISVIDEO_SERVER_TIMESTAMP', seconds(fragment.serverTimestampMs)],
          ['AWS_KINESISVIDEO_PRODUCER_TIMESTAMP', seconds(fragment.producerTimestampMs)],
        ]),
        isWhole
          ? sizedCluster(fragment.clusterTimecodeMs, fragment.bytes - fragment.header.length)
          : openCluster(fragment.clusterTimecodeMs),
      ]),
    );
    for (let index = 0; !this.#isOver; ) {
      const block = fragment.blocks[index];
      if (block !== undefined) {
        await this.#write(block);
        index += 1;
      } else if (fragment.state === 'arriving') await this.#waitForMedia();
      else break;
    }
    if (this.#isOver) return;
    if (fragment.state === 'torn') {
      await this.#sendError('STREAM_WRITE_ERROR', fragment);
      this.end();
      return;
    }
    const millisBehindNow = Math.max(0, Math.round(this.#options.clock.nowMs() - fragment.serverTimestampMs));
    await this.#write(
      tagsElement([
        ['AWS_KINESISVIDEO_MILLIS_BEHIND_NOW', String(millisBehindNow)],
        ['AWS_KINESISVIDEO_CONTINUATION_TOKEN', fragment.number],
      ]),
    );
    this.#sent += 1;
    this.#options.onFragmentSent(fragment, millisBehindNow);
  }

  async #sendError(code: keyof typeof sessionErrors, inside?: StoredFragment): Promise<void> {
    const tags = tagsElement([
      ['AWS_KINESISVIDEO_ERROR_CODE', code],
      ['AWS_KINESISVIDEO_ERROR_ID', String(sessionErrors[code])],
      ...(inside === undefined ? [] : [['AWS_KINESISVIDEO_FRAGMENT_NUMBER', inside.number] as const]),
    ]);
    await this.#write(inside === undefined ? Buffer.concat([segmentHeader([]), tags]) : tags);
  }

  /** Resolves when the client can take more, or the session is over. */
  async #write(bytes: Buffer): Promise<void> {
    const { response, transform } = this.#options;
    if (this.#isOver || response.destroyed || response.write(transform(bytes))) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        response.off('drain', done);
        this.#wake = null;
        resolve();
      };
      response.once('drain', done);
      this.#wake = done;
    });
    if (response.writableNeedDrain && this.#isExpired()) this.cut();
  }

  /** Resolves when something arrived or ended; ends the session itself when the stream is silent for too long. */
  async #waitForMedia(): Promise<void> {
    const { clock, store, silenceMs } = this.#options;
    const quietSinceMs = Math.max(store.lastArrivalMs ?? 0, this.#startedAtMs);
    const leftMs = quietSinceMs + silenceMs - clock.nowMs();
    if (leftMs <= 0) {
      this.end();
      return;
    }
    await new Promise<void>((resolve) => {
      const done = () => {
        cancelTimer();
        cancelChange();
        this.#wake = null;
        resolve();
      };
      const cancelTimer = clock.setTimer(leftMs, done);
      const cancelChange = store.onChange(done);
      this.#wake = done;
    });
  }

  #isExpired(): boolean {
    return this.#options.clock.monotonicMs() - this.#startedAtMonotonicMs >= this.#options.durationMs;
  }
}

/** Unix time in seconds with milliseconds, as the captures have it. */
function seconds(timestampMs: number): string {
  return (timestampMs / 1000).toFixed(3);
}
