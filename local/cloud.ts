/**
 * The embedded local cloud: every AWS service that the product calls, in this process, behind one port on loopback.
 * It exists so that the code under test is the code that is deployed, SDK calls and all, with no AWS account.
 * Invariant: one process per data folder; what starts here is stopped by `close`, in the order that lets nothing wait for
 * what is already gone.
 */
import type { Clock } from '../core/clock.ts';
import { KvsInferError } from '../core/errors.ts';
import { type CloudWatchOptions, type CloudWatchService, createCloudWatchService } from './cloudwatch/service.ts';
import type { ComputeOptions } from './compute/compute-world.ts';
import { type ComputeService, createComputeService } from './compute/service.ts';
import { claimDataFolder } from './data-folder.ts';
import type { DefaultLimits } from './default-limits.ts';
import { createDynamoService, type DynamoService } from './dynamodb/service.ts';
import { createEventsService, type EventsService } from './events/service.ts';
import { createCallerIdentityService } from './http/caller-identity.ts';
import { isDiskFull, tellOfFullDisk } from './http/disk-full.ts';
import { startHttpFront } from './http/front.ts';
import { createKinesisService, type KinesisService } from './kinesis/service.ts';
import {
  createKinesisVideoService,
  type KinesisVideoOptions,
  type KinesisVideoService,
} from './kinesisvideo/service.ts';
import { LambdaHost } from './lambda/host.ts';
import { createS3Service, type S3Service } from './s3/service.ts';
import { type CloudContext, Faults, type HeldStore, type LocalService } from './service.ts';
import { createStageResources, type StageDefinition, type StageResources } from './stage-resources.ts';

export type LocalCloudOptions = {
  /** 4566 by convention; 0 takes any free port. */
  port: number;
  /** Take the next free port when `port` is busy, instead of failing with PORT_BUSY. */
  portSearch: boolean;
  /** Where state is kept between starts, or null for none. */
  dataFolder: string | null;
  /** Wipe what an earlier start left in `dataFolder`. */
  fresh?: boolean;
  clock: Clock;
  region: string;
  accountId: string;
  compute: ComputeOptions;
  kinesisVideo?: KinesisVideoOptions;
  kinesis?: { streamBytesMax?: number };
  cloudWatch?: CloudWatchOptions;
  /** Enforces AWS's default limits per second, and counts against them. */
  limits?: DefaultLimits;
  /** One line per failure that no client is told of; stderr when left out. */
  log?: (line: string) => void;
};

export type LocalCloud = {
  readonly port: number;
  /** What AWS_ENDPOINT_URL must be. */
  readonly endpoint: string;
  readonly context: CloudContext;
  readonly dynamo: DynamoService;
  readonly s3: S3Service;
  readonly kinesis: KinesisService;
  readonly kinesisVideo: KinesisVideoService;
  readonly compute: ComputeService;
  readonly events: EventsService;
  readonly cloudWatch: CloudWatchService;
  readonly lambda: LambdaHost;
  createStageResources(definition: StageDefinition): Promise<StageResources>;
  /** What its stores keep; reads every item of every table. */
  held(): Promise<HeldStore[]>;
  close(): Promise<void>;
};

/** @throws KvsInferError PORT_BUSY, LOCAL_STATE_IN_USE, LOCAL_DISK_FULL */
export async function startLocalCloud(options: LocalCloudOptions): Promise<LocalCloud> {
  const log = options.log ?? ((line: string) => process.stderr.write(`${line}\n`));
  tellOfFullDisk(log);
  // Whatever has started is closed again, newest first, when a later step fails.
  const started: (() => Promise<void> | void)[] = [];
  const start = async <Part>(part: Promise<Part>, close: (part: Part) => Promise<void> | void): Promise<Part> => {
    const running = await part;
    started.push(() => close(running));
    return running;
  };
  let closing: Promise<void> | undefined;
  const closeStarted = async () => {
    for (const close of started.reverse()) {
      try {
        await close();
      } catch (error) {
        log(`kvs-infer local cloud: closing failed: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  };

  try {
    if (options.dataFolder !== null) {
      await start(claimDataFolder(options.dataFolder, options.fresh ?? false), (release) => release());
    }
    const faults = new Faults();
    const { port, portSearch } = options;
    // Deferred services first: they are called by others only once everything is wired.
    const parts: { events?: EventsService; cloudWatch?: CloudWatchService; endpoint: string } = { endpoint: '' };
    const context: CloudContext = {
      clock: options.clock,
      region: options.region,
      accountId: options.accountId,
      dataFolder: options.dataFolder,
      faults,
      ...(options.limits === undefined ? {} : { limits: options.limits }),
      endpoint: () => parts.endpoint,
      emit: (event) => parts.events?.emit(event),
      putMetric: (...datapoint) => parts.cloudWatch?.putMetric(...datapoint),
    };
    const dynamo = await start(createDynamoService(context), (service) => service.close());
    const s3 = await start(createS3Service(context), (service) => service.close());
    const kinesis = await start(createKinesisService(context, options.kinesis), (service) => service.close());
    const front = await start(
      startHttpFront({
        ...{ port, portSearch, faults, log, nowMs: () => options.clock.nowMs() },
        ...(options.limits === undefined ? {} : { limits: options.limits }),
      }),
      (running) => running.close(),
    );
    parts.endpoint = `http://127.0.0.1:${front.port}`;
    const cloudWatch = await start(createCloudWatchService(context, options.cloudWatch), (service) => service.close());
    parts.cloudWatch = cloudWatch;
    const kinesisVideo = await start(createKinesisVideoService(context, options.kinesisVideo), (service) =>
      service.close(),
    );
    const lambda = new LambdaHost({ context, log });
    started.push(() => lambda.close());
    const invoke = (targetArn: string, event: unknown) =>
      lambda.invokeAsync(targetArn.slice(targetArn.lastIndexOf(':') + 1), event);
    const events = await start(createEventsService(context, { invoke }), (service) => service.close());
    parts.events = events;
    const compute = await start(createComputeService(context, options.compute), (service) => service.close());
    const identity = createCallerIdentityService(context);
    const services: LocalService[] = [dynamo, s3, kinesis, cloudWatch, kinesisVideo, events, compute, identity];
    for (const service of services) front.register(service);
    return {
      port: front.port,
      endpoint: parts.endpoint,
      context,
      ...{ dynamo, s3, kinesis, kinesisVideo, compute, events, cloudWatch, lambda },
      createStageResources: (definition) =>
        createStageResources({ dynamo, s3, kinesis, compute }, options.accountId, definition),
      held: async () => (await Promise.all([...services, lambda].map((part) => part.held?.() ?? []))).flat(),
      close() {
        closing ??= closeStarted();
        return closing;
      },
    };
  } catch (error) {
    await closeStarted();
    if (!isDiskFull(error)) throw error;
    throw new KvsInferError('LOCAL_DISK_FULL', `the disk of ${options.dataFolder} is full`, {
      hint: 'make room on it, or choose another data folder',
      cause: error,
    });
  }
}
