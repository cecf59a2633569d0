/**
 * The alarms on what machines report of themselves. CPU and memory: a task that is a real process, measured as the local
 * cloud measures every worker. GPUs: the script that instances run each minute, with a stand-in for `nvidia-smi` alone. NAT: AWS
 * itself is who counts, so its metric is put as AWS documents it. All against the deployment's own alarms, in virtual time.
 * Invariant: time moves by the clock alone; a process is waited for by its answer.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { SetDesiredCapacityCommand } from '@aws-sdk/client-auto-scaling';
import { PutMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { UpdateServiceCommand } from '@aws-sdk/client-ecs';
import { afterEach, describe, expect, it } from 'vitest';
import { awsClients } from '../../aws/clients.ts';
import { natAlarms } from '../../core/alarms.ts';
import { SteppedClock } from '../../local/clock.ts';
import { startLocalCloud } from '../../local/cloud.ts';
import type { AlarmChange } from '../../local/cloudwatch/alarm-watch.ts';
import { processRunner } from '../../local/compute/process-runner.ts';
import { watchStageAlarms } from '../../local/stage-alarms.ts';
import { awsThatTells, callOf, gpuInstance } from '../../stacks/fleet/gpu-metrics.test-factory.ts';
import { alarmPrefix, ringsAndCeases } from './ringing.ts';

const region = 'eu-west-1';
const minuteMs = 60_000;
/** So little is reserved that a minute of it is a tenth of a second: 2/1,024 of a vCPU. */
const cpuUnits = 2;
const burnMs = 150;
const memoryMiB = 256;
/** Node takes some 50 of them for itself. */
const heldMiB = 200;

/** Does what it is asked to, and answers when that is done. */
const taskScript = `
  import { createServer } from 'node:http';
  const held = [];
  createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url, 'http://task');
    if (pathname === '/burn') {
      const before = process.cpuUsage();
      const usedMs = ({ user, system } = process.cpuUsage(before)) => (user + system) / 1_000;
      while (usedMs() < Number(searchParams.get('ms'))) {}
    }
    if (pathname === '/hold') held.push(Buffer.alloc(Number(searchParams.get('mib')) * 1024 * 1024, 1));
    response.end(String(held.length));
  }).listen(Number(process.env.HTTP_PORT), '127.0.0.1', () => console.log('listening'));
`;

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function startMachines() {
  process.env.AWS_ACCESS_KEY_ID = 'local';
  process.env.AWS_SECRET_ACCESS_KEY = 'local';
  const folder = await mkdtemp(path.join(os.tmpdir(), 'kvs-infer-machines-'));
  closing.push(() => rm(folder, { recursive: true, force: true }));
  await writeFile(path.join(folder, 'task.mjs'), taskScript);
  const clock = new SteppedClock(Date.parse('2026-11-24T08:00:00Z'));
  let heard = Promise.withResolvers<void>();
  const runner = processRunner({ cwd: folder, onLog: (_taskId, line) => line === 'listening' && heard.resolve() });
  const compute = { runner, bootDelayMs: 60_000, registrationDelayMs: 5_000 };
  const cloud = await startLocalCloud({
    ...{ port: 0, portSearch: false, dataFolder: null, log: () => {} },
    ...{ clock, region, accountId: '123456789012', compute },
  });
  const clients = awsClients({ region, endpoint: cloud.endpoint });
  closing.push(async () => {
    clients.destroy();
    await cloud.close();
  });
  const { names, fleets } = await cloud.createStageResources({
    stage: 'test',
    fleets: [
      {
        ...{ fleet: 'default', min: 0, max: 1, taskEnvironment: {}, command: ['node', 'task.mjs'] },
        ...{ cpuUnits, memoryMiB },
      },
    ],
  });
  const alarmChanges: AlarmChange[] = [];
  const onChange = (change: AlarmChange) => void alarmChanges.push(change);
  const settle = async () => {
    await cloud.compute.settled();
    await cloud.lambda.settled();
  };
  const machines = {
    ...{ cloud, clients, names, clock, alarmChanges, onChange },
    alarms: watchStageAlarms(cloud, { stage: 'test', fleets: ['default'], names, onChange }),
    /** What happens in each minute, before the clock moves on. */
    eachMinute: async (): Promise<unknown> => undefined,
    async advance(seconds: number) {
      for (let passedMs = 0; passedMs < seconds * 1_000; passedMs += minuteMs) {
        await machines.eachMinute();
        await clock.step(minuteMs, settle);
      }
    },
    async startTask() {
      const { cluster = '', service = '', autoScalingGroup } = fleets[0] ?? {};
      const group = { AutoScalingGroupName: autoScalingGroup, DesiredCapacity: 1 };
      await clients.autoScaling.send(new SetDesiredCapacityCommand(group));
      await clients.ecs.send(new UpdateServiceCommand({ cluster, service, desiredCount: 1 }));
      await machines.taskListens();
    },
    async taskListens() {
      await machines.advance(120);
      await heard.promise;
      heard = Promise.withResolvers();
    },
    task: () => cloud.compute.listTasks().find(({ lastStatus }) => lastStatus === 'RUNNING'),
    async ask(pathAndQuery: string) {
      const answer = await fetch(`http://127.0.0.1:${machines.task()?.httpPort}${pathAndQuery}`);
      expect(answer.status).toBe(200);
      await answer.text();
    },
  };
  return machines;
}

