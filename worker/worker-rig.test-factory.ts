/**
 * A worker against the local cloud on a clock that is stepped: tables, streams and a bucket of a stage, a camera that sends
 * a clip, and the block model, which finds the clip's bright square. Invariant: nothing waits for time; `until` steps the
 * clock and lets what was begun finish, and fails after a bounded span.
 */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { GetRecordsCommand, GetShardIteratorCommand } from '@aws-sdk/client-kinesis';
import { CreateStreamCommand } from '@aws-sdk/client-kinesis-video';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { GetCommand, PutCommand, QueryCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { awsClients } from '../aws/clients.ts';
import { unpacked } from '../aws/packed-attributes.ts';
import type { Camera } from '../core/camera.ts';
import type { Assignment, CameraState, WorkerItem } from '../core/fleet-state.ts';
import { parseCameraRow } from '../core/parse-camera-row.ts';
import { SteppedClock } from '../local/clock.ts';
import { startLocalCloud } from '../local/cloud.ts';
import { inProcessRunner } from '../local/compute/in-process-runner.ts';
import type { H264Clip } from '../local/kinesisvideo/clip-timeline.ts';
import { startProducer } from '../local/kinesisvideo/producer.ts';
import { encodeClip, FRAME_MS } from './decode/encoded-clip.test-factory.ts';
import { blockModel, encodeModel } from './detect/block-model.test-factory.ts';
import { parseWorkerEnvironment } from './environment.ts';
import { type RunningWorker, type StartWorkerOptions, startWorker } from './worker.ts';

export const RIG_START_MS = Date.UTC(2026, 10, 24, 8, 0, 0);
const region = 'eu-west-1';
const accountId = '000000000000';
const stepMs = 200;

export type WorkerRig = Awaited<ReturnType<typeof startWorkerRig>>;

export async function startWorkerRig() {
  process.env.AWS_ACCESS_KEY_ID ??= 'local';
  process.env.AWS_SECRET_ACCESS_KEY ??= 'local';
  const clock = new SteppedClock(RIG_START_MS);
  const folder = await mkdtemp(path.join(os.tmpdir(), 'kvs-infer-worker-'));
  const model = encodeModel(blockModel({ width: 80, height: 48 }));
  await writeFile(path.join(folder, 'default.onnx'), model);
  const events: { type: string; cameraId?: string }[] = [];
  const cloud = await startLocalCloud({
    port: 0,
    portSearch: false,
    dataFolder: null,
    clock,
    region,
    accountId,
    compute: { runner: inProcessRunner(async () => {}) },
    log: () => {},
  });
  const { names } = await cloud.createStageResources({ stage: 'test', fleets: [] });
  const emit = cloud.context.emit;
  cloud.context.emit = (event) => {
    const { cameraId } = event.detail as { cameraId?: string };
    events.push({ type: event['detail-type'], ...(cameraId === undefined ? {} : { cameraId }) });
    emit(event);
  };
  const clients = awsClients({ region, endpoint: cloud.endpoint });
  const workers: RunningWorker[] = [];
  const producers: { stop(): Promise<void> }[] = [];
  const environment = (more: Record<string, string> = {}) =>
    parseWorkerEnvironment({
      AWS_REGION: region,
      AWS_ENDPOINT_URL: cloud.endpoint,
      HTTP_PORT: '0',
      LOG_LEVEL: 'SILENT',
      KVS_INFER_STAGE: 'test',
      KVS_INFER_ACCOUNT_ID: accountId,
      MODELS_FOLDER: folder,
      CACHE_FOLDER: path.join(folder, 'cache'),
      WORKER_PROVIDERS: 'cpu',
      INFERENCE_THREADS: '1',
      ...more,
    });

  const rig = {
    clock,
    cloud,
    clients,
    names,
    folder,
    events,
    environment,

    async worker(options: Partial<StartWorkerOptions> & { variables?: Record<string, string> } = {}) {
      const { variables, ...rest } = options;
      const worker = await startWorker({
        environment: environment(variables),
        clock,
        random: () => 0.5,
        workerId: 'worker-1',
        ...rest,
      });
      workers.push(worker);
      return worker;
    },

    /** Nothing when it exists. */
    async createStream(streamName: string) {
      await clients.kinesisVideo
        .send(new CreateStreamCommand({ StreamName: streamName, DataRetentionInHours: 1 }))
        .catch((error) => {
          if (error.name !== 'ResourceInUseException') throw error;
        });
    },

    async stream(streamName: string, clip: H264Clip = squareClip(), fragmentDurationMs = 1_000) {
      await rig.createStream(streamName);
      const producer = startProducer({
        endpoint: cloud.endpoint,
        region,
        streamName,
        clip,
        clock,
        fragmentDurationMs,
        random: () => 0.5,
      });
      producers.push(producer);
      return producer;
    },

    /** What control does: makes the worker the owner and puts the camera on its list. */
    async assign(workerId: string, assignments: Assignment[]) {
      for (const { camera, epoch } of assignments) {
        const item: Partial<CameraState> = {
          fleet: 'default',
          cameraId: camera.cameraId,
          epoch,
          ownerWorkerId: workerId,
          schemaVersion: 1,
        };
        await clients.documents.send(new PutCommand({ TableName: names.tables.cameraStates, Item: item }));
      }
      await rig.setList(workerId, assignments);
    },

    async setList(workerId: string, assignments: Assignment[]) {
      const byCamera = Object.fromEntries(assignments.map((one) => [one.camera.cameraId, one]));
      await rig.updateWorker(workerId, 'SET assignments = :value', byCamera);
    },

    async updateWorker(workerId: string, expression: string, value: unknown) {
      await clients.documents.send(
        new UpdateCommand({
          TableName: names.tables.workers,
          Key: { fleet: 'default', workerId },
          UpdateExpression: expression,
          ...(value === undefined ? {} : { ExpressionAttributeValues: { ':value': value } }),
        }),
      );
    },

    async workerItem(workerId = 'worker-1') {
      const answer = await clients.documents.send(
        new GetCommand({ TableName: names.tables.workers, Key: { fleet: 'default', workerId } }),
      );
      const item = answer.Item;
      return item === undefined ? undefined : ({ ...item, running: unpacked(item.running, 'running') } as WorkerItem);
    },

    async cameraState(cameraId: string) {
      const answer = await clients.documents.send(
        new GetCommand({ TableName: names.tables.cameraStates, Key: { fleet: 'default', cameraId } }),
      );
      return answer.Item as CameraState | undefined;
    },

    async detectionItems(cameraId: string) {
      const answer = await clients.documents.send(
        new QueryCommand({
          TableName: names.tables.detections,
          KeyConditionExpression: 'cameraId = :camera',
          ExpressionAttributeValues: { ':camera': cameraId },
        }),
      );
      return answer.Items ?? [];
    },

    /** What lies under a key of the result bucket, parsed. */
    async objectOf(key: string | undefined): Promise<unknown> {
      const { Body } = await clients.s3.send(new GetObjectCommand({ Bucket: names.resultBucket, Key: key }));
      return JSON.parse((await Body?.transformToString()) ?? '');
    },

    /** Records in the result stream so far; cheaper than to read them. */
    recordCount: () => cloud.kinesis.statistics(names.resultStream)?.recordsPut ?? 0,

    /** Every record of the result stream, parsed. */
    async records(): Promise<Record<string, unknown>[]> {
      const { ShardIterator } = await clients.kinesis.send(
        new GetShardIteratorCommand({
          StreamName: names.resultStream,
          ShardId: 'shardId-000000000000',
          ShardIteratorType: 'TRIM_HORIZON',
        }),
      );
      const records: Record<string, unknown>[] = [];
      for (let iterator = ShardIterator; iterator !== undefined; ) {
        const answer = await clients.kinesis.send(new GetRecordsCommand({ ShardIterator: iterator, Limit: 10_000 }));
        for (const { Data } of answer.Records ?? []) records.push(JSON.parse(Buffer.from(Data ?? []).toString()));
        iterator = answer.MillisBehindLatest === 0 ? undefined : answer.NextShardIterator;
      }
      return records;
    },

    /** Steps the clock until `isTrue`, at most `limitMs` of it. */
    async until(what: string, isTrue: () => boolean | Promise<boolean>, limitMs = 30_000) {
      for (let passedMs = 0; passedMs <= limitMs; passedMs += stepMs) {
        if (await isTrue()) return;
        await rig.step(stepMs);
      }
      throw new Error(`not within ${limitMs} ms of the clock: ${what}`);
    },

    async step(milliseconds: number) {
      const settle = async () => {
        await Promise.all(workers.map((worker) => worker.settled()));
      };
      for (let left = milliseconds; left > 0; left -= stepMs) {
        await clock.step(Math.min(left, stepMs), settle);
        // One round trip through the front: what the producers and sessions sent in this step has been passed on by then.
        await fetch(cloud.endpoint).then((response) => response.arrayBuffer());
        await settle();
      }
    },

    async close() {
      for (const producer of producers) await producer.stop();
      for (const worker of workers) {
        const stopping = worker.stop();
        let isStopped = false;
        void stopping.then(
          () => {
            isStopped = true;
          },
          () => {
            isStopped = true;
          },
        );
        for (let passed = 0; !isStopped && passed < 40_000; passed += stepMs) {
          await clock.step(stepMs, () => new Promise((resolve) => setImmediate(resolve)));
          await fetch(cloud.endpoint).then((response) => response.arrayBuffer());
        }
        await stopping;
      }
      clients.destroy();
      await cloud.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
  return rig;
}

/** A camera of the rig: finds the bright square of the clip by the block model's "red". */
export function rigCamera(row: Record<string, unknown> = {}): Camera {
  const { detect, ...rest } = row as { detect?: Record<string, unknown> };
  const { camera, issues } = parseCameraRow({
    cameraId: 'dock-1',
    streamName: 'dock-1',
    ...rest,
    // The square is on one block of the model for three frames.
    smoothing: { minHits: 2, maxMissMs: 200 },
    detect: { fps: 10, confidence: 0.6, classes: ['red'], ...detect },
  });
  if (camera === null) throw new Error(JSON.stringify(issues));
  return camera;
}

export function rigAssignment(camera: Camera, more: Partial<Assignment> = {}): Assignment {
  return { camera, epoch: 1, assignedAtMs: 0, ...more };
}

let squares: H264Clip | null = null;

/** Four seconds at 10 fps, a keyframe every second. */
export function squareClip(): H264Clip {
  if (squares !== null) return squares;
  const size = { width: 320, height: 192 };
  const { codecPrivate, packets } = encodeClip({ ...size, frames: 40, keyframeEvery: 10 });
  if (codecPrivate === null) throw new Error('the clip has no parameter sets');
  const frames = packets.map((packet) => ({ ...packet, timestampMs: (packet.timestampMs / FRAME_MS) * 100 }));
  squares = { codec: 'h264', codecPrivate, ...size, frames, durationMs: frames.length * 100 };
  return squares;
}
