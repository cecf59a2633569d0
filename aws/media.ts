/**
 * Video out of Kinesis Video Streams: GetDataEndpoint (cached per stream) and GetMedia as a stream of bytes.
 * Invariant: an endpoint that failed is asked for anew before the next GetMedia, unless it answered that there were too many
 * calls or connections, when one more call would be one too many; and a stream of bytes that was opened is always closed by
 * its reader, because a stream allows three connections only.
 */
import type { Readable } from 'node:stream';
import { GetDataEndpointCommand } from '@aws-sdk/client-kinesis-video';
import { GetMediaCommand, type StartSelector } from '@aws-sdk/client-kinesis-video-media';
import { KvsInferError } from '../core/errors.ts';
import type { AwsClients } from './clients.ts';
import { awsErrorKind, wrapAwsError } from './error-codes.ts';

/** Where in the stream to begin: at the live edge, or with the fragment after a known one. */
export type MediaStart = { at: 'now' } | { at: 'after'; fragmentNumber: string };

export type MediaBody = {
  chunks: AsyncIterable<Uint8Array>;
  /** Gives the connection back; safe to call twice. */
  close(): void;
};

/** The seam that tests replace: everything the worker needs of Kinesis Video Streams. */
export type MediaSource = {
  /**
   * @throws KvsInferError STREAM_NOT_FOUND, STREAM_ACCESS_DENIED, STREAM_CONNECTION_LIMIT, STREAM_FRAGMENT_GONE,
   * STREAM_UNREACHABLE, or a code of the error table (retryable or not).
   */
  open(streamName: string, start: MediaStart, signal: AbortSignal): Promise<MediaBody>;
};

/** Streams whose endpoint is remembered; a worker watches tens. */
const endpointsMax = 4_096;
/** Public, private (VPC endpoint) and dual-stack names, in every partition that has Kinesis Video Streams. */
const awsHost = /\.(?:amazonaws\.com|amazonaws\.com\.cn|api\.aws|api\.amazonwebservices\.com\.cn)$/;

export function kinesisVideoMedia(clients: AwsClients): MediaSource {
  const endpoints = new Map<string, string>();
  return {
    async open(streamName, start, signal) {
      try {
        const endpoint = endpoints.get(streamName) ?? (await dataEndpoint(clients, streamName, signal));
        if (endpoints.size >= endpointsMax) endpoints.clear();
        endpoints.set(streamName, endpoint);
        const answer = await clients
          .kinesisVideoMedia(endpoint)
          .send(new GetMediaCommand({ StreamName: streamName, StartSelector: startSelector(start) }), {
            abortSignal: signal,
          });
        if (answer.Payload === undefined) {
          throw new KvsInferError('AWS_FAILED', `GetMedia of ${streamName} answered without a body`, {
            hint: 'it is tried again',
            retryable: true,
          });
        }
        const body = answer.Payload as unknown as Readable;
        // An aborted request makes the body emit an error after its reader has gone; nobody else would listen.
        body.on('error', () => {});
        return { chunks: body as AsyncIterable<Uint8Array>, close: () => body.destroy() };
      } catch (error) {
        if (awsErrorKind(error) !== 'throttled') endpoints.delete(streamName);
        throw mediaError(streamName, start, error);
      }
    },
  };
}

async function dataEndpoint(clients: AwsClients, streamName: string, signal: AbortSignal): Promise<string> {
  const answer = await clients.kinesisVideo.send(
    new GetDataEndpointCommand({ StreamName: streamName, APIName: 'GET_MEDIA' }),
    { abortSignal: signal },
  );
  if (answer.DataEndpoint === undefined) {
    throw new KvsInferError('AWS_FAILED', `GetDataEndpoint of ${streamName} answered without an endpoint`, {
      hint: 'it is tried again',
      retryable: true,
    });
  }
  return trustedEndpoint(answer.DataEndpoint, streamName, clients.endpoint);
}

/** Signed calls, with the session token in them, go to AWS, or to the machine that stands for it, and nowhere else. */
function trustedEndpoint(endpoint: string, streamName: string, standIn: string | undefined): string {
  const { protocol, hostname } = URL.canParse(endpoint) ? new URL(endpoint) : { protocol: '', hostname: '' };
  if (protocol === 'https:' && awsHost.test(hostname)) return endpoint;
  if (standIn !== undefined && hostname === new URL(standIn).hostname) return endpoint;
  throw new KvsInferError(
    'AWS_FAILED',
    `GetDataEndpoint of ${streamName} named "${endpoint}", which is no host of AWS`,
    {
      hint: 'check AWS_ENDPOINT_URL and who answers for Kinesis Video Streams; it is tried again',
      retryable: true,
    },
  );
}

function startSelector(start: MediaStart): StartSelector {
  return start.at === 'now'
    ? { StartSelectorType: 'NOW' }
    : { StartSelectorType: 'FRAGMENT_NUMBER', AfterFragmentNumber: start.fragmentNumber };
}

function mediaError(streamName: string, start: MediaStart, error: unknown): KvsInferError {
  if (error instanceof KvsInferError) return error;
  const name = (error as { name?: string } | null)?.name ?? '';
  if (name === 'ConnectionLimitExceededException') {
    return new KvsInferError('STREAM_CONNECTION_LIMIT', `stream ${streamName} has its 3 GetMedia connections in use`, {
      hint: 'stop other readers of this stream; it is tried again',
      retryable: true,
      cause: error,
    });
  }
  if (name === 'InvalidArgumentException' && start.at === 'after') {
    return new KvsInferError(
      'STREAM_FRAGMENT_GONE',
      `stream ${streamName} does not know fragment ${start.fragmentNumber} any more`,
      { hint: 'reading goes on at the live edge; raise the retention to keep more', retryable: true, cause: error },
    );
  }
  const kind = awsErrorKind(error);
  if (kind === 'not-found') {
    return new KvsInferError('STREAM_NOT_FOUND', `stream ${streamName} does not exist in this region`, {
      hint: 'create the stream, correct streamName, or set stream.create on the camera',
      cause: error,
    });
  }
  if (kind === 'access-denied') {
    return new KvsInferError('STREAM_ACCESS_DENIED', `access to stream ${streamName} is denied`, {
      hint: 'allow kinesisvideo:GetDataEndpoint and kinesisvideo:GetMedia on it for the worker role',
      cause: error,
    });
  }
  if (kind === 'unavailable' && !hasAnswer(error)) {
    const cause = error instanceof Error ? error.message : String(error);
    return new KvsInferError('STREAM_UNREACHABLE', `no answer for stream ${streamName}: ${cause}`, {
      hint: 'check DNS, the route or the endpoint for Kinesis Video Streams, and security groups; it is tried again',
      retryable: true,
      cause: error,
    });
  }
  return wrapAwsError(`read stream ${streamName}`, error);
}

/** False: refused, not resolved, timed out or cut off; AWS itself has not said anything. */
function hasAnswer(error: unknown): boolean {
  return (error as { $metadata?: { httpStatusCode?: number } } | null)?.$metadata?.httpStatusCode !== undefined;
}
