/**
 * Where a contract suite runs: on the local cloud, and on moto where its `moto_server` command is installed. One suite, two
 * targets: what the local cloud answers is held against an independent implementation.
 * Invariant: a suite that is skipped says why; a target that was started is stopped, whatever its suite did.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { afterAll, beforeAll, describe } from 'vitest';
import { systemClock } from '../../core/clock.ts';
import { type LocalCloud, startLocalCloud } from '../../local/cloud.ts';
import { inProcessRunner } from '../../local/compute/in-process-runner.ts';

export const region = 'us-east-1';
/** moto's account; the local cloud takes any. */
export const accountId = '123456789012';

export type RunningTarget = {
  name: 'local cloud' | 'moto';
  endpoint: string;
  /** The in-process surface; null on moto. */
  cloud: LocalCloud | null;
  close(): Promise<void>;
};

/** Is a command on PATH? Suites that need one are skipped where it is not. */
export function isInstalled(command: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, command)));
}

/** What every SDK client of a contract test is made with. */
export function clientOptions(target: RunningTarget) {
  return {
    endpoint: target.endpoint,
    region,
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    maxAttempts: 1,
    // The Kinesis client would speak HTTP/2, which neither target does.
    requestHandler: new NodeHttpHandler({ requestTimeout: 20_000 }),
  };
}

/** @param targets leave moto out for calls that it does not do right. */
export function describeContract(
  title: string,
  suite: (target: () => RunningTarget) => void,
  targets: readonly RunningTarget['name'][] = ['local cloud', 'moto'],
): void {
  for (const name of targets) {
    if (name === 'moto' && !isInstalled('moto_server')) {
      describe.skip(`${title} on moto (skipped: moto_server is not installed)`, () => suite(unstarted));
      continue;
    }
    describe(`${title} on ${name}`, () => {
      let running: RunningTarget | undefined;
      beforeAll(async () => {
        running = name === 'moto' ? await startMoto() : await startLocal();
      });
      afterAll(() => running?.close());
      suite(() => running ?? unstarted());
    });
  }
}

function unstarted(): never {
  throw new Error('the target is not running: use it inside tests only');
}

async function startLocal(): Promise<RunningTarget> {
  const cloud = await startLocalCloud({
    port: 0,
    portSearch: false,
    dataFolder: null,
    clock: systemClock,
    region,
    accountId,
    compute: { runner: inProcessRunner(async () => 0), bootDelayMs: 0 },
  });
  return { name: 'local cloud', endpoint: cloud.endpoint, cloud, close: () => cloud.close() };
}

async function startMoto(): Promise<RunningTarget> {
  // Port 0: moto's server takes a free one and prints it.
  const child = spawn('moto_server', ['-H', '127.0.0.1', '-p', '0'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  });
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const endpoint = await endpointOf(child);
  return {
    name: 'moto',
    endpoint,
    cloud: null,
    async close() {
      // The command may be a wrapper script: its whole group goes.
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      await exited;
    },
  };
}

function endpointOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`moto_server ended with ${code} before it listened`)));
    if (child.stderr === null) throw new Error('moto_server was started without stderr');
    createInterface({ input: child.stderr }).on('line', (line) => {
      const found = /Running on (http:\/\/127\.0\.0\.1:\d+)/.exec(line)?.[1];
      if (found !== undefined) resolve(found);
    });
  });
}
