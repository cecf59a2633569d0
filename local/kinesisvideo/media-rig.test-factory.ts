/**
 * The service behind the real HTTP front on a clock that is stepped, and clients to talk to it, for the tests of this
 * folder. Invariant: no rig waits for time: what a test waits for is an event.
 */
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { KinesisVideoClient } from '@aws-sdk/client-kinesis-video';
import { KinesisVideoArchivedMediaClient } from '@aws-sdk/client-kinesis-video-archived-media';
import { GetMediaCommand, KinesisVideoMediaClient, type StartSelector } from '@aws-sdk/client-kinesis-video-media';
import { type FragmentEvent, FragmentReader } from '../../worker/demux/fragment-reader.ts';
import { region, startServiceFront } from '../http/service-front.test-factory.ts';
import type { Acknowledgement } from './fragment-ingest.ts';
import { openCluster, segmentHeader, simpleBlock } from './matroska-writer.ts';
import { createKinesisVideoService, type KinesisVideoOptions } from './service.ts';

export const RIG_START_MS = Date.UTC(2026, 10, 24, 8, 0, 0);

export type MediaRig = Awaited<ReturnType<typeof startMediaRig>>;

export async function startMediaRig(options: KinesisVideoOptions = {}, dataFolder: string | null = null) {
  const metrics: { name: string; streamName: string | undefined; value: number }[] = [];
  const front = await startServiceFront((context) => createKinesisVideoService(context, options), {
    startMs: RIG_START_MS,
    dataFolder,
    putMetric: (_namespace, name, dimensions, value) =>
      void metrics.push({ name, streamName: dimensions.StreamName, value }),
  });
  const { clock, service, endpoint, client } = front;
  const control = new KinesisVideoClient(client);
  const media = new KinesisVideoMediaClient(client);
  const archive = new KinesisVideoArchivedMediaClient(client);

  return {
    clock,
    metrics,
    service,
    endpoint,
    faults: front.faults,
    advertise: front.advertise,
    region,
    control,
    media,
    archive,
    async getMedia(streamName: string, selector: StartSelector): Promise<MediaReader> {
      const output = await media.send(new GetMediaCommand({ StreamName: streamName, StartSelector: selector }));
      return new MediaReader(output.Payload as unknown as IncomingMessage, output.ContentType);
    },
    putMedia: (streamName: string, headers: Record<string, string> = {}) =>
      new RawProducer(endpoint, streamName, headers),
    async close() {
      for (const one of [control, media, archive]) one.destroy();
      await front.close();
    },
  };
}

/** Reads a GetMedia response through the worker's own reader and lets a test wait for what it wants to see. */
export class MediaReader {
  readonly events: FragmentEvent[] = [];
  readonly contentType: string | undefined;
  readonly payload: IncomingMessage;
  readonly chunks: Buffer[] = [];
  #isEnded = false;
  #failure: Error | null = null;
  readonly #waiting = new Set<() => void>();

  constructor(payload: IncomingMessage, contentType: string | undefined) {
    this.payload = payload;
    this.contentType = contentType;
  }

