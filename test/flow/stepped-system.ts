/**
 * The whole system on a clock that is stepped: local cloud, deployed handlers behind their triggers, real workers as
 * tasks, cameras that send. A test lives through hours in seconds, and everything that an instant begins is finished
 * before the next instant comes.
 * Invariant: nothing here waits for real time to pass; `settle` waits for work, and work that never ends is an error
 * that names it.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { GetRecordsCommand, GetShardIteratorCommand } from '@aws-sdk/client-kinesis';
import { DeleteCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import { readCameraStates } from '../../aws/camera-states.ts';
import { type AwsClients, awsClients } from '../../aws/clients.ts';
import { readDecisions } from '../../aws/decisions.ts';
import { queryAll } from '../../aws/query-pages.ts';
import { createStream } from '../../aws/streams.ts';
import { readWorkers } from '../../aws/workers.ts';
import type { CameraState, FleetPolicy } from '../../core/fleet-state.ts';
import { frameRecordSchema, trackRecordSchema } from '../../core/records.ts';
import { SteppedClock } from '../../local/clock.ts';
import { startLocalCloud } from '../../local/cloud.ts';
import type { AlarmChange } from '../../local/cloudwatch/alarm-watch.ts';
import { inProcessRunner } from '../../local/compute/in-process-runner.ts';
import { type Producer, startProducer } from '../../local/kinesisvideo/producer.ts';
import { startLocalStage } from '../../local/stage.ts';
import { blockModel, encodeModel } from '../../worker/detect/block-model.test-factory.ts';
import { slowClip } from './camera-that-sends.ts';
import { LoopbackTraffic } from './loopback-traffic.ts';
import { SimultaneousClock } from './simultaneous-clock.ts';
import { WorkerTasks } from './worker-tasks.ts';

const region = 'eu-west-1';
const accountId = '123456789012';
const minuteMs = 60_000;
/** A message between two ports or a continuation of an answered request shows within two turns of the event loop. */
const quietTurnsMin = 8;
/** Far more than any instant needs; only something that never ends gets here. */
const turnsMax = 200_000;

export type SteppedSystem = Awaited<ReturnType<typeof startSteppedSystem>>;
export type SystemOptions = {
  /** Local midnight of the day, or whatever else the test begins with; ISO 8601. */
  start: string;
  /** Beside the deployed one: 420 s lead time, 5 min before scale-in, 5 min of grace for a silent camera. */
  policy?: Partial<FleetPolicy>;
  /** Caps what a worker offers. */
  inferencesPerSecond?: number;
};

