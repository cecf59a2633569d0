/**
 * A stage in the local cloud for tests of the control loop: the three functions behind their real events, a clock that
 * is stepped, and workers that follow the worker's protocol (heartbeat, assignments, release, drain) without video.
 * Invariant: nothing moves but by the clock and the events; `settle` ends when nothing is left to do at this instant.
 */
import { PutCommand } from '@aws-sdk/lib-dynamodb';
import { readCameraStates } from '../aws/camera-states.ts';
import { awsClients } from '../aws/clients.ts';
import { readDecisions } from '../aws/decisions.ts';
import { ecsAgent } from '../aws/ecs-agent.ts';
import { controlLink, type WorkerEvent } from '../aws/heartbeat.ts';
import { readWorkers } from '../aws/workers.ts';
import type { FleetPolicy, RunningCamera } from '../core/fleet-state.ts';
import { fleetResourceNames } from '../core/names.ts';
import { SteppedClock } from '../local/clock.ts';
import { startLocalCloud } from '../local/cloud.ts';
import type { AlarmChange } from '../local/cloudwatch/alarm-watch.ts';
import { type InProcessTask, inProcessRunner } from '../local/compute/in-process-runner.ts';
import { startLocalStage } from '../local/stage.ts';

const region = 'ap-southeast-1';
const heartbeatMs = 3_000;
const protectionMinutes = 2_880;
const mediaEverySeconds = 5;
/** Work begets work: an event runs a function whose writes emit events. Rest is reached long before this. */
const roundsMax = 200;

export type StageOptions = {
  startMs: number;
  policy: Partial<FleetPolicy>;
  fleets?: string[];
  /** What every scripted worker says it measured. */
  workerCapacity?: number;
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
  const cloud = await startLocalCloud({
    port: 0,
    portSearch: false,
    dataFolder: null,
    clock,
    region,
    accountId: '123456789012',
    log: (line) => log.push(line),
    compute: { runner: inProcessRunner((task) => runWorker(task)), bootDelayMs: 60_000, registrationDelayMs: 5_000 },
  });
  const clients = awsClients({ region, endpoint: cloud.endpoint });
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
  const { names, deps, alarms } = await startLocalStage(cloud, {
    stage,
    clients,
    fleet: { taskEnvironment: {} },
    fleets: options.fleets ?? ['default'],
    policy: options.policy,
    tick: 'rate(1 minute)',
    logLevel: 'SILENT',
    onAlarm: (change) => alarmChanges.push(change),
  });

  async function runWorker(task: InProcessTask): Promise<void> {
    if (image.isBroken) throw new Error('the image has no entry point');
    const fleet = task.environment.KVS_INFER_FLEET ?? 'default';
    const workerId = task.taskId;
    const link = controlLink(clients, {
      fleet,
      workerId,
      workersTable: names.tables.workers,
      cameraStatesTable: names.tables.cameraStates,
      eventSource: names.eventSource,
    });
    const agent = ecsAgent({
      ...(task.environment.ECS_AGENT_URI === undefined ? {} : { agentUri: task.environment.ECS_AGENT_URI }),
    });
    const place = cloud.compute.listTasks().find((candidate) => candidate.taskId === workerId);
    const startedAtMs = clock.nowMs();
    const running = new Map<string, RunningCamera>();
    let firstInferenceAtMs: number | undefined;
    let lifecycle: 'ready' | 'draining' = 'ready';
    let drained = false;
    let isProtected = false;
    const events: [WorkerEvent, string | undefined][] = [['Worker Ready', undefined]];
    const beat = async () => {
      if (mute.has(workerId) || task.killed.aborted) return;
      const nowMs = clock.nowMs();
      const answer = await link.heartbeat({
        schemaVersion: 1,
        heartbeatAtMs: nowMs,
        startedAtMs,
        lifecycle,
        ...(place?.taskArn === undefined ? {} : { taskArn: place.taskArn }),
        ...(place?.instanceId == null ? {} : { instanceId: place.instanceId }),
        capacityInferencesPerSecond: options.workerCapacity ?? 20,
        ...(firstInferenceAtMs === undefined ? {} : { firstInferenceAtMs }),
        running: Object.fromEntries(running),
        expiresAt: Math.floor(nowMs / 1000) + 600,
      });
      if (answer.drain !== undefined || task.stopRequested.aborted) lifecycle = 'draining';
      const wanted = lifecycle === 'draining' ? {} : answer.assignments;
      for (const [cameraId, camera] of running) {
        if (wanted[cameraId]?.epoch === camera.epoch) continue;
        running.delete(cameraId);
        const checkpoint = { fragmentNumber: `${nowMs}`, producerTimestampMs: nowMs };
        if (await link.writeProgress(cameraId, camera.epoch, { checkpoint, released: true })) {
          events.push(['Camera Released', cameraId]);
        }
      }
      for (const [cameraId, assignment] of Object.entries(wanted)) {
        const before = running.get(cameraId);
        const live = flowing.has(assignment.camera.streamName);
        const state = before === undefined ? 'starting' : live ? 'running' : 'silent';
        if (state === 'running') firstInferenceAtMs ??= nowMs;
        running.set(cameraId, {
          epoch: assignment.epoch,
          reason: '',
          fps: live ? assignment.camera.detect.fps : 0,
          framesInferred: 0,
          detections: 0,
          tracks: 0,
          dropped: {},
          ...(before?.lastMediaAtMs === undefined ? {} : { lastMediaAtMs: before.lastMediaAtMs }),
          ...(before?.firstInferenceAtMs === undefined ? {} : { firstInferenceAtMs: before.firstInferenceAtMs }),
          ...(live
            ? {
                lastMediaAtMs: nowMs,
                lastInferenceAtMs: nowMs,
                firstInferenceAtMs: before?.firstInferenceAtMs ?? nowMs,
              }
            : {}),
          state,
        });
      }
      if (running.size > 0 !== isProtected) {
        isProtected = running.size > 0;
        await agent.protect(isProtected, protectionMinutes);
      }
      if (lifecycle === 'draining' && running.size === 0 && !drained) {
        drained = true;
        events.push(['Worker Drained', undefined]);
      }
      for (const event of events.splice(0)) await link.putEvent(...event);
    };
    track(beat());
    await new Promise<void>((resolve) => {
      const again = () => {
        if (task.killed.aborted) return;
        if (task.stopRequested.aborted && drained) return resolve();
        track(beat());
        clock.setTimer(heartbeatMs, again);
      };
      clock.setTimer(heartbeatMs, again);
      task.killed.addEventListener('abort', () => resolve());
    });
  }

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
