/** A fleet member whose control, cameras and streams are the test's: what it says is written down in order. */
import { expect } from 'vitest';
import type { CameraProgress, ControlLink, HeartbeatFields } from '../../aws/heartbeat.ts';
import type { Assignment, StandbyOrder, WorkerItem } from '../../core/fleet-state.ts';
import { SteppedClock } from '../../local/clock.ts';
import { rigAssignment, rigCamera } from '../worker-rig.test-factory.ts';
import type { CameraSupervisor } from './camera-supervisor.ts';
import { FleetMember } from './fleet-member.ts';
import { jsonLog } from './log.ts';
import { Standbys } from './standbys.ts';
import { TaskProtection } from './task-protection.ts';
import { WatchRecord } from './watch-record.ts';

function rig() {
  const clock = new SteppedClock(0);
  const said: string[] = [];
  const running = new Map<string, Assignment>();
  const world = {
    assignments: {} as Record<string, Assignment>,
    standbys: {} as Record<string, StandbyOrder>,
    drain: undefined as WorkerItem['drain'],
    owns: true,
    isCut: false,
    /** Heartbeats get through, checkpoints and releases do not. */
    isProgressCut: false,
    /** What a camera that is stopped still has to publish. */
    flushes: {} as Record<string, Promise<void>>,
  };
  const fail = () => Promise.reject(new Error('cut off'));
  const control: ControlLink = {
    async heartbeat(fields: HeartbeatFields) {
      if (world.isCut) return fail();
      said.push(`heartbeat ${fields.lifecycle}`);
      return { assignments: world.assignments, standbys: world.standbys, drain: world.drain };
    },
    async writeProgress(cameraId: string, epoch: number, progress: CameraProgress) {
      if (world.isCut || world.isProgressCut) return fail();
      const after = progress.checkpoint === undefined ? '' : ` after ${progress.checkpoint.fragmentNumber}`;
      said.push(`${progress.released === true ? 'release' : 'checkpoint'} ${cameraId}#${epoch}${after}`);
      return world.owns;
    },
    async putEvent(event, cameraId) {
      said.push(`event ${event}${cameraId === undefined ? '' : ` ${cameraId}`}`);
    },
  };
  const runs = () =>
    [...running.values()].map((assignment) => ({
      assignment,
      cameraId: assignment.camera.cameraId,
      report: null,
      watch: new WatchRecord(0, 5),
    }));
  const standbys: Standbys = new Standbys({
    models: { use: async () => ({}) as never, release: () => {} },
    log: jsonLog(() => {}, clock, 'SILENT'),
    chooseLink: () => ({
      send: (message) => {
        if (message.type === 'standby' || message.type === 'standby-stop') said.push(`${message.type} ${message.run}`);
      },
      close: async () => {},
    }),
    onReady: () => member.beatNow(),
  });
  const supervisor = {
    standbys,
    running: () => new Map([...running].map(([cameraId, { epoch }]) => [cameraId, epoch])),
    runs,
    heartbeat: () => ({}),
    versions: { heartbeat: () => ({}), isNews: () => false },
    update: () => {},
    checkpointOf: () => null,
    start(assignment: Assignment) {
      const prepared = standbys.take(assignment.camera.cameraId, assignment.camera.streamName);
      if (prepared !== null) said.push(`takes over ${prepared.name}`);
      said.push(`start ${assignment.camera.cameraId}#${assignment.epoch}`);
      running.set(assignment.camera.cameraId, assignment);
    },
    async stop(cameraId: string, mayPublish: boolean) {
      said.push(`stop ${cameraId}${mayPublish ? '' : ' unpublished'}`);
      running.delete(cameraId);
      await world.flushes[cameraId];
      return null;
    },
  } as unknown as CameraSupervisor;
  const log = jsonLog(() => {}, clock, 'SILENT');
  const agent = {
    identity: async () => null,
    protect: async (on: boolean) => void said.push(on ? 'protected' : 'unprotected'),
  };
  const member: FleetMember = new FleetMember({
    clock,
    log,
    control,
    supervisor,
    protection: new TaskProtection(agent, clock, log),
    describe: () => ({ schemaVersion: 1, startedAtMs: 0 }),
    onHeartbeat: () => {},
    onFenced: () => said.push('fenced'),
  });
  const step = async (milliseconds: number) => {
    for (let left = milliseconds; left > 0; left -= 1_000)
      await clock.step(Math.min(1_000, left), () => member.settled());
  };
  /** As `step`, while operations on cameras go on. */
  const stepMeanwhile = (milliseconds: number) => clock.step(milliseconds, () => new Promise(setImmediate));
  /** What was said since the last call, heartbeats left out. */
  const take = () => said.splice(0).filter((line) => !line.startsWith('heartbeat'));
  return { member, world, said, step, stepMeanwhile, take, standbys };
}
export const dock = (epoch = 1) => ({ 'dock-1': rigAssignment(rigCamera(), { epoch }) });

/** A worker that is ready, and nothing said since. */
export async function ready() {
  const subject = rig();
  subject.member.start();
  await subject.step(1_000);
  subject.member.ready();
  await subject.step(1_000);
  expect(subject.take()).toEqual(['event Worker Ready']);
  return subject;
}
