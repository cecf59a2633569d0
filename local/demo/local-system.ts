/**
 * The whole system on this machine: local cloud, stage, worker tasks as child processes, feeds, camera rows. It exists for
 * `npm start`; everything in it is the deployed code against the local endpoint.
 * Invariant: `close` leaves no process, timer or connection behind, also when starting failed half way.
 */
import { createWriteStream, type WriteStream } from 'node:fs';
import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { putCameraRow } from '../../aws/camera-registry.ts';
import { type AwsClients, awsClients } from '../../aws/clients.ts';
import { createStream } from '../../aws/streams.ts';
import { systemClock } from '../../core/clock.ts';
import type { Decision } from '../../core/control/record.ts';
import { KvsInferError } from '../../core/errors.ts';
import { siteFolder } from '../../web/build-site.ts';
import { readCatalogue, writeCatalogue } from '../../worker/detect/model-catalogue.ts';
import { type LocalCloud, startLocalCloud } from '../cloud.ts';
import { processRunner } from '../compute/process-runner.ts';
import { type DashboardServer, startDashboardServer } from '../http/dashboard-server.ts';
import { isDiskFull } from '../http/disk-full.ts';
import { type LocalStage, startLocalStage } from '../stage.ts';
import { countApiAnswer } from '../stage-alarms.ts';
import { SceneFeeds } from './scene-feeds.ts';
import {
  activityPeriodSeconds,
  computeTimings,
  defaultDashboardPort,
  defaultPort,
  localAccountId,
  localRegion,
  localStageName,
  policy,
  serviceMetricLagMs,
  tick,
} from './settings.ts';

