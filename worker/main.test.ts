/** The process entry: exit codes and last words. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { watch } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { blockModel, encodeModel } from './detect/block-model.test-factory.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'kvs-infer-main-'));
  await writeFile(path.join(folder, 'default.onnx'), encodeModel(blockModel()));
  await writeFile(path.join(folder, 'cameras.yaml'), 'cameras: [{ cameraId: dock-1, streamName: dock-1 }]');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function run(variables: Record<string, string>) {
  const child = spawn(process.execPath, [fileURLToPath(new URL('./main.ts', import.meta.url))], {
    env: { PATH: process.env.PATH ?? '', AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local', ...variables },
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const said = async (part: string) => {
    while (!stderr.includes(part)) await once(child.stderr, 'data');
  };
  return { child, said, exited: once(child, 'exit').then(([code]) => ({ code, stderr })) };
}

/** Nothing listens on the discard port: every camera fails, and the worker itself is well. */
const standalone = () => ({
  AWS_REGION: 'eu-west-1',
  AWS_ENDPOINT_URL: 'http://127.0.0.1:9',
  CONFIG_FILE: path.join(folder, 'cameras.yaml'),
  HTTP_PORT: '0',
  MODELS_FOLDER: folder,
  CACHE_FOLDER: path.join(folder, 'cache'),
  WORKER_PROVIDERS: 'cpu',
  INFERENCE_THREADS: '1',
  KVS_INFER_PARENT_PIPE: 'stdin',
});

test('a wrong environment is exit code 2 and one line that names every problem', async () => {
  const { code, stderr } = await run({ HTTP_PORT: 'x' }).exited;
  expect(code).toBe(2);
  expect(stderr).toMatch(/^kvs-infer: ENVIRONMENT_INVALID: .*AWS_REGION.*HTTP_PORT.*\n$/);
});

test('a missing default model is exit code 1 with its name', async () => {
  const { code, stderr } = await run({ ...standalone(), MODELS_FOLDER: path.join(folder, 'nowhere') }).exited;
  expect(code).toBe(1);
  expect(stderr).toContain('kvs-infer: MODEL_NOT_FOUND:');
});

test('SIGTERM drains, decode thread and all, and exits with 0', async () => {
  const { child, said, exited } = run(standalone());
  await said('camera started');
  child.kill('SIGTERM');
  const { code, stderr } = await exited;
  expect(stderr).toContain('camera stopped');
  expect(code).toBe(0);
});

test('SIGTERM while its threads still load ends it in order too', async () => {
  const watcher = watch(folder);
  const { child, exited } = run({ ...standalone(), CACHE_FOLDER: path.join(folder, 'cache-of-the-starting') });
  // The inference thread makes it on its way to the model; the decode thread is loading meanwhile.
  for (let name = ''; name !== 'cache-of-the-starting'; ) [, name] = await once(watcher, 'change');
  watcher.close();
  child.kill('SIGTERM');
  expect((await exited).code).toBe(0);
});

test('a worker ends when the pipe of its parent does', async () => {
  const { child, said, exited } = run(standalone());
  await said('"ready"');
  child.stdin.end();
  expect((await exited).code).toBe(0);
});
