/**
 * For tests: the local compute behind the real HTTP front, on a clock that only moves when stepped, with real SDK clients.
 * Tasks run in this process unless a runner is given. Invariant: `step` returns when nothing more happens at the new time.
 */
import {
  AutoScalingClient,
  DescribeAutoScalingGroupsCommand,
  SetDesiredCapacityCommand,
} from '@aws-sdk/client-auto-scaling';
import { EC2Client } from '@aws-sdk/client-ec2';
import { DescribeServicesCommand, ECSClient, UpdateServiceCommand } from '@aws-sdk/client-ecs';
import { afterEach, beforeEach, expect } from 'vitest';
import { startServiceFront } from '../http/service-front.test-factory.ts';
import type { CloudContext, LocalEvent } from '../service.ts';
import type { ComputeOptions } from './compute-world.ts';
import type { FleetDefinition } from './fleet.ts';
import { type InProcessTask, inProcessRunner } from './in-process-runner.ts';
import { createComputeService } from './service.ts';

export const startMs = Date.parse('2026-11-23T08:00:00Z');

export type EmittedEvent = Parameters<CloudContext['emit']>[0] & { atMs: number };

/** Round numbers, so that a test can say when things happen. */
export const roundTimings = {
  bootDelayMs: 60_000,
  registrationDelayMs: 10_000,
  taskStartDelayMs: 5_000,
  terminationDelayMs: 20_000,
} as const;

/** Runs until it is asked to stop, then exits with 0. */
export const obedientTask = (task: InProcessTask): Promise<void> =>
  new Promise((resolve) => {
    task.stopRequested.addEventListener('abort', () => resolve());
    task.killed.addEventListener('abort', () => resolve());
  });

/** @param options.wakesEarlyMs timers come so much early, as Node's do by the wall clock now and then. */
export async function steppedCompute(
  options: Partial<ComputeOptions> & { dataFolder?: string | null; wakesEarlyMs?: number } = {},
) {
  const events: EmittedEvent[] = [];
  const warnings: string[] = [];
  const front = await startServiceFront(
    (context) =>
      createComputeService(wakingEarly(context, options.wakesEarlyMs ?? 0), {
        ...roundTimings,
        runner: inProcessRunner(obedientTask),
        onWarning: (message) => warnings.push(message),
        ...options,
      }),
    {
      startMs,
      dataFolder: options.dataFolder ?? null,
      emit: (event, atMs) => void events.push({ ...event, atMs }),
    },
  );
  const { clock, faults, endpoint, service, client } = front;
  const ecs = new ECSClient(client);
  const autoScaling = new AutoScalingClient(client);
  const ec2 = new EC2Client(client);
  return {
    clock,
    events,
    faults,
    endpoint,
    service,
    warnings,
    ecs,
    autoScaling,
    ec2,
    /** Moves time forward; everything due now happens before, everything due on the way at its own time. */
    async step(stepMs: number) {
      await service.settled();
      await clock.step(stepMs, () => service.settled());
    },
    eventsOf: (detailType: LocalEvent['detail-type']) => events.filter((event) => event['detail-type'] === detailType),
    tasks: (status: string) => service.listTasks().filter((task) => task.lastStatus === status),
    async close() {
      for (const one of [ecs, autoScaling, ec2]) one.destroy();
      await front.close();
    },
  };
}

function wakingEarly(context: CloudContext, earlyMs: number): CloudContext {
  const { clock } = context;
  const setTimer = (delayMs: number, callback: () => void) =>
    clock.setTimer(delayMs > 10 ? delayMs - earlyMs : delayMs, callback);
  const early = { nowMs: () => clock.nowMs(), monotonicMs: () => clock.monotonicMs(), setTimer };
  return earlyMs === 0 ? context : { ...context, clock: early };
}

export type SteppedCompute = Awaited<ReturnType<typeof steppedCompute>>;

export const testFleet: FleetDefinition = {
  stage: 'test',
  fleet: 'default',
  min: 0,
  max: 4,
  taskEnvironment: { LOG_LEVEL: 'INFO' },
};

/** The test fleet in `cloud`, with the calls that tests make most. */
export function startFleet(cloud: SteppedCompute) {
  const names = cloud.service.createFleet(testFleet);
  const setInstances = (DesiredCapacity: number) =>
    cloud.autoScaling.send(
      new SetDesiredCapacityCommand({ AutoScalingGroupName: names.autoScalingGroup, DesiredCapacity }),
    );
  const update = (change: { desiredCount?: number; taskDefinition?: string; forceNewDeployment?: boolean }) =>
    cloud.ecs.send(new UpdateServiceCommand({ cluster: names.cluster, service: names.service, ...change }));
  return {
    names,
    setInstances,
    update,
    setTasks: (desiredCount: number) => update({ desiredCount }),
    async group() {
      const AutoScalingGroupNames = [names.autoScalingGroup];
      const answer = await cloud.autoScaling.send(new DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames }));
      return only(answer.AutoScalingGroups);
    },
    async service() {
      const { cluster, service } = names;
      return only((await cloud.ecs.send(new DescribeServicesCommand({ cluster, services: [service] }))).services);
    },
    /** `tasks` running tasks on `instances` instances, 75 s after the start. */
    async grow(tasks: number, instances = tasks) {
      await setInstances(instances);
      await cloud.step(70_000);
      await update({ desiredCount: tasks });
      await cloud.step(5_000);
      if (cloud.tasks('RUNNING').length !== tasks) throw new Error(`expected ${tasks} running tasks`);
    },
  };
}

export type TestFleet = ReturnType<typeof startFleet>;

function only<Item>(items: Item[] | undefined): Item {
  const [item] = items ?? [];
  if (items?.length !== 1 || item === undefined) throw new Error(`expected one, found ${items?.length ?? 'none'}`);
  return item;
}

/**
 * A cloud and a fleet of its own for each test of a file; a warning fails the test.
 * @param inUse the cloud at the end of the test, which may have replaced the one it was given.
 */
export function eachTestWithFleet(
  take: (cloud: SteppedCompute, fleet: TestFleet) => void,
  inUse: () => SteppedCompute,
): void {
  beforeEach(async () => {
    const cloud = await steppedCompute();
    take(cloud, startFleet(cloud));
  });
  afterEach(async () => {
    await inUse().close();
    expect(inUse().warnings).toEqual([]);
  });
}
