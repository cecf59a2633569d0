/**
 * Fleets of scripted workers and registered cameras on a stepped stage that enforces AWS's default limits. Nobody decodes
 * video; everything else (heartbeats, checkpoints, leases, rows, events, ticks) is the real code through the real SDK.
 * Invariant: a seed gives the same rows.
 */
import { BatchWriteCommand } from '@aws-sdk/lib-dynamodb';
import { createStream } from '../../aws/streams.ts';
import { SeededRandom } from '../../core/seeded-random.ts';
import { type ControlStage, startControlStage } from '../../functions/control-loop-stage.test-factory.ts';
import type { LambdaHandler } from '../../local/lambda/host.ts';
import type { LoadOptions } from './load.ts';

const startMs = Date.parse('2026-11-24T12:00:00Z');
/** Kinesis Video Streams takes 50. */
const streamsPerSecond = 40;
const mediaSeconds = 180;
/** Of an import: the stream's function takes a few milliseconds for each. */
const rowsPerSecond = 100;
const importStepSeconds = 5;
const itemsPerBatch = 25;
/** EC2 brings instances that were asked for at once up over tens of seconds. */
const bootJitterMs = 20_000;
/** From the last row on: two ticks, boots of 65 to 85 s and the workers' start lie in it. */
export const warmUpSeconds = 300;
const framesPerSecond = 5;
const targetUtilization = 0.75;

/** `waitedMs`: for its turn, by the clock that is stepped. */
export type Invocation = { name: string; wallMs: number; cpuMs: number; waitedMs: number };
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
  const boots = new SeededRandom(`${options.seed} boots`);
  const stage = await startControlStage({
    ...{ startMs, fleets: fleetNames, workerCapacity, checkpointEveryMs: 30_000, enforcesLimits: true },
    bootJitter: { ms: bootJitterMs, random: () => boots.next() },
    policy: {
      ...{ maxWorkers: workersPerFleet + 2, targetUtilization, leadTimeDefaultMs: 120_000 },
      defaultInferencesPerSecond: workerCapacity,
    },
    onCloud: ({ lambda, context: { clock } }) => {
      const register = lambda.register.bind(lambda);
      lambda.register = (definition) => {
        const measured: LambdaHandler = async (event, context) => {
          const [wall, cpu, clockMs] = [performance.now(), process.cpuUsage(), clock.nowMs()];
          try {
            const answer = await definition.handler(event, context);
            for (const report of Array.isArray(answer) ? answer : [])
              failures.push(...report.failures.map((failure: string) => `${report.fleet}: ${failure}`));
            return answer;
          } finally {
            const used = process.cpuUsage(cpu);
            const cpuMs = (used.user + used.system) / 1_000;
            const waitedMs = clock.nowMs() - clockMs;
            invocations.push({ name: definition.name, wallMs: performance.now() - wall, cpuMs, waitedMs });
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
        ...{ detect: { fps: framesPerSecond }, schedule: scheduleOf(random, minutes, cameras) },
      });
    }
    let made = 0;
    for (const cameraId of rows.keys()) {
      if (made % streamsPerSecond === 0) await stage.advance(1);
      await createStream(stage.clients, cameraId, 24);
      made += 1;
      if (made % 1_000 === 0) onLine(`${made} of ${cameras} streams made`);
    }
    for (const cameraId of rows.keys()) stage.flowing.add(cameraId);
    // Their media is seen before the cameras are registered.
    await stage.advance(mediaSeconds);
    await register(stage, [...rows.values()], onLine);
    return { stage, rows, invocations, failures };
  } catch (error) {
    await stage.close();
    throw error;
  }
}

/** As somebody's import puts them: the stream of the registry brings them to camera-changed. */
async function register({ clients, names, advance }: ControlStage, rows: unknown[], onLine: (line: string) => void) {
  for (let from = 0; from < rows.length; from += rowsPerSecond * importStepSeconds) {
    const until = Math.min(rows.length, from + rowsPerSecond * importStepSeconds);
    for (let at = from; at < until; at += itemsPerBatch) {
      const puts = rows.slice(at, Math.min(until, at + itemsPerBatch)).map((Item) => ({ PutRequest: { Item } }));
      await clients.documents.send(new BatchWriteCommand({ RequestItems: { [names.tables.cameras]: puts as never } }));
    }
    await advance(importStepSeconds);
    onLine(`${until} of ${rows.length} rows put`);
  }
}

/** A tenth begins and a tenth ends within the minutes of the run. */
function scheduleOf(random: SeededRandom, minutes: number, cameras: number): unknown {
  const kind = random.integer(0, 9);
  if (kind > 1) return 'always';
  const before = cameras / streamsPerSecond + mediaSeconds + cameras / rowsPerSecond + warmUpSeconds;
  const at = new Date(startMs + before * 1_000 + random.between(0, minutes) * 60_000).toISOString().slice(11, 16);
  const window = kind === 0 ? { start: at, end: '23:00' } : { start: '01:00', end: at };
  return { timeZone: 'UTC', windows: [window] };
}
