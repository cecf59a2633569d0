/**
 * PutMedia: one producer's upload, answered with acknowledgements while it goes on. The upload is read no faster than
 * the service's limits allow, so a producer that is too fast feels it as a slow network, as with AWS.
 * Invariant: one connection per stream; a connection that breaks tears the fragment it was sending and nothing else.
 */
import type { ServerResponse } from 'node:http';
import { AwsError } from '../http/aws-error.ts';
import type { CloudContext, LocalRequest } from '../service.ts';
import { FragmentIngest } from './fragment-ingest.ts';
import type { KinesisVideoLimits } from './service-limits.ts';
import { retentionMsOf, type Stream } from './stream-registry.ts';

const FRAGMENT_WINDOW_MS = 1000;
/** How long a producer may go on sending after an ERROR acknowledgement, so that it can read it, before it is cut off. */
const ERROR_LINGER_MS = 2000;

export class PutMediaConnection {
  readonly #request: LocalRequest;
  readonly #response: ServerResponse;
  readonly #context: Pick<CloudContext, 'clock' | 'putMetric'>;
  readonly #limits: KinesisVideoLimits;
  readonly #ingest: FragmentIngest;
  readonly #closed: Promise<void>;
  #stalled: { until: Promise<void>; release: () => void } | null = null;
  #isClosed = false;

  /** Throws AwsError InvalidArgumentException when the request's headers do not describe an upload. */
  constructor(
    request: LocalRequest,
    response: ServerResponse,
    stream: Stream,
    context: Pick<CloudContext, 'clock' | 'putMetric'>,
    limits: KinesisVideoLimits,
  ) {
    this.#request = request;
    this.#response = response;
    this.#context = context;
    this.#limits = limits;
    const retentionMs = () => retentionMsOf(stream.definition, limits.hostBufferMs);
    this.#ingest = new FragmentIngest({
      store: stream.media,
      limits,
      producerStartMs: producerStartMs(request),
      retentionMs,
      persists: () => stream.definition.retentionHours > 0,
      acknowledge: (ack) => void (response.writable && response.write(`${JSON.stringify(ack)}\n`)),
      onFragment: (fragment) => {
        const dimensions = { StreamName: stream.definition.streamName };
        context.putMetric('AWS/KinesisVideo', 'PutMedia.IncomingFragments', dimensions, 1);
        context.putMetric('AWS/KinesisVideo', 'PutMedia.IncomingBytes', dimensions, fragment.bytes);
        context.putMetric('AWS/KinesisVideo', 'PutMedia.IncomingFrames', dimensions, fragment.blocks.length);
      },
    });
    this.#closed = new Promise((resolve) => {
      response.once('close', () => {
        this.#isClosed = true;
        resolve();
      });
    });
  }

  /** Reads the upload to its end, its first error, or the loss of the connection. Never throws. */
  async run(): Promise<void> {
    this.#response.writeHead(200, { 'content-type': 'application/json' });
    this.#response.flushHeaders();
    const beganAtMs: number[] = [];
    try {
      const body = this.#request.content().iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
      for await (const chunk of body) {
        while (this.#stalled !== null && !this.#isClosed) await Promise.race([this.#stalled.until, this.#closed]);
        const before = this.#ingest.fragmentsBegun;
        this.#ingest.push(chunk);
        if (this.#ingest.failure !== null) break;
        for (let begun = before; begun < this.#ingest.fragmentsBegun; begun++) {
          beganAtMs.push(this.#context.clock.monotonicMs());
        }
        await this.#waitForFragmentRate(beganAtMs);
      }
      if (this.#isClosed && !this.#request.message.complete) this.#ingest.abort();
      else this.#ingest.finish();
    } catch {
      // The connection broke, or a fault broke it: for the stream that is the same.
      this.#ingest.abort();
    }
    this.#endResponse();
  }

  /** Breaks the connection where it is, as a camera's network does. */
  drop(): void {
    this.#response.destroy();
    this.#request.message.destroy();
  }

  /** Stops reading the upload; the producer's sends pile up in its own buffers. @returns the way to go on. */
  stall(): () => void {
    if (this.#stalled !== null) return this.#stalled.release;
    let release = () => {};
    const until = new Promise<void>((resolve) => {
      release = () => {
        this.#stalled = null;
        resolve();
      };
    });
    this.#stalled = { until, release };
    return release;
  }

  async #waitForFragmentRate(beganAtMs: number[]): Promise<void> {
    const { clock } = this.#context;
    const perSecond = this.#limits.fragmentsPerSecond;
    for (;;) {
      beganAtMs.splice(0, Math.max(0, beganAtMs.length - perSecond - 1));
      const oldestMs = beganAtMs[0];
      if (beganAtMs.length <= perSecond || oldestMs === undefined || this.#isClosed) return;
      const waitMs = oldestMs + FRAGMENT_WINDOW_MS - clock.monotonicMs();
      if (waitMs <= 0) return;
      let cancel = () => {};
      const timer = new Promise<void>((resolve) => {
        cancel = clock.setTimer(waitMs, resolve);
      });
      await Promise.race([timer, this.#closed]);
      cancel();
    }
  }

  #endResponse(): void {
    if (this.#isClosed) return;
    this.#response.end();
    if (this.#request.message.complete) return;
    this.#request.message.resume();
    const cancel = this.#context.clock.setTimer(ERROR_LINGER_MS, () => this.#request.message.destroy());
    this.#request.message.once('close', cancel);
  }
}

/** The stream that a PutMedia request names in its headers. */
export function putMediaStreamOf(request: LocalRequest): { name: string | undefined; arn: string | undefined } {
  const { headers } = request.message;
  return { name: header(headers['x-amzn-stream-name']), arn: header(headers['x-amzn-stream-arn']) };
}

function producerStartMs(request: LocalRequest): number {
  const { headers } = request.message;
  const type = header(headers['x-amzn-fragment-timecode-type']);
  if (type !== 'ABSOLUTE' && type !== 'RELATIVE') {
    throw new AwsError(400, 'InvalidArgumentException', 'x-amzn-fragment-timecode-type must be ABSOLUTE or RELATIVE.');
  }
  const start = header(headers['x-amzn-producer-start-timestamp']);
  if (start === undefined || type === 'ABSOLUTE') {
    if (type === 'ABSOLUTE') return 0;
    throw new AwsError(400, 'InvalidArgumentException', 'RELATIVE timecodes need x-amzn-producer-start-timestamp.');
  }
  const seconds = Number(start);
  if (!Number.isFinite(seconds) || seconds < 0 || seconds > SECONDS_MAX) {
    throw new AwsError(400, 'InvalidArgumentException', 'x-amzn-producer-start-timestamp must be seconds since 1970.');
  }
  return Math.round(seconds * 1000);
}

/** The year 9999; more is a timestamp in milliseconds. */
const SECONDS_MAX = 253_402_300_799;

function header(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
