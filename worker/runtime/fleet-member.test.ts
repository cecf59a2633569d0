/** What a member says to control, and when, against a control link of the test's own. */
import { expect, test } from 'vitest';
import type { CameraProgress, ControlLink, HeartbeatFields } from '../../aws/heartbeat.ts';
import type { Assignment } from '../../core/fleet-state.ts';
import { SteppedClock } from '../../local/clock.ts';
import { RIG_START_MS, rigAssignment, rigCamera } from '../worker-rig.test-factory.ts';
import type { CameraSupervisor } from './camera-supervisor.ts';
import { FleetMember } from './fleet-member.ts';
import { jsonLog } from './log.ts';
import { TaskProtection } from './task-protection.ts';
import { WatchRecord } from './watch-record.ts';

function rig() {
  const clock = new SteppedClock(0);
  const said: string[] = [];
  const running = new Map<string, Assignment>();
  const world = {
    assignments: {} as Record<string, Assignment>,
    drain: undefined as { sinceMs: number; reason: string } | undefined,
    owns: true,
    isCut: false,
  };
  const fail = () => Promise.reject(new Error('cut off'));
  const control: ControlLink = {
    async heartbeat(fields: HeartbeatFields) {
      if (world.isCut) return fail();
      said.push(`heartbeat ${fields.lifecycle}`);
      return { assignments: world.assignments, drain: world.drain };
    },
    async writeProgress(cameraId: string, epoch: number, progress: CameraProgress) {
      if (world.isCut) return fail();
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
  const supervisor = {
    running: () => new Map([...running].map(([cameraId, { epoch }]) => [cameraId, epoch])),
    runs,
    heartbeat: () => ({}),
    useHours: () => {},
    start(assignment: Assignment) {
      said.push(`start ${assignment.camera.cameraId}#${assignment.epoch}`);
      running.set(assignment.camera.cameraId, assignment);
    },
    async stop(cameraId: string, mayPublish: boolean) {
      said.push(`stop ${cameraId}${mayPublish ? '' : ' unpublished'}`);
      running.delete(cameraId);
      return null;
    },
  } as unknown as CameraSupervisor;
  const log = jsonLog(() => {}, clock, 'SILENT');
  const agent = {
    identity: async () => null,
    protect: async (on: boolean) => void said.push(on ? 'protected' : 'unprotected'),
  };
  const member = new FleetMember({
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
  /** What was said since the last call, heartbeats left out. */
  const take = () => said.splice(0).filter((line) => !line.startsWith('heartbeat'));
  return { member, world, said, step, take };
}
const dock = (epoch = 1) => ({ 'dock-1': rigAssignment(rigCamera(), { epoch }) });

async function ready() {
  const subject = rig();
  subject.member.start();
  await subject.step(1_000);
  subject.member.ready();
  await subject.step(1_000);
  expect(subject.take()).toEqual(['event Worker Ready']);
  return subject;
}

test('one heartbeat every 3 s; ready is told once', async () => {
  const { said, step } = await ready();
  await step(30_000);
  expect(said.filter((line) => line.startsWith('heartbeat'))).toHaveLength(10);
  expect(said.filter((line) => line.includes('Ready'))).toEqual([]);
});

test('protected before it owns a camera, unprotected when it owns none; a release is told after it is written', async () => {
  const { world, step, take } = await ready();
  world.assignments = dock();
  await step(3_000);
  expect(take()).toEqual(expect.arrayContaining(['protected', 'start dock-1#1']));
  world.assignments = {};
  await step(6_000);
  expect(take()).toEqual(['stop dock-1', 'release dock-1#1', 'event Camera Released dock-1', 'unprotected']);
});

test('an epoch that is over is not started again from a list that has not changed yet', async () => {
  const { world, step, take } = await ready();
  world.assignments = dock();
  await step(3_000);
  world.owns = false;
  await step(30_000);
  expect(take().filter((line) => /dock-1/.test(line))).toEqual([
    'start dock-1#1',
    'checkpoint dock-1#1',
    'stop dock-1 unpublished',
  ]);
  await step(9_000);
  expect(take().filter((line) => line.startsWith('start'))).toEqual([]);
  world.owns = true;
  world.assignments = dock(2);
  await step(3_000);
  expect(take()).toContain('start dock-1#2');
});

test('cut off: fenced once after 15 s; a camera that is gone from the list meanwhile is stopped without a word', async () => {
  const { world, step, take, member } = await ready();
  world.assignments = dock();
  await step(3_000);
  take();
  world.isCut = true;
  await step(20_000);
  expect(take()).toEqual(['fenced']);
  expect(member.isFenced()).toBe(true);
  world.isCut = false;
  world.assignments = {};
  await step(3_000);
  expect(take()).toEqual(['stop dock-1 unpublished', 'unprotected']);
  expect(member.isFenced()).toBe(false);
});

test('drain: everything is given back, told once, and a cut-off release is written when the line is back', async () => {
  const { world, step, take } = await ready();
  world.assignments = dock();
  await step(3_000);
  take();
  world.drain = { sinceMs: 0, reason: 'scale-in' };
  await step(9_000);
  expect(take()).toEqual([
    'stop dock-1',
    'release dock-1#1',
    'event Camera Released dock-1',
    'unprotected',
    'event Worker Drained',
  ]);
  world.drain = undefined;
  world.assignments = dock(2);
  await step(3_000);
  expect(take()).toEqual(expect.arrayContaining(['start dock-1#2', 'protected']));
  world.isCut = true;
  world.drain = { sinceMs: 0, reason: 'again' };
  await step(3_000);
  world.isCut = false;
  await step(6_000);
  expect(take()).toEqual(expect.arrayContaining(['stop dock-1', 'release dock-1#2', 'event Worker Drained']));
});

test('a camera whose row was removed and typed again begins anew, though its epochs start from 1 again', async () => {
  const { world, step, take } = await ready();
  world.assignments = dock(4);
  await step(3_000);
  world.assignments = {};
  await step(6_000);
  expect(take()).toContain('release dock-1#4');
  world.assignments = { 'dock-1': rigAssignment(rigCamera(), { epoch: 1, assignedAtMs: RIG_START_MS + 60_000 }) };
  await step(3_000);
  expect(take()).toContain('start dock-1#1');
});

test('a camera that a draining worker declines continues where its last owner stopped', async () => {
  const { world, said, step, take } = await ready();
  const resumeAfter = { fragmentNumber: '7', producerTimestampMs: 7_000 };
  world.drain = { sinceMs: 0, reason: 'scale-in' };
  world.assignments = { 'dock-1': rigAssignment(rigCamera(), { resumeAfter }) };
  await step(6_000);
  expect(said.some((line) => line.startsWith('start'))).toBe(false);
  expect(take()).toContain('release dock-1#1 after 7');
});

test('a worker that control has drained already leaves as soon as it is asked to', async () => {
  const { world, step, take, member } = await ready();
  world.assignments = dock();
  await step(3_000);
  world.drain = { sinceMs: 0, reason: 'its cameras fit on fewer workers' };
  await step(6_000);
  expect(take()).toContain('event Worker Drained');
  let hasLeft = false;
  void member.drain('SIGTERM').then(() => {
    hasLeft = true;
  });
  await step(1_000);
  expect(hasLeft).toBe(true);
  expect(take()).toEqual([]);
});
