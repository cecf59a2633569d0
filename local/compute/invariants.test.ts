/** Whatever clients, operators and the cloud do in whatever order: what must stay true of instances and tasks stays true. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UpdateTaskProtectionCommand } from '@aws-sdk/client-ecs';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { parseQuery } from './query-protocol.ts';
import { type SteppedCompute, startFleet, steppedCompute, type TestFleet } from './stepped-compute.test-factory.ts';

let cloud: SteppedCompute | undefined;
afterEach(async () => {
  await cloud?.close();
  cloud = undefined;
});

type Action =
  | { do: 'instances' | 'tasks'; count: number }
  | { do: 'step'; seconds: number }
  | { do: 'kill' | 'protect' | 'unprotect' | 'spot'; which: number }
  | { do: 'shortage'; on: boolean }
  | { do: 'deploy' };

const action: fc.Arbitrary<Action> = fc.oneof(
  fc.record({ do: fc.constantFrom('instances' as const, 'tasks' as const), count: fc.integer({ min: 0, max: 4 }) }),
  { weight: 2, arbitrary: fc.record({ do: fc.constant('step' as const), seconds: fc.integer({ min: 1, max: 200 }) }) },
  fc.record({
    do: fc.constantFrom('kill' as const, 'protect' as const, 'unprotect' as const, 'spot' as const),
    which: fc.nat(3),
  }),
  fc.record({ do: fc.constant('shortage' as const), on: fc.boolean() }),
  fc.record({ do: fc.constant('deploy' as const) }),
);

async function perform(running: SteppedCompute, fleet: TestFleet, change: Action): Promise<void> {
  const task = 'which' in change ? running.tasks('RUNNING')[change.which] : undefined;
  switch (change.do) {
    case 'instances':
      await fleet.setInstances(change.count);
      break;
    case 'tasks':
      await fleet.setTasks(change.count);
      break;
    case 'step':
      await running.step(change.seconds * 1_000);
      break;
    case 'shortage':
      running.service.setShortages(change.on ? [{}] : []);
      break;
    case 'deploy':
      await fleet.update({ forceNewDeployment: true });
      break;
    case 'spot': {
      const alive = running.service.listInstances().filter((one) => one.ec2State === 'running');
      const chosen = alive[change.which];
      if (chosen !== undefined) running.service.interruptSpot(chosen.id);
      break;
    }
    case 'kill':
      if (task !== undefined) running.service.killTask(task.taskId, 'SIGKILL');
      break;
    default:
      if (task !== undefined) await setProtection(running, fleet, task.taskId, change.do === 'protect');
  }
  await running.service.settled();
}

const setProtection = (running: SteppedCompute, fleet: TestFleet, taskId: string, protectionEnabled: boolean) =>
  running.ecs.send(
    new UpdateTaskProtectionCommand({ cluster: fleet.names.cluster, tasks: [taskId], protectionEnabled }),
  );

function check(running: SteppedCompute, protectedBefore: Set<string>): void {
  const tasks = running.service.listTasks();
  const holding = tasks.filter((task) => task.lastStatus !== 'STOPPED').map((task) => task.containerInstanceArn);
  expect(new Set(holding).size, 'one task per GPU').toBe(holding.length);
  for (const task of tasks) {
    if (task.stopCode === 'ServiceSchedulerInitiated') {
      expect(protectedBefore.has(task.taskId), 'a service stopped a protected task').toBe(false);
    }
  }
  const hosts = new Set(
    running.service
      .listInstances()
      .filter((one) => one.ec2State !== 'terminated')
      .map((one) => one.id),
  );
  for (const task of tasks) {
    if (task.lastStatus === 'RUNNING') expect(hosts.has(task.instanceId ?? ''), 'a task without a host').toBe(true);
  }
}

describe('invariants', () => {
  it('hold under any sequence of changes, and the fleet reaches what was asked for once the changes end', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 3, maxLength: 14 }), async (actions) => {
        const running = await steppedCompute();
        try {
          const fleet = startFleet(running);
          for (const step of actions) {
            // No action is long enough for protection to expire: only `unprotect` ends it.
            const before = new Set(
              running.service
                .listTasks()
                .filter((task) => task.protected)
                .map((task) => task.taskId),
            );
            const stoppedBefore = new Set(running.tasks('STOPPED').map((task) => task.taskId));
            await perform(running, fleet, step);
            if (step.do === 'unprotect') before.clear();
            for (const id of stoppedBefore) before.delete(id);
            check(running, before);
          }
          running.service.setShortages([]);
          for (const task of running.service.listTasks().filter((one) => one.protected)) {
            await setProtection(running, fleet, task.taskId, false);
          }
          await fleet.setInstances(4);
          await fleet.setTasks(2);
          await running.step(3 * 3_600_000);
          expect(await fleet.service()).toMatchObject({ runningCount: 2, pendingCount: 0 });
          expect((await fleet.group()).Instances?.map((one) => one.LifecycleState)).toEqual(Array(4).fill('InService'));
          expect(running.warnings).toEqual([]);
        } finally {
          await running.close();
        }
      }),
      { numRuns: 25 },
    );
  });
});

describe('stopTasks', () => {
  it('ends every task in order and replaces none', async () => {
    cloud = await steppedCompute();
    await startFleet(cloud).grow(2);
    await cloud.service.stopTasks();
    await cloud.step(600_000);
    expect(cloud.service.listTasks()).toMatchObject([
      { lastStatus: 'STOPPED', exitCode: 0 },
      { lastStatus: 'STOPPED', exitCode: 0 },
    ]);
  });
});

describe('a second start', () => {
  it('finds its definitions and makes the instances and tasks again', async () => {
    const dataFolder = mkdtempSync(join(tmpdir(), 'kvs-infer-compute-'));
    try {
      cloud = await steppedCompute({ dataFolder });
      const before = startFleet(cloud);
      await before.grow(2);
      const oldIds = cloud.service.listInstances().map((one) => one.id);
      await cloud.close();

      cloud = await steppedCompute({ dataFolder });
      const after = startFleet(cloud);
      expect(after.names).toEqual(before.names);
      expect(await after.group()).toMatchObject({ DesiredCapacity: 2 });
      await cloud.step(600_000);
      expect(await after.service()).toMatchObject({ desiredCount: 2, runningCount: 2 });
      expect(cloud.service.listInstances().some((one) => oldIds.includes(one.id))).toBe(false);
      await cloud.close();

      writeFileSync(join(dataFolder, 'compute.json'), '{"formatVersion": 1, "groups": [');
      cloud = undefined;
      await expect(steppedCompute({ dataFolder })).rejects.toMatchObject({ code: 'LOCAL_STATE_UNREADABLE' });
    } finally {
      rmSync(dataFolder, { recursive: true, force: true });
    }
  });

  it('goes on, with a warning, where its state cannot be saved', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kvs-infer-compute-'));
    try {
      const file = join(folder, 'a-file');
      writeFileSync(file, '');
      cloud = await steppedCompute({ dataFolder: join(file, 'below') }).catch(() => undefined);
      // Below a file nothing can be read either: the start itself says so.
      expect(cloud).toBeUndefined();
      cloud = await steppedCompute({ dataFolder: join(folder, 'state') });
      writeFileSync(join(folder, 'state'), '');
      await startFleet(cloud).grow(1);
      expect(cloud.warnings[0]).toMatch(/^LOCAL_STATE_NOT_SAVED: /);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe('parseQuery', () => {
  it('gives back lists and structures as a client flattened them', () => {
    expect(
      parseQuery(
        'Action=X&Names.member.2=b&Names.member.1=a&Tags.member.1.Key=k&Tags.member.1.Value=v&A.B.C=1&Filter.1.Value.1=z',
      ),
    ).toEqual({
      Action: 'X',
      Names: ['a', 'b'],
      Tags: [{ Key: 'k', Value: 'v' }],
      A: { B: { C: '1' } },
      Filter: [{ Value: ['z'] }],
    });
  });

  it('takes any text without throwing or touching prototypes', () => {
    fc.assert(
      fc.property(fc.string(), (form) => {
        parseQuery(form);
        parseQuery(`__proto__.polluted=1&constructor.prototype.polluted=1&${form}`);
        expect(({} as Record<string, unknown>).polluted).toBeUndefined();
      }),
    );
  });
});
