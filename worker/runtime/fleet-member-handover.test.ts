/** What a member does with cameras that come and go make-before-break: it stands by for some and hands others over. */
import { expect, test } from 'vitest';
import { rigAssignment, rigCamera } from '../worker-rig.test-factory.ts';
import { dock, ready } from './fleet-member.test-factory.ts';

const handover = (untilMs?: number) => ({
  ...{ sinceMs: 0, reason: 'scale-in' },
  handover: untilMs === undefined ? {} : { untilMs },
});

test('a drain with a handover: cameras are watched until they are taken off the list one by one', async () => {
  const { world, step, take } = await ready();
  const yard = rigAssignment(rigCamera({ cameraId: 'yard-1' }));
  world.assignments = { ...dock(), 'yard-1': yard };
  await step(3_000);
  take();
  world.drain = handover();
  await step(60_000);
  expect(take().filter((line) => !line.startsWith('checkpoint'))).toEqual([]);
  world.assignments = { 'yard-1': yard };
  await step(3_000);
  expect(take()).toEqual(expect.arrayContaining(['stop dock-1', 'release dock-1#1']));
  world.assignments = {};
  await step(3_000);
  expect(take()).toEqual(expect.arrayContaining(['stop yard-1', 'release yard-1#1', 'event Worker Drained']));
});

test('cameras are taken off the list while others still flush: protected until control knows of every release', async () => {
  const { world, step, stepMeanwhile, take } = await ready();
  const yard = rigAssignment(rigCamera({ cameraId: 'yard-1' }));
  world.assignments = { ...dock(), 'yard-1': yard };
  await step(3_000);
  world.drain = handover();
  await step(3_000);
  take();
  const dockFlush = Promise.withResolvers<void>();
  const yardFlush = Promise.withResolvers<void>();
  world.flushes = { 'dock-1': dockFlush.promise, 'yard-1': yardFlush.promise };
  world.assignments = { 'yard-1': yard };
  await stepMeanwhile(3_000);
  world.assignments = {};
  await stepMeanwhile(3_000);
  expect(take()).toEqual(['stop dock-1', 'stop yard-1']);
  dockFlush.resolve();
  await stepMeanwhile(3_000);
  expect(take()).toEqual(['release dock-1#1', 'event Camera Released dock-1']);
  yardFlush.resolve();
  await step(3_000);
  expect(take()).toEqual(['release yard-1#1', 'event Camera Released yard-1', 'unprotected', 'event Worker Drained']);
});

test.each(['drained', 'empty'])(
  'a worker that is %s stays protected while a release cannot be written',
  async (how) => {
    const { world, step, take } = await ready();
    world.assignments = dock();
    await step(3_000);
    take();
    if (how === 'drained') world.drain = { sinceMs: 0, reason: 'scale-in' };
    else world.assignments = {};
    world.isProgressCut = true;
    await step(9_000);
    expect(take()).toEqual(['stop dock-1']);
    world.isProgressCut = false;
    await step(6_000);
    expect(take()).toEqual(expect.arrayContaining(['release dock-1#1', 'unprotected']));
  },
);

test('a drain with an end gives up what is left then, to the second; an end that is brought forward counts', async () => {
  const { world, step, take } = await ready();
  world.assignments = dock();
  await step(3_000);
  take();
  world.drain = handover(90_000);
  await step(6_000);
  world.drain = handover(20_000);
  await step(7_000);
  expect(take()).toEqual([]);
  await step(2_000);
  expect(take()).toEqual(expect.arrayContaining(['stop dock-1', 'release dock-1#1', 'event Worker Drained']));
});

test('a worker that hands over leaves at once when it is told to go', async () => {
  const { world, step, take, member } = await ready();
  world.assignments = dock();
  await step(3_000);
  world.drain = handover();
  await step(3_000);
  take();
  void member.drain('SIGTERM');
  await step(1_000);
  expect(take()).toEqual(expect.arrayContaining(['stop dock-1', 'release dock-1#1']));
});

test('stands by as it is told, says once that it is ready, listens closely then, and takes over what it prepared', async () => {
  const { world, said, step, take, standbys } = await ready();
  world.standbys = { 'dock-1': { streamName: 'dock-1', model: 'default', sinceMs: 5 } };
  await step(4_000);
  // Protected before it owns anything: ECS would take it for the one that becomes empty.
  expect(take()).toEqual(['standby dock-1#next#0', 'protected']);
  standbys.reported({ 'dock-1#next#0': { state: 'ready', reason: '' } });
  said.splice(0);
  await step(6_000);
  expect(said.filter((line) => line.startsWith('heartbeat')).length).toBeGreaterThanOrEqual(6);
  expect(take()).toEqual(['event Standby Ready']);
  world.standbys = {};
  world.assignments = dock(2);
  await step(1_000);
  expect(take()).toEqual(expect.arrayContaining(['takes over dock-1#next#0', 'start dock-1#2']));
  said.splice(0);
  await step(9_000);
  expect(said.filter((line) => line.startsWith('heartbeat'))).toHaveLength(3);
});

test('a standby that is called off or asked for anew is stopped first; a draining worker stands by for nobody', async () => {
  const { world, step, take } = await ready();
  const order = (sinceMs: number) => ({ 'dock-1': { streamName: 'dock-1', model: 'default', sinceMs } });
  world.standbys = order(5);
  await step(3_000);
  world.standbys = order(6);
  await step(3_000);
  const said = take();
  expect(said).toContain('protected');
  const streams = said.filter((line) => line !== 'protected');
  expect(streams).toEqual(['standby dock-1#next#0', 'standby-stop dock-1#next#0', 'standby dock-1#next#1']);
  world.standbys = {};
  await step(3_000);
  expect(take()).toEqual(['standby-stop dock-1#next#1', 'unprotected']);
  world.standbys = order(7);
  await step(3_000);
  world.drain = handover();
  await step(3_000);
  expect(take()).toEqual(expect.arrayContaining(['standby-stop dock-1#next#2', 'unprotected']));
});
