/**
 * Puts a worker together: environment and clock in, running worker out. The process entry and the tests start it alike;
 * only the clock and the seams to the outside differ.
 * Invariant: what was started is stopped in the reverse order, also when the start fails half-way.
 */
import { randomUUID } from 'node:crypto';
import os from 'node:os';
import { Registry } from 'prom-client';
import { type AwsClients, awsClients } from '../aws/clients.ts';
import { ecsAgent, type TaskIdentity } from '../aws/ecs-agent.ts';
import { kinesisVideoMedia, type MediaSource } from '../aws/media.ts';
import type { ResultStore } from '../aws/results.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import type { KvsInferError } from '../core/errors.ts';
import { cuvidDecoders } from './decode/codec-device.ts';
import { decodesOnGpu, type WorkerEnvironment } from './environment.ts';
import { DeliveryQueue } from './publish/delivery-queue.ts';
import { type PublishGate, RecordPublisher } from './publish/record-publisher.ts';
import { resultDestination } from './publish/result-destination.ts';
import { CameraSupervisor } from './runtime/camera-supervisor.ts';
import type { FleetMember } from './runtime/fleet-member.ts';
import { GpuWatch } from './runtime/gpu-reading.ts';
import { type Health, startHttpServer, type WorkerHttpServer } from './runtime/http-server.ts';
import { joinFleet } from './runtime/join-fleet.ts';
import { jsonLog, type Log } from './runtime/log.ts';
import { LoopDelay } from './runtime/loop-delay.ts';
import { WorkerMetrics } from './runtime/metrics.ts';
import { type LoadedModel, ModelPool, type ModelPoolSettings } from './runtime/model-pool.ts';
import { OverloadControl } from './runtime/overload-control.ts';
import { TrustedClock } from './runtime/trusted-clock.ts';
import { workerGauges } from './runtime/worker-gauges.ts';
import { workerHealth } from './runtime/worker-health.ts';
import { startDecodeHere, startDecodeThread } from './session/decode-link.ts';
import { readStandaloneCameras, StandaloneSchedule } from './standalone.ts';
import { TextReader } from './text/text-reader.ts';

/** ECS kills 30 s after SIGTERM; what is not done by then is lost, so stop a little earlier. */
const drainTimeoutMs = 25_000;
const defaultModel = 'default';

export type StartWorkerOptions = {
  environment: WorkerEnvironment;
  /** Any other than the machine's clock keeps decoding in this process, so that stepping it moves everything. */
  clock?: Clock;
  /** Uniform in [0, 1); spreads retries. */
  random?: () => number;
  clients?: AwsClients;
  /** Replaces Kinesis Video Streams, and keeps decoding in this process. */
  media?: MediaSource;
  /** Replaces the inference thread of each model. */
  startInference?: ModelPoolSettings['startInference'];
  /** Replaces where results go. */
  store?: Partial<ResultStore>;
  log?: Log;
  registry?: Registry;
  /** A worker id for tests; default: the ECS task id, else host name and process id. */
  workerId?: string;
  /** Standalone mode without a result stream: takes each record as a line. */
  writeRecordLine?: (line: string) => void;
};

export type RunningWorker = {
  workerId: string;
  httpPort: number;
  registry: Registry;
  supervisor: CameraSupervisor;
  health(): Health;
  /** Resolves when every camera has been given back after `stop`, or after the drain flag and `stop`. */
  drained: Promise<void>;
  /** Resolves when a thread that cameras depend on has died: the process should exit with 1. */
  fatal: Promise<KvsInferError>;
  /** Drains, gives everything back and closes; within 30 s of the clock. */
  stop(reason?: string): Promise<void>;
  /** Ends as if the process had been killed: nothing is drained, released or told. For hosts that run workers as functions. */
  abandon(): Promise<void>;
  /** Resolves when nothing that was begun is under way: for stepping the clock. Retries that wait for a timer do not count. */
  settled(): Promise<void>;
};

