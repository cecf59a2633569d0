/**
 * The whole system in real time: local cloud, deployed handlers behind their triggers, workers as child processes, cameras
 * that send one frame a second. Spare capacity is part of it: three workers, two of which could carry all cameras.
 * Invariant: `close` leaves no process, timer or folder behind.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { putCameraRow } from '../../aws/camera-registry.ts';
import { createStream } from '../../aws/streams.ts';
import { systemClock } from '../../core/clock.ts';
import type { Decision } from '../../core/control/record.ts';
import { fleetResourceNames } from '../../core/names.ts';
import { alarmPrefix } from '../../core/views/alarm-view.ts';
import { startLocalCloud } from '../../local/cloud.ts';
import type { AlarmChange } from '../../local/cloudwatch/alarm-watch.ts';
import { type Producer, startProducer } from '../../local/kinesisvideo/producer.ts';
import { startLocalStage } from '../../local/stage.ts';
import { blockModel, encodeModel } from '../../worker/detect/block-model.test-factory.ts';
import { cameraRow, slowClip } from '../flow/camera-that-sends.ts';
import { ControlProcess, namedClients } from './control-process.ts';
import { collectsEveryMs } from './own-heap.ts';
import { WorkerProcesses } from './worker-processes.ts';

const region = 'eu-west-1';
const accountId = '123456789012';
export const workersUsual = 3;
export const workersMax = 5;
/** One frame a second each; of eight, three quarters are used: six cameras a worker. */
const inferencesPerSecond = 8;
const serviceMetricLagMs = 3_000;

export const chaosPolicy = {
  ...{ minWorkers: workersUsual, maxWorkers: workersMax, leadTimeDefaultMs: 5_000, scaleInDelayMs: 10_000 },
  ...{ silentGraceMs: 30_000, reconcileIntervalMs: 5_000 },
};

/** How the clock of control's machines is wrong; nobody else's. */
export type ControlSkew = { controlAheadMs: number; controlFrozenAtMs: number | null };
export type ChaosWorld = Awaited<ReturnType<typeof startChaosWorld>>;

/** Stores this small are full within minutes, so that what still grows after them is held by mistake. */
const smallStores = {
  kinesis: { streamBytesMax: 1024 * 1024 },
  cloudWatch: { serviceMetricLagMs, retentionMs: 3 * 60_000 },
  kinesisVideo: { streamBytesMax: 64 * 1024 },
};
const usualStores = {
  cloudWatch: { serviceMetricLagMs },
  kinesisVideo: { streamBytesMax: 4 * 1024 * 1024 },
};

/** @param options.isSoak nothing will be broken: the local cloud keeps minutes instead of hours, and workers collect their garbage regularly. */
export async function startChaosWorld(options: {
  cameras: number;
  isSoak?: boolean;
  onDecision: (decision: Decision) => void;
}) {
  const isSoak = options.isSoak === true;
  const folder = await mkdtemp(path.join(os.tmpdir(), 'kvs-infer-chaos-'));
  await writeFile(path.join(folder, 'default.onnx'), encodeModel(blockModel({ width: 80, height: 48 })));
  const cacheFolder = path.join(folder, 'cache');
  const workers = new WorkerProcesses(folder, isSoak ? { collectsEveryMs } : null);
  const warnings: string[] = [];
  const alarmChanges: AlarmChange[] = [];
  const skew: ControlSkew = { controlAheadMs: 0, controlFrozenAtMs: null };
  const cloud = await startLocalCloud({
    ...{ port: 0, portSearch: false, dataFolder: null, clock: systemClock, region, accountId },
    compute: {
      runner: workers.runner,
      ...{ bootDelayMs: 2_000, registrationDelayMs: 300, taskStartDelayMs: 100, terminationDelayMs: 500 },
      ...{ launchRetryMs: 5_000, spotNoticeMs: 30_000 },
      onWarning: (line) => warnings.push(line),
    },
    ...(isSoak ? smallStores : usualStores),
    log: (line) => warnings.push(line),
  });
  const control = new ControlProcess(region, cloud.endpoint);
  control.attach(cloud.lambda);
  const clients = namedClients({ region, endpoint: cloud.endpoint }, 'witness');
  const controlClock = {
    ...systemClock,
    nowMs: () => skew.controlFrozenAtMs ?? systemClock.nowMs() + skew.controlAheadMs,
  };
  const stage = await startLocalStage(
    { ...cloud, context: { ...cloud.context, clock: controlClock } },
    {
      ...{ stage: 'chaos', clients: control.clients, tick: 'rate(5 seconds)', activityPeriodSeconds: 5 },
      ...{ logLevel: 'SILENT', policy: chaosPolicy, onDecision: options.onDecision },
      onAlarm: (change) => alarmChanges.push(change),
      fleet: {
        taskEnvironment: {
          ...{ KVS_INFER_ACCOUNT_ID: accountId, LOG_LEVEL: 'WARN', PUBLISH_FRAMES: 'all' },
          ...{ MODELS_FOLDER: folder, CACHE_FOLDER: cacheFolder },
          ...{ WORKER_PROVIDERS: 'cpu', INFERENCE_THREADS: '1' },
          INFERENCES_PER_SECOND_LIMIT: String(inferencesPerSecond),
        },
      },
    },
  );
  const { names, fleet } = stage;
  const producers = new Map<string, Producer>();
  const liveTasks = () => cloud.compute.listTasks().filter(({ lastStatus }) => lastStatus === 'RUNNING');
  const world = {
    ...{ cloud, clients, control, workers, names, fleet, cacheFolder, warnings, alarmChanges, skew, producers },
    liveTasks,
    modelsFolder: folder,
    alarmPrefix: alarmPrefix('chaos'),
    group: fleetResourceNames('chaos', fleet).autoScalingGroup,
    service: fleetResourceNames('chaos', fleet).service,
    cameraIds: [] as string[],
    addedAtMs: new Map<string, number>(),
    /** Every row that was ever put, by camera. */
    rows: new Map<string, Record<string, unknown>>(),

    async putRow(row: Record<string, unknown>) {
      await putCameraRow(clients, names.tables.cameras, row);
      world.rows.set(String(row.cameraId), row);
    },

    /** A camera that sends, and its row. */
    async addCamera(cameraId: string) {
      await createStream(clients, cameraId, 1);
      const { endpoint } = cloud;
      const sends = { endpoint, region, streamName: cameraId, clip: slowClip(), clock: systemClock };
      producers.set(cameraId, startProducer({ ...sends, accessKeyId: 'camera' }));
      world.cameraIds.push(cameraId);
      world.addedAtMs.set(cameraId, systemClock.nowMs());
      await world.putRow(cameraRow(cameraId));
    },

    async close() {
      await Promise.all([...producers.values()].map((producer) => producer.stop()));
      const timeUp = pause(10_000);
      await Promise.race([cloud.compute.stopTasks(), timeUp]);
      clients.destroy();
      control.clients.destroy();
      await cloud.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
  try {
    for (let index = 1; index <= options.cameras; index += 1) await world.addCamera(`camera-${index}`);
  } catch (error) {
    await world.close();
    throw error;
  }
  return world;
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => systemClock.setTimer(ms, resolve));
}
