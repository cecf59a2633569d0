/** Scale-in protection through the API and the agent endpoint, deployments, draining and deletion. */

import {
  DeleteServiceCommand,
  GetTaskProtectionCommand,
  RegisterTaskDefinitionCommand,
  UpdateContainerInstancesStateCommand,
  UpdateTaskProtectionCommand,
} from '@aws-sdk/client-ecs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type InProcessTask, inProcessRunner } from './in-process-runner.ts';
import {
  obedientTask,
  type SteppedCompute,
  startFleet,
  startMs,
  steppedCompute,
  type TestFleet,
  testFleet,
} from './stepped-compute.test-factory.ts';
import type { TaskRunner } from './task-runner.ts';

let cloud: SteppedCompute;
let fleet: TestFleet;
let launched: InProcessTask[];

const minuteMs = 60_000;

const protect = (task: string | undefined, protectionEnabled: boolean, expiresInMinutes?: number) =>
  cloud.ecs.send(
    new UpdateTaskProtectionCommand({
      cluster: fleet.names.cluster,
      tasks: [task ?? ''],
      protectionEnabled,
      ...(expiresInMinutes === undefined ? {} : { expiresInMinutes }),
    }),
  );
const running = () => cloud.tasks('RUNNING').map((task) => task.taskId);
const agentState = (taskId: string | undefined, init?: RequestInit) =>
  fetch(`${cloud.endpoint}/ecs-agent/${taskId}/task-protection/v1/state`, init);
const put = (body: unknown): RequestInit => ({
  method: 'PUT',
  body: typeof body === 'string' ? body : JSON.stringify(body),
});

const startWith = async (runner: TaskRunner, tasks: number, instances: number) => {
  cloud = await steppedCompute({ runner });
  fleet = startFleet(cloud);
  await fleet.grow(tasks, instances);
};
const start = (run: (task: InProcessTask) => Promise<number>, tasks: number, instances = tasks) => {
  const runner = inProcessRunner((task) => {
    launched.push(task);
    return run(task);
  });
  return startWith(runner, tasks, instances);
};
const obey = (task: InProcessTask) => obedientTask(task).then(() => 0);

beforeEach(() => {
  launched = [];
});
afterEach(async () => {
  await cloud.close();
  expect(cloud.warnings).toEqual([]);
});