/** @throws KvsInferError MODEL_* when the default model cannot be used, CAMERA_FILE_*, HTTP_PORT_BUSY */
export async function startWorker(options: StartWorkerOptions): Promise<RunningWorker> {
  const { environment } = options;
  const machine = options.clock ?? systemClock;
  const clock = new TrustedClock(machine, (aheadMs) => {
    if (aheadMs === null) log.info("this machine's clock is right again");
    else log.warn("this machine's clock is wrong: the time of AWS is used instead", { aheadMs });
  });
  const random = options.random ?? Math.random;
  const clients = options.clients ?? awsClients(clientOptions(environment));
  const agent = ecsAgent({
    ...(environment.ecsAgentUri === undefined ? {} : { agentUri: environment.ecsAgentUri }),
    ...(environment.ecsMetadataUri === undefined ? {} : { metadataUri: environment.ecsMetadataUri }),
  });
  const identity: TaskIdentity | null = await agent.identity();
  const workerId =
    options.workerId ?? identity?.taskId ?? `${os.hostname()}-${process.pid}-${randomUUID().slice(0, 4)}`;
  const log = options.log ?? jsonLog((line) => process.stderr.write(line), clock, environment.logLevel, { workerId });
  const startedAtMs = clock.nowMs();

  const gates = new Map<string, number>();
  let member: FleetMember | null = null;
  const gate: PublishGate = (cameraId, epoch) =>
    member?.isFenced() === true ? 'fenced' : gates.get(cameraId) === epoch ? 'open' : 'stale-epoch';
  const store = options.store ?? resultDestination(environment, clients, options.writeRecordLine);
  const metrics = new WorkerMetrics(options.registry ?? new Registry(), () => gauges());
  const publisher = new RecordPublisher({
    putRecords: store.putRecords ?? (async () => []),
    gate,
    clock,
    random,
    onPublished: (stored) => metrics.published(stored, clock.nowMs()),
    onDiscarded: (reason, count) => metrics.records(reason, count),
    onFault: (error) =>
      error === null
        ? log.info('records are stored again')
        : log.warn('records could not be put; they are sent again', { error }),
  });
  const deliveries = new DeliveryQueue({
    gate,
    clock,
    random,
    onDelivered: (kind) => metrics.delivery(kind, 'delivered'),
    onDiscarded: (kind, reason) => metrics.delivery(kind, reason),
    onError: ({ kind, cameraId }, error) => log.warn('a delivery failed', { kind, cameraId, error }),
  });
  const models = new ModelPool({
    modelsFolder: environment.modelsFolder,
    cacheFolder: environment.cacheFolder,
    providers: environment.providers,
    intraOpThreads: environment.inferenceThreads,
    memoryBytesMax: environment.modelMemoryBytes,
    clock,
    onUnloaded: (model, bytes) => log.info('a model that no camera uses was unloaded to make room', { model, bytes }),
    ...(options.startInference === undefined ? {} : { startInference: options.startInference }),
  });
  const text = new TextReader({
    clock,
    onOutcome: (outcome) => metrics.text(outcome),
    onRead: (milliseconds) => metrics.textRead(milliseconds),
    onFault: (error) => log.error('text is not read', { error }),
  });
  const supervisor = new CameraSupervisor(
    {
      clock,
      log,
      metrics,
      models,
      publisher,
      deliveries,
      text,
      onStandbyReady: () => member?.beatNow(),
      results: {
        workerId,
        publishFrames: environment.publishFrames,
        snapshotPrefix: environment.snapshotPrefix,
        resultDays: environment.resultDays,
        nowMs: () => clock.nowMs(),
        store,
      },
    },
    gates,
  );
  let tellFatal: (error: KvsInferError) => void = () => {};
  const fatal = new Promise<KvsInferError>((resolve) => {
    tellFatal = resolve;
  });
  const inProcess = machine !== systemClock || options.media !== undefined;
  const hardware = decodesOnGpu(environment) ? cuvidDecoders : null;
  const hosts = inProcess ? 1 : environment.decodeThreads;
  for (let host = 0; host < hosts; host += 1) {
    const ports = { message: supervisor.message.bind(supervisor, host), died: tellFatal };
    supervisor.addLink(
      inProcess
        ? startDecodeHere({ media: options.media ?? kinesisVideoMedia(clients), clock, random, hardware }, ports)
        : startDecodeThread({ ...clientOptions(environment), hardware }, ports),
    );
  }

  const overload = new OverloadControl(clock, () => supervisor.runs(), models.load);
  overload.start();
  const loopDelay = new LoopDelay(clock);
  let main: LoadedModel | null = null;
  let gpu: GpuWatch | null = null;
  const health = () => workerHealth({ environment, workerId, member, main, models, supervisor, publisher });
  const gauges = () =>
    workerGauges({
      ...{ supervisor, models, publisher, deliveries, overload, text },
      mainLoopDelayP99Ms: loopDelay.p99Ms,
      gpu: gpu?.reading ?? null,
      isFenced: member?.isFenced() ?? false,
    });

  let http: WorkerHttpServer | null = null;
  let standalone: StandaloneSchedule | null = null;
  const closeAll = async (end: 'told' | 'untold' = 'told') => {
    loopDelay.stop();
    overload.stop();
    gpu?.stop();
    if (end === 'told') await member?.close();
    else {
      member?.abandon();
      // Nothing may leave any more, also not what is under way to the publisher.
      gates.clear();
      publisher.gateChanged();
    }
    await supervisor.close();
    publisher.close();
    deliveries.close();
    await models.close();
    await text.close();
    await http?.close();
    if (options.clients === undefined) clients.destroy();
  };

  try {
    http = await startHttpServer({ ...environment.http, health, registry: metrics.registry });
    if (environment.control !== null) {
      member = joinFleet(environment.control, {
        ...{ environment, clients, clock, log, supervisor, agent, identity, workerId, startedAtMs },
        mainModel: () => main,
        ...{ publisher, deliveries },
        onHeartbeat: (outcome) => metrics.heartbeat(outcome),
        onServerTime: (serverMs) => clock.hear(serverMs),
        onFenced: () => publisher.gateChanged(),
      });
      member.start();
    }
    const cameras =
      environment.configFile === undefined ? null : await readStandaloneCameras(environment.configFile, log);
    main = await models.use(defaultModel, 'worker');
    reportModel(main);
    if (main.client.provider === 'cuda') {
      gpu = new GpuWatch(clock, (reason) => log.warn('the GPU cannot be read; its metrics are missing', { reason }));
    }
    member?.ready();
    if (cameras !== null) {
      standalone = new StandaloneSchedule(cameras, supervisor, clock);
      standalone.start();
    }
  } catch (error) {
    await closeAll();
    throw error;
  }

  function reportModel({ client }: LoadedModel): void {
    const { provider, model } = client;
    for (const failure of client.providerFailures) log.error('a provider could not be had', { ...failure });
    if (provider === 'cuda' && client.halfPrecisionRefused !== null) {
      log.warn('the GPU runs the model in full precision', { model: model.name, reason: client.halfPrecisionRefused });
    }
    const inferencesPerSecond = client.measuredInferencesPerSecond;
    log.info('ready', { provider, model: model.name, precision: model.precision, inferencesPerSecond });
  }

  const isLoading = () => supervisor.versions.isBusy || models.isBusy;
  let stopping: Promise<void> | null = null;
  let tellDrained = () => {};
  const drained = new Promise<void>((resolve) => {
    tellDrained = resolve;
  });
  const stop = async (reason: string) => {
    const timedOut = new Promise<'timed-out'>((resolve) => {
      clock.setTimer(drainTimeoutMs, () => resolve('timed-out'));
    });
    const outcome = await Promise.race([member?.drain(reason) ?? standalone?.drain(), timedOut]);
    if (outcome === 'timed-out') log.error('draining took too long; what is left is given up');
    else tellDrained();
    await closeAll();
  };
  return {
    workerId,
    httpPort: http.port,
    registry: metrics.registry,
    supervisor,
    health,
    drained,
    fatal,
    stop: (reason = 'asked to stop') => {
      stopping ??= stop(reason);
      return stopping;
    },
    abandon: () => {
      stopping ??= closeAll('untold');
      return stopping;
    },
    async settled() {
      do {
        await member?.settled();
        await standalone?.settled();
        // Waited for, because asking in every turn would take the processor from the very threads that are to answer.
        await Promise.all([models.settled(), text.threadSettled(), deliveries.settled()]);
        await new Promise((resolve) => setImmediate(resolve));
      } while (isLoading() || text.isBusy || publisher.isSending || deliveries.isSending);
    },
  };
}

function clientOptions({ region, endpoint }: WorkerEnvironment): { region: string; endpoint?: string } {
  return { region, ...(endpoint === undefined ? {} : { endpoint }) };
}