  /** Begins to read; a reader that was not started is a client that does not read. */
  start(): this {
    const reader = new FragmentReader((event) => this.events.push(event));
    const changed = () => {
      for (const wake of [...this.#waiting]) wake();
    };
    this.payload.on('data', (chunk: Buffer) => {
      this.chunks.push(chunk);
      reader.push(chunk);
      changed();
    });
    const finished = (error?: Error) => {
      if (this.#isEnded) return;
      this.#isEnded = true;
      this.#failure = error ?? null;
      reader.end();
      changed();
    };
    this.payload.once('end', () => finished());
    this.payload.once('error', (error) => finished(error));
    return this;
  }

  get failure(): Error | null {
    return this.#failure;
  }

  of<Type extends FragmentEvent['type']>(type: Type): Extract<FragmentEvent, { type: Type }>[] {
    return this.events.filter((event): event is Extract<FragmentEvent, { type: Type }> => event.type === type);
  }

  /** What the errors said, joined. */
  get errorText(): string {
    return this.of('error')
      .map(({ error }) => error.message)
      .join();
  }

  /** Resolves when so many events of the type came; rejects when the response ends before. */
  async waitFor(type: FragmentEvent['type'], count: number): Promise<void> {
    while (this.of(type).length < count) {
      if (this.#isEnded) throw new Error(`the response ended after ${this.of(type).length} of ${count} ${type} events`);
      await this.#change();
    }
  }

  async ended(): Promise<void> {
    while (!this.#isEnded) await this.#change();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#waiting.delete(wake);
        resolve();
      };
      this.#waiting.add(wake);
    });
  }
}

/** A PutMedia request whose every byte the test decides. */
export class RawProducer {
  readonly request: ClientRequest;
  readonly acks: Acknowledgement[] = [];
  readonly response: Promise<IncomingMessage>;
  /** Resolves with the rest of the body when the response is complete, or with null when the connection broke. */
  readonly finished: Promise<string | null>;
  #text = '';
  readonly #waiting = new Set<() => void>();
  #isClosed = false;

  constructor(endpoint: string, streamName: string, headers: Record<string, string>) {
    this.request = httpRequest(`${endpoint}/putMedia`, {
      method: 'POST',
      agent: false,
      headers: {
        authorization: `AWS4-HMAC-SHA256 Credential=local/20261124/${region}/kinesisvideo/aws4_request, SignedHeaders=host, Signature=0`,
        'transfer-encoding': 'chunked',
        'x-amzn-stream-name': streamName,
        'x-amzn-fragment-timecode-type': 'ABSOLUTE',
        ...headers,
      },
    });
    this.request.on('error', () => {});
    this.request.flushHeaders();
    this.response = new Promise((resolve) => {
      this.request.once('response', resolve);
    });
    this.finished = new Promise((resolve) => {
      this.request.once('response', (response) => {
        response.setEncoding('utf8');
        response.on('data', (text: string) => this.#take(text));
        response.once('end', () => resolve(this.#text));
        response.once('error', () => resolve(null));
      });
      this.request.once('close', () => {
        this.#isClosed = true;
        for (const wake of [...this.#waiting]) wake();
        resolve(null);
      });
    });
  }

  write(...parts: Uint8Array[]): void {
    this.request.write(Buffer.concat(parts));
  }

  /** Resolves with the first acknowledgement of this kind beyond the `skip` first ones. */
  async ack(eventType: Acknowledgement['EventType'], skip = 0): Promise<Acknowledgement> {
    for (;;) {
      const ack = this.acks.filter((one) => one.EventType === eventType)[skip];
      if (ack !== undefined) return ack;
      if (this.#isClosed) throw new Error(`no ${eventType}: got ${JSON.stringify(this.acks)} ${this.#text}`);
      await new Promise<void>((resolve) => {
        const wake = () => {
          this.#waiting.delete(wake);
          resolve();
        };
        this.#waiting.add(wake);
      });
    }
  }

  #take(text: string): void {
    this.#text += text;
    for (let end = this.#text.indexOf('\n'); end >= 0; end = this.#text.indexOf('\n')) {
      this.acks.push(JSON.parse(this.#text.slice(0, end)) as Acknowledgement);
      this.#text = this.#text.slice(end + 1);
    }
    for (const wake of [...this.#waiting]) wake();
  }
}

export const rigTrack = {
  number: 1,
  kind: 'video',
  codecId: 'V_MPEG4/ISO/AVC',
  width: 640,
  height: 360,
  codecPrivate: Buffer.from([1, 77, 64, 30, 255, 225, 0, 0]),
} as const;

export const rigHeader = (): Buffer => segmentHeader([rigTrack]);

/** A cluster of frames `frameMs` apart, each `frameBytes` long and told apart by its content. */
export function rigCluster(timecodeMs: number, frames: number, frameMs = 100, frameBytes = 50): Buffer {
  const blocks = Array.from({ length: frames }, (_, index) =>
    simpleBlock(1, index * frameMs, index === 0, rigFrame(timecodeMs, index, frameBytes)),
  );
  return Buffer.concat([openCluster(timecodeMs), ...blocks]);
}

export function rigFrame(timecodeMs: number, index: number, frameBytes = 50): Buffer {
  const text = `frame ${timecodeMs}/${index} `;
  return Buffer.from(text.repeat(Math.ceil(frameBytes / text.length))).subarray(0, frameBytes);
}
