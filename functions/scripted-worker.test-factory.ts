/**
 * A worker that follows the worker's protocol (heartbeat, assignments, checkpoints, release, drain, task protection) through
 * the real code of aws/, and decodes nothing. Invariant: it moves by the clock alone, and ends when its task is killed.
 */
import type { AwsClients } from '../aws/clients.ts';
import { ecsAgent } from '../aws/ecs-agent.ts';
import { controlLink, type WorkerEvent } from '../aws/heartbeat.ts';
import type { RunningCamera } from '../core/fleet-state.ts';
import type { ResourceNames } from '../core/names.ts';
import type { SteppedClock } from '../local/clock.ts';
import type { LocalCloud } from '../local/cloud.ts';
import type { InProcessTask } from '../local/compute/in-process-runner.ts';
import { jsonLog } from '../worker/runtime/log.ts';
import { TaskProtection } from '../worker/runtime/task-protection.ts';

const heartbeatMs = 3_000;

export type ScriptedWorld = {
  clock: SteppedClock;
  cloud: LocalCloud;
  clients: AwsClients;
  names: ResourceNames;
  /** Streams whose media flows. */
  flowing: ReadonlySet<string>;
  /** Workers that have lost the network. */
  mute: ReadonlySet<string>;
  track(work: Promise<void>): void;
  workerCapacity: number;
  checkpointEveryMs: number | null;
};

export async function runScriptedWorker(task: InProcessTask, world: ScriptedWorld): Promise<void> {
  const { clock, cloud, clients, names, flowing, mute, track } = world;
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
  const protection = new TaskProtection(
    agent,
    clock,
    jsonLog(() => {}, clock, 'SILENT'),
  );
  const place = cloud.compute.listTasks().find((candidate) => candidate.taskId === workerId);
  const startedAtMs = clock.nowMs();
  const running = new Map<string, RunningCamera>();
  let firstInferenceAtMs: number | undefined;
  let lifecycle: 'ready' | 'draining' = 'ready';
  let drained = false;
  const events: [WorkerEvent, string | undefined][] = [['Worker Ready', undefined]];
  const writtenAtMs = new Map<string, number>();
  const writeCheckpoints = async (nowMs: number) => {
    if (world.checkpointEveryMs === null) return;
    for (const [cameraId, { epoch, state, lastMediaAtMs }] of running) {
      if (state !== 'running' || nowMs - (writtenAtMs.get(cameraId) ?? 0) < world.checkpointEveryMs) continue;
      writtenAtMs.set(cameraId, nowMs);
      const checkpoint = { fragmentNumber: `${nowMs}`, producerTimestampMs: nowMs };
      const media = lastMediaAtMs === undefined ? {} : { lastMediaAtMs, lastInferenceAtMs: lastMediaAtMs };
      await link.writeProgress(cameraId, epoch, { checkpoint, ...media });
    }
  };
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
      capacityInferencesPerSecond: world.workerCapacity,
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
    await protection.set(running.size > 0);
    if (lifecycle === 'draining' && running.size === 0 && !drained) {
      drained = true;
      events.push(['Worker Drained', undefined]);
    }
    for (const event of events.splice(0)) await link.putEvent(...event);
    await writeCheckpoints(nowMs);
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
