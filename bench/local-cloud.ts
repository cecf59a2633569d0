/**
 * The cost of the local cloud: what one laptop must carry so that `npm start` is not slowed down by its own stage. Every
 * call goes through the real SDK, HTTP and the state on disk, as in `npm start`.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AwsClients, awsClients } from '../aws/clients.ts';
import { controlLink } from '../aws/heartbeat.ts';
import { awsResultStore } from '../aws/results.ts';
import { systemClock } from '../core/clock.ts';
import type { ResourceNames } from '../core/names.ts';
import { startLocalCloud } from '../local/cloud.ts';
import { inProcessRunner } from '../local/compute/in-process-runner.ts';
import { type Bench, type Benchmark, perSecond } from './benchmark.ts';
import { runningFleet } from './fleet-of-2000.ts';

const accountId = '000000000000';
const region = 'us-east-1';
const WORKERS = 16;
const RECORDS_PER_CALL = 100;
const RECORD_BYTES = 1000;
/** A snapshot of a 720p camera. */
const PICTURE_BYTES = 100_000;
const PICTURES_AT_ONCE = 4;
const BUDGET_MS = 1000;

export const localCloud: Benchmark = {
  name: 'local-cloud',
  claim: 'through the AWS SDK, the local cloud answers far more calls than a demo of tens of workers makes',
  async run(bench: Bench) {
    // The SDK signs every call; the local cloud does not verify signatures.
    Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local' });
    const dataFolder = await mkdtemp(join(tmpdir(), 'kvs-infer-bench-'));
    const runner = inProcessRunner(async () => 0);
    const cloud = await startLocalCloud({
      port: 0,
      portSearch: false,
      dataFolder,
      clock: systemClock,
      region,
      accountId,
      compute: { runner },
    });
    const clients = awsClients({ region, endpoint: cloud.endpoint });
    try {
      const { names } = await cloud.createStageResources({ stage: 'bench', fleets: [] });
      await heartbeats(bench, clients, names);
      await results(bench, clients, names);
    } finally {
      clients.destroy();
      await cloud.close();
      await rm(dataFolder, { recursive: true, force: true });
    }
  },
};

async function heartbeats(bench: Bench, clients: AwsClients, { tables, eventSource }: ResourceNames): Promise<void> {
  // What a worker with its share of cameras really sends.
  const sample = runningFleet().workers[0];
  if (sample === undefined) throw new Error('the fleet has no worker');
  const { fleet, workerId: _, assignments: __, ...fields } = sample;
  const links = Array.from({ length: WORKERS }, (_, index) =>
    controlLink(clients, {
      fleet,
      workerId: `worker-${index}`,
      workersTable: tables.workers,
      cameraStatesTable: tables.cameraStates,
      eventSource,
    }),
  );
  await bench.sideBySide(
    perSecond(WORKERS, 'UpdateItem'),
    [
      {
        what: 'heartbeats, one after the other',
        once: async () => {
          for (const link of links) await link.heartbeat(fields);
        },
      },
      {
        what: `heartbeats of ${WORKERS} workers at once`,
        once: () => Promise.all(links.map((link) => link.heartbeat(fields))),
      },
    ],
    { budgetMs: BUDGET_MS },
  );
}

async function results(bench: Bench, clients: AwsClients, names: ResourceNames): Promise<void> {
  const { putRecords, putObject } = awsResultStore(clients, { stream: names.resultStream, bucket: names.resultBucket });
  if (putRecords === undefined || putObject === undefined) throw new Error('the result store is incomplete');
  const records = Array.from({ length: RECORDS_PER_CALL }, (_, index) => ({
    partitionKey: `camera-${index % 10}`,
    data: Buffer.alloc(RECORD_BYTES, index),
  }));
  await bench.measure(
    `PutRecords, ${RECORDS_PER_CALL} records of ${RECORD_BYTES} B a call`,
    perSecond(RECORDS_PER_CALL, 'records'),
    () => putRecords(records),
    { budgetMs: BUDGET_MS },
  );
  const picture = Buffer.alloc(PICTURE_BYTES, 0x5a);
  let pictures = 0;
  await bench.measure(
    `PutObject of ${PICTURE_BYTES / 1000} kB, ${PICTURES_AT_ONCE} at a time`,
    perSecond(PICTURES_AT_ONCE, 'objects'),
    () =>
      Promise.all(
        Array.from({ length: PICTURES_AT_ONCE }, () => {
          pictures += 1;
          return putObject(`bench/${pictures}.jpg`, picture, 'image/jpeg');
        }),
      ),
    { budgetMs: BUDGET_MS },
  );
}
