/**
 * Fleets of scripted workers and registered cameras on a stepped stage that enforces AWS's default limits. Nobody decodes
 * video; everything else (heartbeats, checkpoints, leases, rows, events, ticks) is the real code through the real SDK.
 * Invariant: a seed gives the same rows.
 */
import { BatchWriteCommand } from '@aws-sdk/lib-dynamodb';
import { comparableSequence } from '../../aws/camera-states.ts';
import { createStream } from '../../aws/streams.ts';
import { parseCameraRow } from '../../core/parse-camera-row.ts';
import type { SeededRandom } from '../../core/seeded-random.ts';
import { type ControlStage, startControlStage } from '../../functions/control-loop-stage.test-factory.ts';
import type { LambdaHandler } from '../../local/lambda/host.ts';
import type { LoadOptions } from './load.ts';

const startMs = Date.parse('2026-11-24T12:00:00Z');
/** Kinesis Video Streams takes 50. */
const streamsPerSecond = 40;
const itemsPerBatch = 25;
const framesPerSecond = 5;
const targetUtilization = 0.75;

export type Invocation = { name: string; wallMs: number; cpuMs: number };
export type LoadWorld = {
  stage: ControlStage;
  rows: Map<string, Record<string, unknown>>;
  invocations: Invocation[];
  /** Of steps of the control loop, with the fleet. */
  failures: string[];
};

export async function startLoadWorld(options: LoadOptions, random: SeededRandom): Promise<LoadWorld> {
  const { cameras, workers, fleets, minutes, onLine } = options;
  const invocations: Invocation[] = [];
  const failures: string[] = [];
  const fleetNames = Array.from({ length: fleets }, (_, index) => `fleet-${index + 1}`);
  const workersPerFleet = Math.ceil(workers / fleets);
  const camerasPerWorker = Math.ceil(cameras / workers);
  const workerCapacity = (camerasPerWorker * framesPerSecond) / targetUtilization + 0.5;
  const stage = await startControlStage({
    ...{ startMs, fleets: fleetNames, workerCapacity, checkpointEveryMs: 30_000, enforcesLimits: true },
    policy: {
      ...{ maxWorkers: workersPerFleet + 2, targetUtilization, leadTimeDefaultMs: 120_000 },
      defaultInferencesPerSecond: workerCapacity,
    },
    onCloud: ({ lambda }) => {
      const register = lambda.register.bind(lambda);
      lambda.register = (definition) => {
        const measured: LambdaHandler = async (event, context) => {
          const [wall, cpu] = [performance.now(), process.cpuUsage()];
          try {
            const answer = await definition.handler(event, context);
            for (const report of Array.isArray(answer) ? answer : [])
              failures.push(...report.failures.map((failure: string) => `${report.fleet}: ${failure}`));
            return answer;
          } finally {
            const used = process.cpuUsage(cpu);
            const cpuMs = (used.user + used.system) / 1_000;
            invocations.push({ name: definition.name, wallMs: performance.now() - wall, cpuMs });
          }
        };
        register({ ...definition, handler: measured });
      };
    },
  });
  try {
    const rows = new Map<string, Record<string, unknown>>();
    for (let index = 0; index < cameras; index += 1) {
      const cameraId = `camera-${String(index).padStart(5, '0')}`;
      const fleet = fleetNames[index % fleets];
      rows.set(cameraId, {
        ...{ cameraId, streamName: cameraId, fleet, priority: random.integer(0, 100) },
        ...{ detect: { fps: framesPerSecond }, schedule: scheduleOf(random, minutes) },
      });
    }
    let made = 0;
    for (const cameraId of rows.keys()) {
      if (made % streamsPerSecond === 0) await stage.advance(1);
      await createStream(stage.clients, cameraId, 24);
      stage.flowing.add(cameraId);
      made += 1;
      if (made % 1_000 === 0) onLine(`${made} of ${cameras} streams made`);
    }
    // Their media is seen before the cameras are registered.
    await stage.advance(180);
    await register(stage, [...rows.values()]);
    return { stage, rows, invocations, failures };
  } catch (error) {
    await stage.close();
    throw error;
  }
}

/** As their verdicts leave them; the row stream is met by the edits later. */
async function register({ clients, names, clock }: ControlStage, rows: readonly Record<string, unknown>[]) {
  const items = rows.map((row) => {
    const { camera, issues } = parseCameraRow(row);
    if (camera === null) throw new Error(`a row of the load is wrong: ${JSON.stringify(issues)}`);
    const since = { rowChangedAtMs: clock.nowMs(), phaseSinceMs: clock.nowMs(), epoch: 0 };
    return {
      ...{ fleet: row.fleet, cameraId: row.cameraId, schemaVersion: 1, camera, issues, ...since },
      rowSequenceNumber: comparableSequence('0'),
      ...{ phase: 'off-schedule', phaseReason: 'new: the next run decides' },
    };
  });
  for (let from = 0; from < items.length; from += itemsPerBatch) {
    const puts = items.slice(from, from + itemsPerBatch).map((Item) => ({ PutRequest: { Item } }));
    await clients.documents.send(new BatchWriteCommand({ RequestItems: { [names.tables.cameraStates]: puts } }));
  }
}

/** A tenth begins and a tenth ends within the minutes of the run; the warm-up takes about eight before them. */
function scheduleOf(random: SeededRandom, minutes: number): unknown {
  const kind = random.integer(0, 9);
  if (kind > 1) return 'always';
  const at = new Date(startMs + (8 + random.between(0, minutes)) * 60_000).toISOString().slice(11, 16);
  const window = kind === 0 ? { start: at, end: '23:00' } : { start: '01:00', end: at };
  return { timeZone: 'UTC', windows: [window] };
}
