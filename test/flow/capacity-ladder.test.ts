/** EC2 has no machine where the fleet usually finds one: what it does before the window opens, and how it comes back. */
import { DescribeAutoScalingGroupsCommand } from '@aws-sdk/client-auto-scaling';
import { afterEach, expect, test, vi } from 'vitest';
import { cameraRow } from './camera-that-sends.ts';
import { type SteppedSystem, startSteppedSystem } from './stepped-system.ts';

vi.setConfig({ testTimeout: 120_000 });

const minuteMs = 60_000;
const policy = {
  instanceTypes: ['g4dn.xlarge', 'g4dn.2xlarge'],
  fallbackInstanceTypes: ['g5.xlarge'],
  spotPercent: 100,
};

let system: SteppedSystem;
afterEach(() => system.close());

/** Ten minutes before the window of one camera that sends. */
async function beforeTheWindow() {
  system = await startSteppedSystem({ start: '2026-11-24T07:50:20Z', policy });
  await system.createStream('dock-1');
  system.send('dock-1');
  await system.putRow(
    cameraRow('dock-1', { schedule: { timeZone: 'UTC', windows: [{ start: '08:00', end: '20:00' }] } }),
  );
}

const instances = () =>
  system.instances().map(({ instanceType, lifecycle, availabilityZone }) => ({
    ...{ instanceType, lifecycle, availabilityZone },
  }));

async function launchChoice() {
  const answer = await system.clients.autoScaling.send(new DescribeAutoScalingGroupsCommand({}));
  const mixed = answer.AutoScalingGroups?.[0]?.MixedInstancesPolicy;
  return {
    onDemandPercent: mixed?.InstancesDistribution?.OnDemandPercentageAboveBaseCapacity,
    types: mixed?.LaunchTemplate?.Overrides?.map(({ InstanceType }) => InstanceType),
  };
}

test('one type or zone alone is short: Auto Scaling finds the next by itself, and nothing climbs', async () => {
  await beforeTheWindow();
  system.cloud.compute.setShortages([{ instanceType: 'g4dn.xlarge' }, { zone: 'eu-west-1a' }]);
  await system.passUntil('2026-11-24T08:00:30Z');
  expect(instances()).toEqual([{ instanceType: 'g4dn.2xlarge', lifecycle: 'spot', availabilityZone: 'eu-west-1b' }]);
  expect(await launchChoice()).toEqual({ onDemandPercent: 0, types: policy.instanceTypes });
  expect(await system.camera('dock-1')).toMatchObject({ phase: 'running' });
});

test('no Spot and no g4dn: on demand, then another family, in time; and back once the shortage is old', async () => {
  await beforeTheWindow();
  system.cloud.compute.setShortages([
    { market: 'spot' },
    { instanceType: 'g4dn.xlarge' },
    { instanceType: 'g4dn.2xlarge' },
  ]);
  await system.passUntil('2026-11-24T08:00:30Z');
  expect(instances()).toMatchObject([{ instanceType: 'g5.xlarge', lifecycle: 'on-demand' }]);
  expect(await system.camera('dock-1')).toMatchObject({ phase: 'running' });
  const reasons = (await system.decisions()).map(({ reason }) => reason);
  const climbs = ['launches on demand, because', 'launches on demand with g5.xlarge, because'];
  for (const words of climbs) expect(reasons.filter((reason) => reason.includes(words))).not.toEqual([]);
  expect((await system.decisions()).flatMap(({ problems }) => problems ?? [])).toEqual([]);

  // The shortage ends, and is forgotten 15 minutes after it was seen; what runs on goes on.
  system.cloud.compute.setShortages([]);
  await system.passUntil('2026-11-24T08:05:00Z');
  expect(await launchChoice()).toMatchObject({ onDemandPercent: 100 });
  await system.passUntil('2026-11-24T08:10:00Z');
  expect(await launchChoice()).toEqual({ onDemandPercent: 0, types: policy.instanceTypes });
  await system.pass(minuteMs);
  expect(instances()).toMatchObject([{ instanceType: 'g5.xlarge', lifecycle: 'on-demand' }]);
  expect(await system.camera('dock-1')).toMatchObject({ phase: 'running' });
});

test('nothing is to be had anywhere: it is said before the window opens, and the next machine is taken', async () => {
  await beforeTheWindow();
  system.cloud.compute.setShortages([{}]);
  await system.passUntil('2026-11-24T08:00:00Z');
  const problems = (await system.decisions()).flatMap(({ at, problems: words }) =>
    (words ?? []).map((problem) => ({ at, problem })),
  );
  expect(problems[0]?.problem).toMatch(/^no capacity: 1 instance is missing, and nothing is left to try/);
  // Told three rungs after the order, while there was still time to do something.
  expect(problems[0]?.at.slice(0, 16)).toBe('2026-11-24T07:54');

  system.cloud.compute.setShortages([{ market: 'spot' }]);
  await system.passUntilSo(
    'dock-1 running',
    async () => (await system.camera('dock-1')).phase === 'running',
    8 * minuteMs,
    5_000,
  );
  expect(instances()).toMatchObject([{ instanceType: 'g4dn.xlarge', lifecycle: 'on-demand' }]);
});
