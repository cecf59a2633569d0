/**
 * Kinesis Video Streams of the local cloud: control plane, PutMedia, GetMedia and ListFragments behind one scope, with
 * the real limits on connections, rates, sizes and ages. Media lives in memory; streams live in the data folder.
 * Invariant: the only state outside the registry is who is connected now.
 */
import type { ServerResponse } from 'node:http';
import { AwsError } from '../http/aws-error.ts';
import { sendJson } from '../http/respond.ts';
import type { CloudContext, HeldStore, LocalRequest, LocalService } from '../service.ts';
import { listFragments } from './list-fragments.ts';
import { MediaFaults } from './media-faults.ts';
import { MediaSession } from './media-session.ts';
import { PutMediaConnection, putMediaStreamOf } from './put-media.ts';
import { type KinesisVideoLimits, kinesisVideoLimits, RateLimiter } from './service-limits.ts';
import { parseStartSelector, startPosition } from './start-selector.ts';
import { type ControlPlane, controlOperations } from './stream-control.ts';
import { retentionMsOf, type Stream, StreamRegistry } from './stream-registry.ts';

export type KinesisVideoOptions = {
  /** How long a GetMedia session lasts; drawn between these, as AWS's 40 to 45 minutes. */
  sessionDurationMs?: { min: number; max: number };
  /** After how long without media a GetMedia session ends. */
  silenceEndsSessionMs?: number;
  /** Media held per stream, whatever its retention. */
  streamBytesMax?: number;
  limits?: Partial<KinesisVideoLimits>;
  /** 0…1, for the length of sessions. */
  random?: () => number;
};

export type StreamState = {
  streamName: string;
  producerConnected: boolean;
  sessions: { startedAtMs: number; fragmentsSent: number; unsentBytes: number }[];
  bufferedBytes: number;
  fragmentsEvicted: number;
  /** Clock time of the last media, or null. */
  lastMediaAtMs: number | null;
};

export type KinesisVideoService = LocalService & {
  /** What every stream is doing now, in the order of their names. */
  states(): StreamState[];
  readonly mediaFaults: MediaFaults;
};

const SESSION_DURATION_MS = { min: 40 * 60_000, max: 45 * 60_000 };
const SILENCE_ENDS_SESSION_MS = 10_000;
/** Eight minutes of a 1 Mbit/s camera; six cameras stay below 400 MB. */
const STREAM_BYTES_MAX = 64 * 1024 * 1024;
const JSON_BODY_BYTES_MAX = 1024 * 1024;