describe('task protection', () => {
  it('keeps protected tasks on scale-in, stops the unprotected ones, and the excess once unprotected or expired', async () => {
    await start(obey, 3);
    const [first, second, third] = running();
    await protect(first, true);
    await protect(second, true, 10);
    await fleet.update({ desiredCount: 1 });
    await cloud.service.settled();
    expect(running()).toEqual([first, second]);
    expect(cloud.service.listTasks().find((task) => task.taskId === third)?.lastStatus).toBe('STOPPED');
    // AWS counts what runs, not what is wanted.
    expect(await fleet.service()).toMatchObject({ desiredCount: 1, runningCount: 2 });
    await cloud.step(10 * minuteMs - 1);
    expect(running()).toEqual([first, second]);
    await cloud.step(1);
    expect(running()).toEqual([first]);
    await fleet.update({ desiredCount: 0 });
    await cloud.service.settled();
    expect(running()).toEqual([first]);
    await protect(first, false);
    await cloud.service.settled();
    expect(running()).toEqual([]);
  });

  it('a timer that comes a millisecond early loses nothing: what is due then is done then', async () => {
    cloud = await steppedCompute({ runner: inProcessRunner(obey), wakesEarlyMs: 1 });
    fleet = startFleet(cloud);
    await fleet.grow(2);
    const [first, second] = running();
    await protect(first, true);
    await protect(second, true, 10);
    await fleet.update({ desiredCount: 1 });
    await cloud.step(10 * minuteMs);
    expect(running()).toEqual([first]);
    // Two more than there is room for: one is placed once an instance has come, however often that failed before.
    await fleet.update({ desiredCount: 4 });
    await cloud.step(50_000);
    await fleet.setInstances(3);
    await cloud.step(3 * minuteMs);
    expect(running()).toHaveLength(3);
  });

  it('answers as AWS does: expiry, default 120 minutes, limits, failures', async () => {
    await start(obey, 1);
    const [task] = running();
    const on = await protect(task, true);
    expect(on.protectedTasks?.[0]).toMatchObject({ protectionEnabled: true });
    expect(on.protectedTasks?.[0]?.expirationDate?.getTime()).toBe(startMs + 75_000 + 120 * minuteMs);
    await expect(protect(task, true, 0)).rejects.toMatchObject({ name: 'InvalidParameterException' });
    await expect(protect(task, true, 2_881)).rejects.toMatchObject({ name: 'InvalidParameterException' });
    const missing = await protect('0123456789abcdef0123456789abcdef', true);
    expect(missing.failures).toMatchObject([{ reason: 'MISSING' }]);
    const read = await cloud.ecs.send(
      new GetTaskProtectionCommand({ cluster: fleet.names.cluster, tasks: [task ?? ''] }),
    );
    expect(read.protectedTasks).toMatchObject([{ protectionEnabled: true }]);
  });

  it('works from inside the task through ECS_AGENT_URI', async () => {
    await start(obey, 1);
    const [task] = running();
    const environment = launched[0]?.environment ?? {};
    expect(environment.ECS_AGENT_URI).toBe(`${cloud.endpoint}/ecs-agent/${task}`);
    expect(environment).toMatchObject({
      LOG_LEVEL: 'INFO',
      AWS_ENDPOINT_URL: cloud.endpoint,
      AWS_REGION: 'eu-west-1',
      KVS_INFER_STAGE: 'test',
      KVS_INFER_FLEET: 'default',
    });
    const taskArn = `arn:aws:ecs:eu-west-1:000000000000:task/${fleet.names.cluster}/${task}`;
    expect(await (await agentState(task)).json()).toEqual({
      protection: { ProtectionEnabled: false, TaskArn: taskArn },
    });
    const on = await agentState(task, put({ ProtectionEnabled: true, ExpiresInMinutes: 60 }));
    expect(await on.json()).toEqual({
      protection: {
        ExpirationDate: new Date(startMs + 75_000 + 60 * minuteMs).toISOString(),
        ProtectionEnabled: true,
        TaskArn: taskArn,
      },
    });
    for (const wrong of [
      { ProtectionEnabled: true, ExpiresInMinutes: 2_881 },
      {},
      'not json',
      { ProtectionEnabled: 'yes' },
    ]) {
      const refused = await agentState(task, put(wrong));
      expect(refused.status).toBe(400);
      expect(await refused.json()).toMatchObject({ error: { Arn: taskArn, Code: 'InvalidParameterException' } });
    }
    expect((await agentState('unknown')).status).toBe(404);
  });

  it('serves container and task metadata', async () => {
    await start(obey, 1);
    const [task] = running();
    const base = launched[0]?.environment.ECS_CONTAINER_METADATA_URI_V4 ?? '';
    expect(await (await fetch(base)).json()).toMatchObject({ Name: 'worker', KnownStatus: 'RUNNING' });
    expect(await (await fetch(`${base}/task`)).json()).toMatchObject({
      TaskARN: `arn:aws:ecs:eu-west-1:000000000000:task/${fleet.names.cluster}/${task}`,
      Family: 'kvs-infer-gpu',
      Revision: '1',
      ServiceName: fleet.names.service,
      LaunchType: 'EC2',
      Containers: [{ Name: 'worker' }],
    });
  });
});

