/** Shell completion in the real shells, with the scripts that they source. */
import { execFile, spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { putCameraRow } from '../../aws/camera-registry.ts';
import { awsClients } from '../../aws/clients.ts';
import { completionScript, type Shell } from '../../cli/completion-scripts.ts';
import { systemClock } from '../../core/clock.ts';
import { resourceNames } from '../../core/names.ts';
import { type LocalCloud, startLocalCloud } from '../../local/cloud.ts';
import { inProcessRunner } from '../../local/compute/in-process-runner.ts';
import { commandEnvironment, expectFailure, kvsInfer, program, temporaryFolder } from './kvs-infer.ts';

const folder = temporaryFolder();
const keys = { AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local' };
let cloud: LocalCloud;
beforeAll(async () => {
  Object.assign(process.env, keys);
  cloud = await startLocalCloud({
    ...{ port: 0, portSearch: false, dataFolder: null, clock: systemClock, region: 'eu-west-1' },
    ...{ accountId: '123456789012', compute: { runner: inProcessRunner(async () => {}) } },
  });
  await cloud.createStageResources({ stage: 'test', fleets: [] });
  const clients = awsClients({ region: 'eu-west-1', endpoint: cloud.endpoint });
  for (const cameraId of ['dock-1', 'dock-2', 'gate']) {
    await putCameraRow(clients, resourceNames('test', '').tables.cameras, { cameraId, streamName: cameraId });
  }
  clients.destroy();
  await folder.write('config', '[default]\n[profile ops]\nregion = eu-west-1\n');
});
afterAll(() => cloud?.close());

/** What the shell is made to do with the words of a line, to print its candidates one per line. */
const drivers: Record<Shell, (words: readonly string[]) => string> = {
  bash: (words) => `
    COMP_WORDS=(kvs-infer ${words.map(quoted).join(' ')}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
    _kvs_infer; printf '%s\\n' "\${COMPREPLY[@]}"`,
  zsh: (words) => `
    _describe() { print -l -- "\${(@P)2}" }; _files() { print FILES }
    words=(kvs-infer ${words.map(quoted).join(' ')}); CURRENT=\${#words}; _kvs_infer`,
  fish: (words) => `complete -C ${quoted(['kvs-infer', ...words].join(' '))}`,
};

async function complete(shell: Shell, ...words: string[]): Promise<string[]> {
  // Compinit is what defines compdef; without it the function alone is tried.
  const before = shell === 'zsh' ? 'compdef() { : }\n' : '';
  const script = await folder.write(`completion.${shell}`, completionScript(shell, program));
  const env = {
    ...{ ...commandEnvironment(), ...keys, AWS_REGION: 'eu-west-1', AWS_ENDPOINT_URL: cloud.endpoint },
    ...{ KVS_INFER_STAGE: 'test', AWS_CONFIG_FILE: folder.path('config') },
  };
  const norc = { bash: ['--norc'], zsh: ['-f'], fish: ['--no-config'] }[shell];
  const text = `${before}source ${quoted(script)}\n${drivers[shell](words)}`;
  return new Promise((resolve, reject) => {
    const options = { env, cwd: folder.path('.'), timeout: 60_000 };
    execFile(shell, [...norc, '-c', text], options, (error, stdout) => {
      if (error !== null && stdout === '') reject(error);
      else resolve(stdout.split('\n').filter((line) => line !== ''));
    });
  });
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

const isThere = (shell: Shell) => spawnSync(shell, ['--version']).status === 0;

describe.each(['bash', 'zsh', 'fish'] as const)('%s', (shell) => {
  const there = isThere(shell);
  if (!there) console.log(`skipped: there is no ${shell} here`);
  const separator = { bash: '$', zsh: '(:|$)', fish: '(\\t|$)' }[shell];
  const starting = (word: string) => expect.stringMatching(new RegExp(`^${word}${separator}`));

  it.skipIf(!there)('completes commands, options, values and the ids of the stage', async () => {
    expect(await complete(shell, 'camera', 'l')).toEqual([starting('list')]);
    expect(await complete(shell, 'camera', 'list', '--ph')).toEqual([starting('--phase')]);
    expect(await complete(shell, 'camera', 'list', '--phase', 'run')).toEqual([starting('running')]);
    expect(await complete(shell, 'camera', 'show', 'dock')).toEqual([starting('dock-1'), starting('dock-2')]);
    expect(await complete(shell, 'status', '--profile', '')).toEqual([starting('default'), starting('ops')]);
  });
});

it('leaves files to the shell', async () => {
  expect((await kvsInfer(['complete', '--', 'camera', 'put', ''])).stdout).toBe(':files\n');
});

it('says nothing where there is nothing to say, and never fails', async () => {
  for (const words of [
    ['nonsense', ''],
    ['camera', 'show', '--stage', 'nowhere', ''],
    ['start', '--port', ''],
  ]) {
    expect(await kvsInfer(['complete', '--', ...words])).toEqual({ exitCode: 0, stdout: '', stderr: '' });
  }
});

it('knows the shells that it has scripts for', async () => {
  expectFailure(await kvsInfer(['completion', 'tcsh']), 2, 'USAGE', 'bash, zsh, fish');
});