/** An instance's script, each minute. */
async function startGpu(test: Awaited<ReturnType<typeof startMachines>>) {
  const instance = await gpuInstance();
  closing.push(instance.remove);
  await instance.program('systemctl', 'true');
  await instance.program('aws', awsThatTells);
  const { metricNamespace: namespace } = test.names;
  expect(await instance.install({ namespace, stage: 'test', fleet: 'default', region })).toMatchObject({ code: 0 });
  const shows = (loadPercent: number, usedMib: number) =>
    instance.program('nvidia-smi', `echo "${loadPercent}, ${usedMib}, 15360"`);
  await shows(60, 9_000);
  test.eachMinute = async () => {
    const { words, metricData } = callOf((await instance.report()).stdout);
    const Namespace = words[words.indexOf('--namespace') + 1];
    await test.clients.cloudWatch.send(new PutMetricDataCommand({ Namespace, MetricData: metricData }));
  };
  await test.advance(900);
  return shows;
}

describe('alarms of what machines report', () => {
  it.skipIf(process.platform !== 'linux')('a worker computes all the time', async () => {
    const test = await startMachines();
    await test.startTask();
    await test.advance(900);
    test.eachMinute = () => test.ask(`/burn?ms=${burnMs}`);
    await ringsAndCeases(test, 'a worker computes all the time', 14, () => {
      test.eachMinute = async () => undefined;
    });
  });

  it.skipIf(process.platform !== 'linux')('a worker takes memory and keeps it', async () => {
    const test = await startMachines();
    await test.startTask();
    await test.advance(600);
    await test.ask(`/hold?mib=${heldMiB}`);
    await ringsAndCeases(test, 'a worker takes memory and keeps it', 9, async () => {
      // What the alarm says to do.
      const taskId = test.task()?.taskId ?? '';
      test.cloud.compute.killTask(taskId, 'SIGTERM');
      await test.cloud.compute.taskReached(taskId, 'STOPPED');
      await test.taskListens();
    });
  });

  it('a GPU is busy all the time', async () => {
    const test = await startMachines();
    const shows = await startGpu(test);
    await shows(98, 9_000);
    await ringsAndCeases(test, 'a GPU is busy all the time', 14, () => shows(60, 9_000));
  });

  it('the memory of a GPU fills', async () => {
    const test = await startMachines();
    const shows = await startGpu(test);
    await shows(60, 14_500);
    await ringsAndCeases(test, 'the memory of a GPU fills', 14, () => shows(60, 9_000));
  });

  it.each([
    { kind: 'managed', namespace: 'AWS/NATGateway', metric: 'BytesInFromDestination', dimension: 'NatGatewayId' },
    { kind: 'ec2', namespace: 'AWS/EC2', metric: 'NetworkIn', dimension: 'InstanceId' },
  ] as const)('video passes NAT: $kind', async ({ kind, namespace, metric, dimension }) => {
    const machines = await startMachines();
    const { alarmChanges, cloud, onChange } = machines;
    const alarms = cloud.cloudWatch.watchAlarms({
      ...{ prefix: alarmPrefix, alarms: natAlarms(['nat-1', 'nat-2'], kind), eachMinute: () => {}, onChange },
    });
    const test = { ...machines, alarms };
    let bytesPerMinute = 500_000_000;
    machines.eachMinute = async () =>
      cloud.context.putMetric(namespace, metric, { [dimension]: 'nat-1' }, bytesPerMinute);
    await test.advance(3 * 3_600);
    bytesPerMinute = 1_000_000_000;
    await ringsAndCeases(test, 'video passes NAT', 70, () => {
      bytesPerMinute = 500_000_000;
    });
    expect(alarmChanges.filter(({ alarm, to }) => alarm.endsWith('nat-bytes-high-2') && to === 'ALARM')).toEqual([]);
  });
});