export async function createKinesisVideoService(
  context: CloudContext,
  options: KinesisVideoOptions = {},
): Promise<KinesisVideoService> {
  const limits: KinesisVideoLimits = { ...kinesisVideoLimits, ...options.limits };
  const streamBytesMax = options.streamBytesMax ?? STREAM_BYTES_MAX;
  const registry = await StreamRegistry.open(context, streamBytesMax);
  const rates = new RateLimiter(context.clock);
  const producers = new Map<string, PutMediaConnection>();
  const sessions = new Map<string, Set<MediaSession>>();
  const mediaFaults = new MediaFaults(producers, sessions);
  const running = new Set<Promise<void>>();

  const plane: ControlPlane = {
    registry,
    limits,
    rates,
    context,
    disconnect: (streamName) => {
      mediaFaults.dropProducer(streamName);
      mediaFaults.endSessions(streamName);
    },
  };

  function held(): HeldStore[] {
    const media = registry.all().map((stream) => stream.media);
    const sum = (of: (store: (typeof media)[number]) => number) => media.reduce((total, store) => total + of(store), 0);
    const bound = `${streamBytesMax} bytes a stream, and its retention`;
    return [{ store: 'video: fragments', items: sum(({ size }) => size), bytes: sum(({ bytes }) => bytes), bound }];
  }

  async function handle(request: LocalRequest, response: ServerResponse): Promise<void> {
    const path = request.path.toLowerCase();
    if (request.method !== 'POST') throw new AwsError(404, 'UnknownOperationException', `${request.method} ${path}`);
    if (path === '/putmedia') return putMedia(request, response);
    const input = parseJson(await request.body(JSON_BODY_BYTES_MAX));
    if (path === '/getmedia') return getMedia(input, response);
    if (path === '/listfragments') {
      const stream = registry.require(input.StreamName, input.StreamARN);
      spend(`ListFragments:${stream.definition.streamName}`, limits.listFragmentsPerSecond);
      return sendJson(response, listFragments(stream, input, limits.hostBufferMs));
    }
    const operation = controlOperations.get(path);
    if (operation === undefined) {
      throw new AwsError(501, 'NotImplemented', `The local cloud has no Kinesis Video operation at ${request.path}.`);
    }
    sendJson(response, await operation(plane, input));
  }

  async function putMedia(request: LocalRequest, response: ServerResponse): Promise<void> {
    const { name, arn } = putMediaStreamOf(request);
    const stream = registry.require(name, arn);
    const { streamName } = stream.definition;
    spend(`PutMedia:${streamName}`, limits.putMediaPerSecond);
    if (producers.has(streamName)) throw tooManyConnections(streamName, limits.putMediaConnections);
    const connection = new PutMediaConnection(request, response, stream, context, limits);
    producers.set(streamName, connection);
    try {
      await track(connection.run());
    } finally {
      // A connection that ended frees its own place only: a later one may already hold it.
      if (producers.get(streamName) === connection) producers.delete(streamName);
    }
  }

  async function getMedia(input: Record<string, unknown>, response: ServerResponse): Promise<void> {
    const stream = registry.require(input.StreamName, input.StreamARN);
    const { streamName } = stream.definition;
    const selector = parseStartSelector(input.StartSelector);
    spend(`GetMedia:${streamName}`, limits.getMediaPerSecond);
    const ofStream = sessions.get(streamName) ?? new Set();
    if (ofStream.size >= limits.getMediaConnections) throw tooManyConnections(streamName, limits.getMediaConnections);
    const session = newSession(stream, response);
    sessions.set(streamName, ofStream.add(session));
    response.once('close', () => ofStream.delete(session));
    await track(session.run(startPosition(selector, stream.media, retentionOf(stream))));
    ofStream.delete(session);
  }

  function newSession(stream: Stream, response: ServerResponse): MediaSession {
    const { streamName } = stream.definition;
    const { min, max } = options.sessionDurationMs ?? SESSION_DURATION_MS;
    return new MediaSession({
      clock: context.clock,
      store: stream.media,
      response,
      durationMs: min + (max - min) * (options.random ?? Math.random)(),
      silenceMs: options.silenceEndsSessionMs ?? SILENCE_ENDS_SESSION_MS,
      transform: (bytes) => mediaFaults.damage(streamName, bytes),
      onFragmentSent: (fragment, millisBehindNow) => {
        const dimensions = { StreamName: streamName };
        context.putMetric('AWS/KinesisVideo', 'GetMedia.OutgoingFragments', dimensions, 1);
        context.putMetric('AWS/KinesisVideo', 'GetMedia.OutgoingBytes', dimensions, fragment.bytes);
        context.putMetric('AWS/KinesisVideo', 'GetMedia.MillisBehindNow', dimensions, millisBehindNow);
      },
    });
  }

  function retentionOf(stream: Stream): number {
    return retentionMsOf(stream.definition, limits.hostBufferMs);
  }

  function spend(key: string, perSecond: number): void {
    if (rates.take(key, perSecond)) return;
    throw new AwsError(400, 'ClientLimitExceededException', `Rate exceeded: ${key}, ${perSecond} per second.`);
  }

  async function track(work: Promise<void>): Promise<void> {
    running.add(work);
    await work.finally(() => running.delete(work));
  }

  return {
    scopes: ['kinesisvideo'],
    handle,
    mediaFaults,
    held,
    states: () =>
      registry.all().map(({ definition: { streamName }, media }) => ({
        streamName,
        producerConnected: producers.has(streamName),
        sessions: [...(sessions.get(streamName) ?? [])].map(({ startedAtMs, fragmentsSent, unsentBytes }) => ({
          startedAtMs,
          fragmentsSent,
          unsentBytes,
        })),
        bufferedBytes: media.bytes,
        fragmentsEvicted: media.evicted,
        lastMediaAtMs: media.lastArrivalMs,
      })),
    async close() {
      for (const streamName of producers.keys()) mediaFaults.dropProducer(streamName);
      for (const streamName of sessions.keys()) mediaFaults.endSessions(streamName);
      await Promise.all(running);
      await registry.settled();
    },
  };
}

function parseJson(body: Buffer): Record<string, unknown> {
  if (body.length === 0) return {};
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8'));
  } catch {
    throw new AwsError(400, 'InvalidArgumentException', 'The request body is not JSON.');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new AwsError(400, 'InvalidArgumentException', 'The request body must be a JSON object.');
  }
  return value as Record<string, unknown>;
}

function tooManyConnections(streamName: string, max: number): AwsError {
  const message = `The stream ${streamName} has reached its limit of ${max} connections.`;
  return new AwsError(400, 'ConnectionLimitExceededException', message);
}