export async function startSteppedSystem(options: SystemOptions) {
  process.env.AWS_ACCESS_KEY_ID = 'local';
  process.env.AWS_SECRET_ACCESS_KEY = 'local';
  const folder = await mkdtemp(path.join(os.tmpdir(), 'kvs-infer-flow-'));
  await writeFile(path.join(folder, 'default.onnx'), encodeModel(blockModel({ width: 80, height: 48 })));
  const clock = new SteppedClock(Date.parse(options.start));
  const traffic = new LoopbackTraffic();
  const tasks = new WorkerTasks(clock);
  const warnings: string[] = [];
  const alarmChanges: AlarmChange[] = [];
  const cloud = await startLocalCloud({
    ...{ port: 0, portSearch: false, dataFolder: null, clock, region, accountId },
    compute: {
      runner: inProcessRunner(tasks.run),
      // A GPU instance of ours: three and a half minutes to InService, then the ECS agent and the image pull.
      ...{ bootDelayMs: 210_000, registrationDelayMs: 15_000, taskStartDelayMs: 20_000, terminationDelayMs: 30_000 },
      onWarning: (line) => warnings.push(line),
    },
    cloudWatch: { serviceMetricLagMs: 150_000 },
    log: (line) => warnings.push(line),
  });
  const clients = awsClients({ region, endpoint: cloud.endpoint, retryWaitMs: () => 0 });
  const limit = options.inferencesPerSecond;
  const stage = await startLocalStage(cloud, {
    ...{ stage: 'flow', clients, tick: 'rate(1 minute)', logLevel: 'SILENT' },
    policy: { maxWorkers: 4, ...options.policy },
    onAlarm: (change) => alarmChanges.push(change),
    fleet: {
      taskEnvironment: {
        ...{ KVS_INFER_ACCOUNT_ID: accountId, LOG_LEVEL: 'SILENT', HTTP_PORT: '0' },
        ...{ MODELS_FOLDER: folder, CACHE_FOLDER: path.join(folder, 'cache') },
        ...{ WORKER_PROVIDERS: 'cpu', INFERENCE_THREADS: '1', PUBLISH_FRAMES: 'all' },
        ...(limit === undefined ? {} : { INFERENCES_PER_SECOND_LIMIT: String(limit) }),
      },
    },
  });
  const { names, fleet, alarms } = stage;
  const producers = new Map<string, Producer>();
  const camerasClock = new SimultaneousClock(clock);

  const settle = async (): Promise<void> => {
    let reason: string | null = null;
    for (let turn = 0, quiet = 0; quiet < quietTurnsMin; turn += 1) {
      if (turn > turnsMax) throw new Error(`the system does not come to rest: ${reason ?? 'unknown'}`);
      await cloud.compute.settled();
      await cloud.lambda.settled();
      await tasks.settled();
      await new Promise((resolve) => setImmediate(resolve));
      reason = traffic.busy();
      quiet = reason === null ? quiet + 1 : 0;
    }
  };

  const system = {
    clock,
    cloud,
    clients,
    names,
    tasks,
    alarms,
    /** Every alarm that began to ring or ceased to, in order. */
    alarmChanges,
    /** What the local cloud had to complain about. */
    warnings,
    settle,
    /** Where workers look for models. */
    modelsFolder: folder,

    /** Lets time pass; everything that a timer begins is finished before the next one fires. */
    async pass(milliseconds: number) {
      await clock.step(milliseconds, settle);
    },

    /** Hours in which nothing is live: the Scheduler's tick comes once an hour instead of once a minute. */
    async sleepUntil(instant: string) {
      const endMs = Date.parse(instant);
      while (clock.nowMs() < endMs) await clock.sleep(Math.min(3_600_000, endMs - clock.nowMs()), settle);
    },

    async passUntil(instant: string) {
      await system.pass(Date.parse(instant) - clock.nowMs());
    },

    /** Lets time pass in strides until something is so. */
    async passUntilSo(what: string, isSo: () => boolean | Promise<boolean>, limitMs: number, strideMs = 1_000) {
      for (let passedMs = 0; passedMs <= limitMs; passedMs += strideMs) {
        if (await isSo()) return;
        await system.pass(strideMs);
      }
      throw new Error(`not within ${limitMs / 1_000} s of the clock: ${what}`);
    },

    async putRow(row: Record<string, unknown>) {
      await clients.documents.send(new PutCommand({ TableName: names.tables.cameras, Item: row }));
      await settle();
    },

    async removeRow(cameraId: string) {
      await clients.documents.send(new DeleteCommand({ TableName: names.tables.cameras, Key: { cameraId } }));
      await settle();
    },

    async createStream(streamName: string) {
      await createStream(clients, streamName, 24);
    },

    /** The camera sends from now on. */
    send(streamName: string) {
      const known = producers.get(streamName);
      if (known !== undefined) known.resume();
      else {
        const { endpoint } = cloud;
        const clip = slowClip();
        const producer = startProducer({
          ...{ endpoint, region, streamName, clip, clock: camerasClock },
          random: () => 0.5,
        });
        producers.set(streamName, producer);
      }
    },

    async fallSilent(streamName: string) {
      producers.get(streamName)?.pause();
      await settle();
    },

    cameras: (): Promise<CameraState[]> => readCameraStates(clients, names.tables.cameraStates, fleet),
    async camera(cameraId: string): Promise<CameraState> {
      const state = (await system.cameras()).find((other) => other.cameraId === cameraId);
      if (state === undefined) throw new Error(`there is no state of camera ${cameraId}`);
      return state;
    },
    workers: () => readWorkers(clients, names.tables.workers, fleet),
    /** Oldest first. */
    decisions: async () => (await readDecisions(clients, names.tables.decisions, fleet, { limit: 1_000 })).reverse(),
    /** Instances that cost money. */
    instances: () => cloud.compute.listInstances().filter(({ ec2State }) => ec2State !== 'terminated'),
    liveTasks: () => cloud.compute.listTasks().filter(({ lastStatus }) => lastStatus !== 'STOPPED'),
    detectionItems: (cameraId: string) =>
      queryAll(clients, names.tables.detections, { name: 'cameraId', value: cameraId }, 'read the detections'),
    ledger: (cameraId: string) =>
      queryAll(clients, names.tables.ledger, { name: 'cameraId', value: cameraId }, 'read the ledger'),
    snapshots: () => cloud.s3.objects(names.resultBucket, 'snapshots/').map(({ key }) => key),

    /** Everything published since the start, parsed by the published schemas; throws when an id occurs twice. */
    async results() {
      const records = await allRecords(clients, names.resultStream);
      const of = (schema: string) => records.filter((record) => (record as { schema: string }).schema === schema);
      const frames = of('kvs-infer/frame@1').map((record) => frameRecordSchema.parse(record));
      const tracks = of('kvs-infer/track@1').map((record) => trackRecordSchema.parse(record));
      const ids = [...frames, ...tracks].map(({ id }) => id);
      const repeated = ids.filter((id, index) => ids.indexOf(id) !== index);
      if (repeated.length > 0) throw new Error(`published twice: ${repeated.join(', ')}`);
      if (ids.length !== records.length) throw new Error('there are records of an unknown schema');
      return { frames, tracks };
    },

    async close() {
      for (const producer of producers.values()) producer.pause();
      let isOver = false;
      const ending = Promise.allSettled([cloud.compute.stopTasks(), tasks.buryKilled()]).then(() => {
        isOver = true;
      });
      for (let passedMs = 0; !isOver && passedMs < 2 * minuteMs; passedMs += 1_000) await system.pass(1_000);
      await ending;
      clients.destroy();
      await cloud.close();
      traffic.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
  return system;
}

/** The result stream from its very beginning, as a consumer that missed nothing. */
async function allRecords(clients: AwsClients, StreamName: string): Promise<unknown[]> {
  const { ShardIterator } = await clients.kinesis.send(
    new GetShardIteratorCommand({
      StreamName,
      ShardId: 'shardId-000000000000',
      ShardIteratorType: 'TRIM_HORIZON',
    }),
  );
  const records: unknown[] = [];
  for (let iterator = ShardIterator; iterator !== undefined; ) {
    const answer = await clients.kinesis.send(new GetRecordsCommand({ ShardIterator: iterator, Limit: 10_000 }));
    for (const { Data } of answer.Records ?? []) records.push(JSON.parse(Buffer.from(Data ?? []).toString()));
    iterator = answer.MillisBehindLatest === 0 ? undefined : answer.NextShardIterator;
  }
  return records;
}
