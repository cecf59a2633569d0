/**
 * A stage in the local cloud for tests of the control loop: the three functions behind their real events, a clock that
 * is stepped, and workers that follow the worker's protocol (heartbeat, assignments, release, drain) without video.
 * Invariant: nothing moves but by the clock and the events; `settle` ends when nothing is left to do at this instant.
 */
import { PutCommand } from '@aws-sdk/lib-dynamodb';
import { readCameraStates } from '../aws/camera-states.ts';
import { awsClients } from '../aws/clients.ts';
import { readDecisions } from '../aws/decisions.ts';
import { readWorkers } from '../aws/workers.ts';
import type { FleetPolicy } from '../core/fleet-state.ts';
import { fleetResourceNames } from '../core/names.ts';
import { SteppedClock } from '../local/clock.ts';
import { type LocalCloud, startLocalCloud } from '../local/cloud.ts';
import type { AlarmChange } from '../local/cloudwatch/alarm-watch.ts';
import { inProcessRunner } from '../local/compute/in-process-runner.ts';
import { DefaultLimits } from '../local/default-limits.ts';
import { startLocalStage } from '../local/stage.ts';
import { runScriptedWorker, type ScriptedWorld } from './scripted-worker.test-factory.ts';

const region = 'ap-southeast-1';
const mediaEverySeconds = 5;
/** Work begets work: an event runs a function whose writes emit events. Rest is reached long before this. */
const roundsMax = 200;

export type StageOptions = {
  startMs: number;
  policy: Partial<FleetPolicy>;
  fleets?: string[];
  /** What every scripted worker says it measured. */
  workerCapacity?: number;
  /** How often scripted workers write where they are in each camera's video; never when left out. */
  checkpointEveryMs?: number;
  /** AWS's default limits per second hold. */
  enforcesLimits?: boolean;
  /** Instances boot by up to so much later than the first, as drawn. */
  bootJitter?: { ms: number; random: () => number };
  /** Before any function is registered. */
  onCloud?: (cloud: LocalCloud) => void;
};

export type ControlStage = Awaited<ReturnType<typeof startControlStage>>;

export async function startControlStage(options: StageOptions) {
  process.env.AWS_ACCESS_KEY_ID = 'local';
  process.env.AWS_SECRET_ACCESS_KEY = 'local';
  const stage = 'test';
  const clock = new SteppedClock(options.startMs);
  const working = new Set<Promise<void>>();
  const track = (work: Promise<void>) => {
    working.add(work);
    void work.finally(() => working.delete(work));
  };
  const flowing = new Set<string>();
  const mute = new Set<string>();
  const log: string[] = [];
  const cloud: LocalCloud = await startLocalCloud({
    port: 0,
    portSearch: false,
    dataFolder: null,
    clock,
    region,
    accountId: '123456789012',
    log: (line) => log.push(line),
    ...(options.enforcesLimits === true ? { limits: new DefaultLimits(clock) } : {}),
    compute: {
      runner: inProcessRunner(async (task) => {
        if (image.isBroken) throw new Error('the image has no entry point');
        await runScriptedWorker(task, world);
      }),
      bootDelayMs: 60_000,
      ...(options.bootJitter === undefined
        ? {}
        : { bootJitterMs: options.bootJitter.ms, random: options.bootJitter.random }),
      registrationDelayMs: 5_000,
    },
  });
  options.onCloud?.(cloud);
  const clients = awsClients({ region, endpoint: cloud.endpoint, retryWaitMs: () => 0 });
  const crashing = new Set<string>();
  const image = { isBroken: false };
  const alarmChanges: AlarmChange[] = [];
  const register = cloud.lambda.register.bind(cloud.lambda);
  cloud.lambda.register = (definition) =>
    register({
      ...definition,
      handler: async (event, context) => {
        if (crashing.has(definition.name)) throw new Error('Runtime exited with error: signal: killed');
        return definition.handler(event, context);
      },
    });
  const skew = { functionsAheadMs: 0, functionsFrozenAtMs: null as number | null };
  const functionsClock = {
    nowMs: () => skew.functionsFrozenAtMs ?? clock.nowMs() + skew.functionsAheadMs,
    monotonicMs: () => clock.monotonicMs(),
    setTimer: (delayMs: number, callback: () => void) => clock.setTimer(delayMs, callback),
  };
  const seenByFunctions = { ...cloud, context: { ...cloud.context, clock: functionsClock } };
  const { names, deps, alarms } = await startLocalStage(seenByFunctions, {
    stage,
    clients,
    fleet: { taskEnvironment: {} },
    fleets: options.fleets ?? ['default'],
    policy: options.policy,
    tick: 'rate(1 minute)',
    logLevel: 'SILENT',
    onAlarm: (change) => alarmChanges.push(change),
  });
  const { workerCapacity = 20, checkpointEveryMs = null } = options;
  const world: ScriptedWorld = {
    ...{ clock, cloud, clients, names, flowing, mute, track, workerCapacity, checkpointEveryMs },
  };

  const settle = async () => {
    for (let round = 0; round < roundsMax; round += 1) {
      await cloud.compute.settled();
      await cloud.lambda.settled();
      if (working.size > 0) {
        await Promise.all(working);
        continue;
      }
      // Subscribers of streams and events are called from the event loop's next turn.
      await new Promise((resolve) => setImmediate(resolve));
      await cloud.compute.settled();
      await cloud.lambda.settled();
      if (working.size === 0) return;
    }
    throw new Error('the stage does not come to rest');
  };

  return {
    clock,
    cloud,
    clients,
    names,
    deps,
    log,
    /** Streams whose media flows, as workers see it. */
    flowing,
    /** Workers that have lost the network. */
    mute,
    /** Functions whose invocations die. */
    crashing,
    /** The wall clock of the functions' machines, and how it is wrong; nobody else's. */
    skew,
    /** Broken: what starts ends at once. */
    image,
    alarms,
    /** Every alarm that began to ring or ceased to, in order. */
    alarmChanges,
    settle,
    /** Moves time on; everything is settled after each timer on the way, and media flows every few seconds. */
    async advance(seconds: number) {
      for (let second = 0; second < seconds; second += mediaEverySeconds) {
        for (const stream of flowing) {
          cloud.context.putMetric('AWS/KinesisVideo', 'PutMedia.IncomingFragments', { StreamName: stream }, 1);
        }
        await clock.step(Math.min(mediaEverySeconds, seconds - second) * 1_000, settle);
      }
    },
    async createStream(streamName: string) {
      const { createStream } = await import('../aws/streams.ts');
      await createStream(clients, streamName, 24);
    },
    async putCamera(row: Record<string, unknown>) {
      await clients.documents.send(new PutCommand({ TableName: names.tables.cameras, Item: row }));
      await settle();
    },
    async camera(cameraId: string, fleet = 'default') {
      const states = await readCameraStates(clients, names.tables.cameraStates, fleet);
      return states.find((state) => state.cameraId === cameraId);
    },
    cameras: (fleet = 'default') => readCameraStates(clients, names.tables.cameraStates, fleet),
    workers: (fleet = 'default') => readWorkers(clients, names.tables.workers, fleet),
    decisions: async (fleet = 'default') =>
      (await readDecisions(clients, names.tables.decisions, fleet, { limit: 100 })).reverse(),
    instances: () =>
      cloud.compute.listInstances().filter((instance) => !['terminated', 'shutting-down'].includes(instance.ec2State)),
    group: (fleet = 'default') => fleetResourceNames(stage, fleet).autoScalingGroup,
    async close() {
      clients.destroy();
      await cloud.close();
    },
  };
}
