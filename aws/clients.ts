/**
 * One place where AWS SDK clients are made, each on first use: region, optional endpoint (the local cloud), time limits
 * and retries are the same for all of them, and a Lambda that needs two clients does not pay for ten.
 * Invariants: no error of a client tells a token (aws/secrets-in-errors.ts); no client waits without a limit; media
 * connections are the exception, because they stream for up to 45 minutes, and their reader bounds the waiting itself.
 */
import { AutoScalingClient } from '@aws-sdk/client-auto-scaling';
import { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { EC2Client } from '@aws-sdk/client-ec2';
import { ECSClient } from '@aws-sdk/client-ecs';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { KinesisClient } from '@aws-sdk/client-kinesis';
import { KinesisVideoClient } from '@aws-sdk/client-kinesis-video';
import { KinesisVideoMediaClient } from '@aws-sdk/client-kinesis-video-media';
import { S3Client } from '@aws-sdk/client-s3';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { StandardRetryStrategy } from '@smithy/core/retry';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { tellingNoSecrets } from './secrets-in-errors.ts';

/** A TCP connection inside one region is made in milliseconds; two seconds mean that the host is gone. */
const connectionTimeoutMs = 2_000;
/** Control calls answer in well under a second; a worker's lease is 15 s, so one call and one retry must fit in it. */
const requestTimeoutMs = 6_000;
/** Attempts per call, first one included (the SDK backs off with jitter in between). */
const attemptsMax = 3;
/** One worker watches tens of cameras, each on a socket of its own for up to 45 minutes. */
const mediaSocketsMax = 512;
/** Data endpoints per account are few; the bound only guards against an endless list of local ones. */
const mediaClientsMax = 64;

export type AwsClientOptions = {
  region: string;
  /** Base URL of the local cloud. Absent: AWS itself (or AWS_ENDPOINT_URL, which every SDK client honours). */
  endpoint?: string;
  /** How long a call waits before its next attempt. Absent: the SDK's own back-off, real seconds that no clock steps. */
  retryWaitMs?: () => number;
};

export type AwsClients = {
  readonly region: string;
  /** That of the local cloud; absent in AWS. */
  readonly endpoint: string | undefined;
  readonly dynamo: DynamoDBClient;
  /** DynamoDB in plain JavaScript values; undefined attributes are left out. */
  readonly documents: DynamoDBDocumentClient;
  readonly autoScaling: AutoScalingClient;
  readonly ec2: EC2Client;
  readonly ecs: ECSClient;
  readonly cloudWatch: CloudWatchClient;
  readonly eventBridge: EventBridgeClient;
  readonly kinesis: KinesisClient;
  readonly kinesisVideo: KinesisVideoClient;
  readonly s3: S3Client;
  /** @param dataEndpoint what GetDataEndpoint answered for GET_MEDIA. Clients are shared per endpoint. */
  kinesisVideoMedia(dataEndpoint: string): KinesisVideoMediaClient;
  /** Closes every client that was made. */
  destroy(): void;
};

export function awsClients(options: AwsClientOptions): AwsClients {
  const made = new Map<string, { destroy(): void }>();
  const media = new Map<string, KinesisVideoMediaClient>();
  const { retryWaitMs } = options;
  const base = (maxAttempts = attemptsMax) => ({
    region: options.region,
    maxAttempts,
    ...(retryWaitMs === undefined ? {} : { retryStrategy: retriesAfter(retryWaitMs, maxAttempts) }),
    requestHandler: new NodeHttpHandler({
      connectionTimeout: connectionTimeoutMs,
      requestTimeout: requestTimeoutMs,
      throwOnRequestTimeout: true,
    }),
    ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
  });
  const once = <Client extends { destroy(): void }>(name: string, make: () => Client): Client => {
    const known = made.get(name);
    if (known !== undefined) return known as Client;
    const client = make();
    if ('middlewareStack' in client) tellingNoSecrets(client as never);
    made.set(name, client);
    return client;
  };
  const dynamo = () => once('dynamo', () => new DynamoDBClient(base()));
  return {
    region: options.region,
    endpoint: options.endpoint,
    get dynamo() {
      return dynamo();
    },
    get documents() {
      return once('documents', () =>
        DynamoDBDocumentClient.from(dynamo(), {
          marshallOptions: { removeUndefinedValues: true },
        }),
      );
    },
    get autoScaling() {
      return once('autoScaling', () => new AutoScalingClient(base()));
    },
    get ec2() {
      return once('ec2', () => new EC2Client(base()));
    },
    get ecs() {
      return once('ecs', () => new ECSClient(base()));
    },
    get cloudWatch() {
      return once('cloudWatch', () => new CloudWatchClient(base()));
    },
    get eventBridge() {
      return once('eventBridge', () => new EventBridgeClient(base()));
    },
    get kinesis() {
      // The Kinesis client speaks HTTP/2 by default; the handler in `base` keeps it on HTTP/1.1 like all others.
      // One attempt: the publisher tries again itself, and asks before each whether its camera may still publish.
      return once('kinesis', () => new KinesisClient(base(1)));
    },
    get kinesisVideo() {
      return once('kinesisVideo', () => new KinesisVideoClient(base()));
    },
    get s3() {
      // Bucket names as host names do not resolve on a loopback endpoint.
      return once('s3', () => new S3Client({ ...base(), forcePathStyle: options.endpoint !== undefined }));
    },
    kinesisVideoMedia(dataEndpoint) {
      const known = media.get(dataEndpoint);
      if (known !== undefined) return known;
      const oldest = media.keys().next().value;
      if (media.size >= mediaClientsMax && oldest !== undefined) media.delete(oldest);
      const client = tellingNoSecrets(
        new KinesisVideoMediaClient({
          region: options.region,
          endpoint: dataEndpoint,
          // The session retries itself, with its own pacing for the 5 calls a second that a stream allows.
          maxAttempts: 1,
          requestHandler: new NodeHttpHandler({
            connectionTimeout: connectionTimeoutMs,
            httpAgent: { maxSockets: mediaSocketsMax },
            httpsAgent: { maxSockets: mediaSocketsMax },
          }),
        }),
      );
      media.set(dataEndpoint, client);
      return client;
    },
    destroy() {
      for (const client of [...media.values(), ...made.values()]) client.destroy();
      media.clear();
      made.clear();
    },
  };
}

function retriesAfter(waitMs: () => number, maxAttempts: number): StandardRetryStrategy {
  return new StandardRetryStrategy({ maxAttempts, backoff: { setDelayBase() {}, computeNextBackoffDelay: waitMs } });
}