/** A person who pressed Ctrl-C waits no longer than this for an orderly end. */
const WORKER_STOP_MAX_MS = 5_000;
const retentionHours = 1;
/** A minute or more of each camera: enough to resume from a checkpoint, and eight of them stay small. */
const streamBytesMax = 16 * 1024 * 1024;
const repositoryRoot = fileURLToPath(new URL('../../', import.meta.url));
/** The SDK signs every call; the local cloud does not verify signatures. */
const credentials = { AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local' };

export type LocalSystemOptions = {
  /** `.local/`: state, models, logs and caches. */
  folder: string;
  /** Null: the usual port, or the next free one. */
  port: number | null;
  fresh: boolean;
  /** ONNX file that becomes the model "default". */
  modelPath: string;
  /** Caps what a worker offers; null: what it measures. */
  inferencesPerSecondLimit: number | null;
  onDecision: (decision: Decision) => void;
  /** One line that the user should see. */
  onWarning: (line: string) => void;
};

export type LocalSystem = {
  cloud: LocalCloud;
  stage: LocalStage;
  clients: AwsClients;
  dashboard: DashboardServer;
  feeds: SceneFeeds;
  logPath: string;
  /** What the local cloud lost for want of room. */
  faults: readonly string[];
  /** Makes the KVS stream unless it exists. */
  createStream(streamName: string): Promise<void>;
  putRow(row: Record<string, unknown>): Promise<void>;
  /** SIGTERM to every worker: each flushes what it has and gives its cameras back; the slow are left to `close`. */
  stopWorkers(): Promise<void>;
  close(): Promise<void>;
};

/** @throws KvsInferError PORT_BUSY, LOCAL_STATE_IN_USE, DISK_FULL */
export async function startLocalSystem(options: LocalSystemOptions): Promise<LocalSystem> {
  // Before any client is made: nothing here may sign with a person's real keys.
  Object.assign(process.env, credentials, { AWS_REGION: localRegion });
  const folders = {
    state: join(options.folder, 'state'),
    models: join(options.folder, 'models'),
    cache: join(options.folder, 'cache'),
  };
  await Promise.all([folders.models, folders.cache].map((folder) => mkdir(folder, { recursive: true })));
  await placeModel(options.modelPath, folders.models);
  const logPath = join(options.folder, 'system.log');
  const log = openLog(logPath);
  const faults: string[] = [];
  const warn = (line: string) => {
    if (line.includes('LOCAL_DISK_FULL')) faults.push(line);
    log.write(`${line}\n`);
    options.onWarning(line);
  };
  const cloud = await startLocalCloud({
    port: options.port ?? defaultPort,
    portSearch: options.port === null,
    dataFolder: folders.state,
    fresh: options.fresh,
    clock: systemClock,
    region: localRegion,
    accountId: localAccountId,
    cloudWatch: { serviceMetricLagMs },
    kinesisVideo: { streamBytesMax },
    compute: {
      ...computeTimings,
      runner: processRunner({
        cwd: repositoryRoot,
        onLog: (taskId, line) => {
          log.write(`worker ${taskId}: ${line}\n`);
          // How a worker says why it ended.
          if (line.startsWith('kvs-infer: ')) options.onWarning(`worker ${taskId.slice(0, 6)}: ${line}`);
        },
      }),
      taskEnvironment: credentials,
      onWarning: warn,
    },
    log: warn,
  });
  const clients = awsClients({ region: localRegion, endpoint: cloud.endpoint });
  const feeds = new SceneFeeds(cloud, systemClock);
  let dashboard: DashboardServer | null = null;
  const close = async () => {
    await dashboard?.close();
    await feeds.stop();
    clients.destroy();
    await cloud.close();
    await log.end();
  };
  try {
    const stage = await startLocalStage(cloud, {
      stage: localStageName,
      clients,
      policy: {
        ...policy,
        ...(options.inferencesPerSecondLimit === null
          ? {}
          : { defaultInferencesPerSecond: options.inferencesPerSecondLimit }),
      },
      tick,
      activityPeriodSeconds,
      logLevel: 'SILENT',
      onDecision: options.onDecision,
      onAlarm: ({ alarm, from, to, meaning, atMs }) =>
        log.write(`${new Date(atMs).toISOString()} alarm ${alarm}: ${from} to ${to}: ${meaning}\n`),
      fleet: { taskEnvironment: workerEnvironment(options, folders, cloud) },
    });
    dashboard = await startDashboardServer({
      ...{ deps: stage.deps, siteFolder },
      ...{ port: defaultDashboardPort, portSearch: true },
      onApiAnswer: (status) => countApiAnswer(cloud, localStageName, status),
    });
    const putRow = (row: Record<string, unknown>) => putCameraRow(clients, stage.names.tables.cameras, row);
    return {
      ...{ cloud, stage, clients, dashboard, feeds, logPath, faults, putRow, close },
      stopWorkers: () => Promise.race([cloud.compute.stopTasks(), pause(WORKER_STOP_MAX_MS)]),
      async createStream(streamName) {
        await createStream(clients, streamName, retentionHours);
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The model of this run is "default", whatever was added under that name before. */
async function placeModel(from: string, folder: string): Promise<void> {
  const to = join(folder, 'default.onnx');
  const { default: former, ...others } = await readCatalogue(folder);
  if (former !== undefined) await writeCatalogue(folder, others);
  try {
    await copyFile(from, to);
  } catch (cause) {
    if (!isDiskFull(cause)) throw cause;
    throw new KvsInferError('DISK_FULL', `no space left while copying the model to ${to}`, {
      hint: 'free some disk space and start again',
      cause,
    });
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => systemClock.setTimer(ms, resolve));
}

function workerEnvironment(
  options: LocalSystemOptions,
  folders: { models: string; cache: string },
  cloud: LocalCloud,
): Record<string, string> {
  return {
    KVS_INFER_ACCOUNT_ID: localAccountId,
    AWS_REGION: localRegion,
    AWS_ENDPOINT_URL: cloud.endpoint,
    LOG_LEVEL: 'INFO',
    MODELS_FOLDER: folders.models,
    CACHE_FOLDER: folders.cache,
    WORKER_PROVIDERS: 'cpu',
    // Two workers share two cores with the local cloud and its cameras.
    INFERENCE_THREADS: '1',
    // Frames without detections too: what was missed can only be counted where it was looked for.
    PUBLISH_FRAMES: 'all',
    ...(options.inferencesPerSecondLimit === null
      ? {}
      : { INFERENCES_PER_SECOND_LIMIT: String(options.inferencesPerSecondLimit) }),
  };
}

type Log = { write(text: string): void; end(): Promise<void> };

/**
 * Opened at the first line, which comes after the data folder was claimed: a second start that is refused must not
 * touch the first one's log. It never stops the system: when the disk is full, lines are lost and the run goes on.
 */
function openLog(path: string): Log {
  let stream: WriteStream | null = null;
  return {
    write(text) {
      if (stream === null) {
        stream = createWriteStream(path);
        stream.on('error', () => {});
      }
      stream.write(text);
    },
    end: () => new Promise((resolve) => (stream === null ? resolve() : stream.end(() => resolve()))),
  };
}