describe('deployments', () => {
  it('replaces tasks through surge capacity, at least the minimum healthy percent running, protected ones last', async () => {
    await start(obey, 2, 3);
    const [first, second] = running();
    await protect(first, true);
    const next = cloud.service.createFleet({ ...testFleet, taskEnvironment: { LOG_LEVEL: 'DEBUG' } });
    expect(next.taskDefinition).toBe('kvs-infer-gpu:2');
    await cloud.step(5_000);
    expect(cloud.service.listTasks().find((task) => task.taskId === second)?.lastStatus).toBe('STOPPED');
    const during = await fleet.service();
    expect(during.deployments).toMatchObject([
      { status: 'PRIMARY', rolloutState: 'IN_PROGRESS' },
      { status: 'ACTIVE', runningCount: 1 },
    ]);
    await cloud.step(30_000);
    expect(running()).toContain(first);
    expect(running()).toHaveLength(3);
    await protect(first, false);
    await cloud.service.settled();
    expect((await fleet.service()).deployments).toMatchObject([
      { status: 'PRIMARY', rolloutState: 'COMPLETED', runningCount: 2 },
    ]);
    const eventNames = cloud.eventsOf('ECS Deployment State Change').map((event) => event.detail.eventName);
    expect(eventNames.slice(-2)).toEqual(['SERVICE_DEPLOYMENT_IN_PROGRESS', 'SERVICE_DEPLOYMENT_COMPLETED']);
  });

  it('says DEPLOYMENT_BLOCKED where protection would keep more old tasks than are wanted', async () => {
    await start(obey, 2);
    const [first, second] = running();
    await protect(first, true);
    await protect(second, true);
    await fleet.update({ desiredCount: 1 });
    await fleet.update({ forceNewDeployment: true });
    await cloud.service.settled();
    const blocked = await protect(first, true);
    expect(running()).toEqual([first, second]);
    expect(blocked.failures).toMatchObject([{ reason: 'DEPLOYMENT_BLOCKED' }]);
    expect(blocked.protectedTasks).toEqual([]);
  });

  it('rolls back to the last good revision when the circuit breaker trips', async () => {
    const inner = inProcessRunner(obedientTask);
    await startWith(
      {
        start: (launch) =>
          'BROKEN' in launch.environment ? Promise.reject(new Error('no image')) : inner.start(launch),
        close: inner.close,
      },
      1,
      2,
    );
    cloud.service.createFleet({ ...testFleet, taskEnvironment: { BROKEN: '1' } });
    await cloud.step(60_000);
    const failed = cloud
      .eventsOf('ECS Deployment State Change')
      .filter((one) => one.detail.eventName === 'SERVICE_DEPLOYMENT_FAILED');
    expect(failed).toHaveLength(1);
    const service = await fleet.service();
    expect(service.taskDefinition).toMatch(/kvs-infer-gpu:1$/);
    expect(service).toMatchObject({ runningCount: 1 });
  });

  it('refuses a task definition that does not exist, and takes one registered by a client', async () => {
    await start(obey, 1);
    await expect(fleet.update({ taskDefinition: 'nothing:7' })).rejects.toMatchObject({ name: 'ClientException' });
    const { taskDefinition } = await cloud.ecs.send(
      new RegisterTaskDefinitionCommand({
        family: 'other',
        containerDefinitions: [
          { name: 'a', image: 'b', cpu: 10, memory: 20, environment: [{ name: 'X', value: 'y' }] },
        ],
      }),
    );
    expect(taskDefinition).toMatchObject({ family: 'other', revision: 1, status: 'ACTIVE' });
  });
});

describe('draining and deletion', () => {
  it('moves tasks off a DRAINING container instance when another has room', async () => {
    await start(obey, 1, 2);
    const [before] = cloud.tasks('RUNNING');
    await cloud.ecs.send(
      new UpdateContainerInstancesStateCommand({
        cluster: fleet.names.cluster,
        containerInstances: [before?.containerInstanceArn ?? ''],
        status: 'DRAINING',
      }),
    );
    await cloud.step(4_999);
    expect(cloud.tasks('RUNNING')).toMatchObject([{ taskId: before?.taskId }]);
    await cloud.step(1);
    const [after] = cloud.tasks('RUNNING');
    expect(after?.instanceId).not.toBe(before?.instanceId);
    expect(cloud.tasks('RUNNING')).toHaveLength(1);
  });

  it('a deleted service drains its tasks and becomes INACTIVE', async () => {
    await start(obey, 2);
    await expect(
      cloud.ecs.send(new DeleteServiceCommand({ cluster: fleet.names.cluster, service: fleet.names.service })),
    ).rejects.toMatchObject({ name: 'InvalidParameterException' });
    await cloud.ecs.send(
      new DeleteServiceCommand({ cluster: fleet.names.cluster, service: fleet.names.service, force: true }),
    );
    await cloud.service.settled();
    expect(running()).toEqual([]);
    expect(await fleet.service()).toMatchObject({ status: 'INACTIVE', runningCount: 0 });
    await expect(fleet.update({ desiredCount: 1 })).rejects.toMatchObject({ name: 'ServiceNotActiveException' });
  });
});
