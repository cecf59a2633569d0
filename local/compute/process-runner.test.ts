/** Tasks as real processes: signals, output, environment, and nothing left behind. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SetDesiredCapacityCommand } from '@aws-sdk/client-auto-scaling';
import { UpdateServiceCommand } from '@aws-sdk/client-ecs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { processRunner } from './process-runner.ts';
import { steppedCompute, testFleet } from './stepped-compute.test-factory.ts';
import type { TaskRunner } from './task-runner.ts';

/** Says what it was given; on SIGTERM ends with 7, or not at all when STUBBORN. Never ends by itself. */
const taskScript = `
  process.on('SIGTERM', () => {
    console.log('asked to stop');
    if (process.env.STUBBORN === undefined) process.exit(7);
  });
  setInterval(() => {}, 1_000_000);
  if (process.env.WATCH_PORT) (await import('node:net')).connect(Number(process.env.WATCH_PORT), '127.0.0.1');
  console.log('ready ' + JSON.stringify(process.env));
  console.error('x'.repeat(20_000));
`;

let folder: string;
let lines: { taskId: string; line: string }[];
let lineArrived: () => void;
let runner: TaskRunner;

/** Resolves with the first line, past or future, that starts with `prefix`. */
const lineStarting = async (prefix: string): Promise<string> => {
  for (;;) {
    const found = lines.find(({ line }) => line.startsWith(prefix));
    if (found !== undefined) return found.line;
    await new Promise<void>((resolve) => {
      lineArrived = resolve;
    });
  }
};
const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

/** A process that is not our child says nothing when it ends, but the connection it holds does. */
const watchConnections = async () => {
  const connections: Socket[] = [];
  let connected = (): void => {};
  const server = createServer((socket) => {
    socket.resume().on('error', () => {});
    connections.push(socket);
    connected();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: String((server.address() as AddressInfo).port),
    async next(): Promise<Socket> {
      while (connections.length === 0) {
        await new Promise<void>((resolve) => {
          connected = resolve;
        });
      }
      return connections.shift() as Socket;
    },
    close: () => server.close(),
  };
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kvs-infer-runner-'));
  writeFileSync(join(folder, 'task.mjs'), taskScript);
  lines = [];
  lineArrived = () => {};
  runner = processRunner({
    cwd: folder,
    onLog: (taskId, line) => {
      lines.push({ taskId, line });
      lineArrived();
    },
  });
});
afterEach(async () => {
  await runner.close();
  rmSync(folder, { recursive: true, force: true });
});

const launch = (environment: Record<string, string> = {}) =>
  runner.start({ taskId: 't1', command: ['node', 'task.mjs'], environment });

describe('processRunner', () => {
  it('gives the task its environment, a port of its own, and nothing else of ours', async () => {
    process.env.KVS_INFER_TEST_SECRET = 'must not leak';
    await launch({ GREETING: 'hello' });
    const environment = JSON.parse((await lineStarting('ready ')).slice(6)) as Record<string, string>;
    delete process.env.KVS_INFER_TEST_SECRET;
    expect(environment).toMatchObject({ GREETING: 'hello', KVS_INFER_PARENT_PIPE: 'stdin', PATH: process.env.PATH });
    expect(Number(environment.HTTP_PORT)).toBeGreaterThan(1_023);
    const allowed = ['GREETING', 'HOME', 'HTTP_PORT', 'KVS_INFER_PARENT_PIPE', 'PATH'];
    expect(Object.keys(environment).filter((name) => !allowed.includes(name) && !name.startsWith('__CF'))).toEqual([]);
    expect((await lineStarting('xxx')).length).toBe(8_192);
  });

  it('lets a task end itself on SIGTERM', async () => {
    const task = await launch();
    await lineStarting('ready ');
    task.signal('SIGTERM');
    expect(await task.exited).toEqual({ exitCode: 7, reason: null });
  });

  it('reports a command that cannot be started, and one that a signal ended', async () => {
    await expect(runner.start({ taskId: 't', command: ['/no/such/program'], environment: {} })).rejects.toThrow(
      /ENOENT/,
    );
    const task = await launch();
    task.signal('SIGKILL');
    expect(await task.exited).toEqual({ exitCode: 137, reason: null });
  });

  it('close leaves no process of a task behind, its children included', async () => {
    const watch = await watchConnections();
    writeFileSync(
      join(folder, 'parent.mjs'),
      `import { spawn } from 'node:child_process';
       spawn(process.execPath, ['task.mjs'], { stdio: 'inherit' });
       setInterval(() => {}, 1_000_000);`,
    );
    const environment = { WATCH_PORT: watch.port, STUBBORN: '1' };
    const task = await runner.start({ taskId: 't', command: ['node', 'parent.mjs'], environment });
    const grandchild = await watch.next();
    const ended = once(grandchild, 'close');
    await runner.close();
    await task.exited;
    await ended;
    watch.close();
    await expect(launch()).rejects.toThrow(/closed/);
  });

  it('no task outlives a parent that is killed with SIGKILL', async () => {
    const watch = await watchConnections();
    const runnerUrl = new URL('./process-runner.ts', import.meta.url).href;
    writeFileSync(
      join(folder, 'cloud.mjs'),
      `import { processRunner } from ${JSON.stringify(runnerUrl)};
       const environment = { STUBBORN: '1', WATCH_PORT: '${watch.port}' };
       const runner = processRunner({ cwd: ${JSON.stringify(folder)}, onLog: () => {} });
       await runner.start({ taskId: 't', command: ['node', 'task.mjs'], environment });
       setInterval(() => {}, 1_000_000);`,
    );
    const cloud = spawn(process.execPath, [join(folder, 'cloud.mjs')], { stdio: ['ignore', 'ignore', 'inherit'] });
    const task = await watch.next();
    const ended = once(task, 'close');
    cloud.kill('SIGKILL');
    await ended;
    watch.close();
  });

  it('SIGKILL comes after the stop timeout of a stepped clock', async () => {
    const cloud = await steppedCompute({ runner });
    try {
      const names = cloud.service.createFleet({
        ...testFleet,
        command: ['node', 'task.mjs'],
        taskEnvironment: { STUBBORN: '1' },
        stopTimeoutSeconds: 20,
      });
      const desired = { AutoScalingGroupName: names.autoScalingGroup, DesiredCapacity: 1 };
      await cloud.autoScaling.send(new SetDesiredCapacityCommand(desired));
      await cloud.step(70_000);
      const update = (desiredCount: number) =>
        cloud.ecs.send(new UpdateServiceCommand({ cluster: names.cluster, service: names.service, desiredCount }));
      await update(1);
      await cloud.step(5_000);
      const [task] = cloud.tasks('RUNNING');
      expect(isAlive(task?.pid ?? -1)).toBe(true);
      await lineStarting('ready ');
      await update(0);
      await lineStarting('asked to stop');
      await cloud.step(19_999);
      expect(cloud.tasks('STOPPING')).toHaveLength(1);
      await cloud.step(1);
      expect(cloud.tasks('STOPPED')).toMatchObject([{ exitCode: 137, stopCode: 'ServiceSchedulerInitiated' }]);
      expect(isAlive(task?.pid ?? -1)).toBe(false);
      expect(lines.every(({ taskId }) => taskId === task?.taskId)).toBe(true);
    } finally {
      await cloud.close();
    }
  });
});
