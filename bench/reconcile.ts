/**
 * One run of the control loop for the largest fleet, with every AWS call that it makes, against the local cloud through
 * the real SDK and HTTP: how long it takes, and how many calls it is.
 */
import { BatchWriteCommand } from '@aws-sdk/lib-dynamodb';
import { createStream } from '../aws/streams.ts';
import { camerasPerFleetMax } from '../core/control/policy.ts';
import { newState } from '../core/simulation/new-state.ts';
import { startControlStage } from '../functions/control-loop-stage.test-factory.ts';
import { completeDeps } from '../functions/handler-deps.ts';
import { reconcileFleet } from '../functions/reconcile-fleet.ts';
import type { Bench, Benchmark } from './benchmark.ts';
import { freshFleet, noonMs } from './fleet-of-2000.ts';

const RECONCILED_WITHIN_S = 2;
/** A batch of DynamoDB. */
const ITEMS_PER_BATCH = 25;
/** Few large workers: the cameras are what is measured, and scripted workers share this process. */
const WORKER_CAPACITY = 1_000;
/** Kinesis Video Streams takes 50. */
const STREAMS_PER_SECOND = 40;
const ORDINARY_MINUTES = 5;
const QUICK_CAMERAS = 50;
/** A machine boots in 60 s and registers; the task that is ordered then says after a heartbeat that it is ready. */
const BOOT_S = 100;
const TASKS_START_S = 15;
const SINCE_ROWS_S = 10;
const loopFunctions = ['reconcile', 'camera-changed', 'capacity-changed'].map((name) => `kvs-infer-test-${name}`);

export const reconcile: Benchmark = {
  name: 'reconcile',
  claim: `one run of the control loop for ${camerasPerFleetMax} cameras takes under 2 s with its AWS calls: pages to read, and one write for the changes of 25 cameras`,
  async run(bench: Bench) {
    const stage = await startControlStage({
      startMs: noonMs,
      policy: { maxWorkers: 20, defaultInferencesPerSecond: WORKER_CAPACITY, leadTimeDefaultMs: 120_000 },
      workerCapacity: WORKER_CAPACITY,
    });
    try {
      const cameras = freshFleet(0).cameras.slice(0, bench.isQuick ? QUICK_CAMERAS : camerasPerFleetMax);
      for (const [index, { cameraId }] of cameras.entries()) {
        if (index % STREAMS_PER_SECOND === 0) await stage.advance(1);
        await createStream(stage.clients, cameraId, 24);
        stage.flowing.add(cameraId);
      }
      // Their media is seen before the cameras are registered.
      await stage.advance(180);
      const table = stage.names.tables.cameraStates;
      for (let from = 0; from < cameras.length; from += ITEMS_PER_BATCH) {
        const items = cameras
          .slice(from, from + ITEMS_PER_BATCH)
          .map(({ fleet, ...row }) => ({ PutRequest: { Item: newState(fleet, row, stage.clock.nowMs()) } }));
        await stage.clients.documents.send(new BatchWriteCommand({ RequestItems: { [table]: items } }));
      }
      let calls = new Map<string, number>();
      const count = ({ operation }: { operation: string }) => {
        calls.set(operation, (calls.get(operation) ?? 0) + 1);
        return false;
      };
      stage.cloud.context.faults.inject(count, { status: 500, code: 'never', message: '' });
      const deps = completeDeps(stage.deps, 'bench');
      const run = async () => {
        calls = new Map();
        const startedMs = performance.now();
        const cpu = process.threadCpuUsage();
        const { failures } = await reconcileFleet(deps, 'default', 'bench');
        const { user, system } = process.threadCpuUsage(cpu);
        if (failures.length > 0) throw new Error(failures[0]);
        return { seconds: (performance.now() - startedMs) / 1_000, cpuSeconds: (user + system) / 1e6 };
      };
      const sum = () => [...calls.values()].reduce((total, one) => total + one, 0);
      const firstRun = async (when: string) => {
        const { seconds, cpuSeconds } = await run();
        bench.told(when, 's/run', [seconds], { atMost: RECONCILED_WITHIN_S });
        bench.count(`${when}: CPU, the local cloud's included`, 's/run', cpuSeconds);
        bench.count(`${when}: calls`, 'calls', sum());
      };
      // Each run is the bench's own; those of the stage would come before it and leave it nothing to write.
      for (const name of loopFunctions) stage.crashing.add(name);
      await stage.advance(SINCE_ROWS_S);
      await firstRun('every camera is new');
      await stage.advance(BOOT_S);
      // Machines are there: their tasks are ordered.
      await run();
      await stage.advance(TASKS_START_S);
      await firstRun('every camera that is wanted is given to a worker');
      await stage.advance(SINCE_ROWS_S);
      await firstRun('every worker has begun');
      stage.crashing.clear();
      // Every camera at its own turn of the ledger.
      await stage.advance(bench.isQuick ? 120 : 660);
      const running = (await stage.cameras()).filter(({ phase }) => phase === 'running').length;
      bench.count('cameras running', 'cameras', running);
      const seconds: number[] = [];
      const cpuSeconds: number[] = [];
      const allCalls: number[] = [];
      const reads: number[] = [];
      for (const name of loopFunctions) stage.crashing.add(name);
      for (let minute = 0; minute < (bench.isQuick ? 1 : ORDINARY_MINUTES); minute += 1) {
        await stage.advance(60);
        const { seconds: took, cpuSeconds: used } = await run();
        seconds.push(took);
        cpuSeconds.push(used);
        allCalls.push(sum());
        reads.push(sum() - (calls.get('UpdateItem') ?? 0) - (calls.get('TransactWriteItems') ?? 0));
      }
      bench.told('an ordinary minute', 's/run', seconds, { atMost: RECONCILED_WITHIN_S });
      bench.told("an ordinary minute: CPU, the local cloud's included", 's/run', cpuSeconds);
      bench.told('calls in an ordinary minute: pages read', 'calls', reads);
      bench.told(
        'calls in an ordinary minute: with the transactions of the cameras whose hours are accounted',
        'calls',
        allCalls,
      );
    } finally {
      await stage.close();
    }
  },
};
