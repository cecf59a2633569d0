/**
 * The worker's image as far as it can be had without a container engine: its instructions are read and held to the
 * rules, and its steps are carried out in a folder of their own: production packages, the files that it copies, its
 * checks, its start command and its health check, as its user, who can write nowhere but in the cache.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, chown, cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hostFolder, userData, workerUserId } from '../stacks/fleet/user-data.ts';
import { blockModel, encodeModel } from './detect/block-model.test-factory.ts';
import { importsOf, installProduction, parseDockerfile, root, type Stage } from './image-layout.test-factory.ts';

const stages = parseDockerfile(await readFile(path.join(root, 'worker/Dockerfile'), 'utf8'));
const image = stages.at(-1) as Stage;
const texts = (name: string, stage = image) =>
  stage.instructions.filter((instruction) => instruction.name === name).map((instruction) => instruction.text);
const environment = Object.fromEntries(
  texts('ENV').flatMap((text) => [...text.matchAll(/(\w+)=("[^"]*"|\S+)/g)].map((match) => [match[1], match[2]])),
) as Record<string, string>;
/** What it copies out of the build context, source by source. */
const copied = texts('COPY')
  .filter((text) => !text.startsWith('--'))
  .flatMap((text) => text.split(/\s+/).slice(0, -1));

describe('the instructions', () => {
  it('pin each base by digest, or by an exact version; Node is the version that is tested here', async () => {
    for (const { base } of stages) {
      const earlier = stages.some((stage) => stage.name === base);
      expect(earlier || /@sha256:[0-9a-f]{64}$/.test(base) || /:\d+\.\d+\.\d+-[a-z]+-slim$/.test(base), base).toBe(
        true,
      );
    }
    const { devDependencies } = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8'));
    expect(stages[0]?.base).toBe(`node:${devDependencies.node}-bookworm-slim`);
    expect(image.base).toMatch(/^nvidia\/cuda:12\.\d+\.\d+-cudnn-runtime-/);
  });

  it('install production packages without install scripts, and the CUDA files on purpose', () => {
    const runs = texts('RUN', stages[1]);
    expect(runs[0]).toBe('npm ci --omit=dev --ignore-scripts --no-audit --no-fund');
    expect(runs[1]).toMatch(/^ONNXRUNTIME_NODE_INSTALL=cuda12 node \S+install\.js$/);
    expect(existsSync(path.join(root, runs[1]?.split(' ').at(-1) ?? ''))).toBe(true);
  });

  it('end as a user that owns nothing but the cache, with health check, signal, port, driver parts and labels', () => {
    expect(texts('USER')).toEqual([`${workerUserId}:${workerUserId}`]);
    expect(image.instructions.findLastIndex(({ name }) => ['RUN', 'COPY'].includes(name))).toBeLessThan(
      image.instructions.findIndex(({ name }) => name === 'USER'),
    );
    expect(texts('RUN')[0]).toContain(`--uid ${workerUserId}`);
    expect(texts('STOPSIGNAL')).toEqual(['SIGTERM']);
    expect(texts('EXPOSE')).toEqual(['8080']);
    expect(texts('HEALTHCHECK')[0]).toMatch(/^--interval=30s .*CMD \["node", "worker\/health-check\.ts"\]$/);
    expect(texts('ENTRYPOINT')).toEqual(['["node", "worker/main.ts"]']);
    expect(environment).toMatchObject({ NVIDIA_DRIVER_CAPABILITIES: 'compute,video,utility', HTTP_PORT: '8080' });
    for (const label of ['title', 'description', 'licenses', 'revision']) {
      expect(texts('LABEL').join(), label).toContain(`org.opencontainers.image.${label}=`);
    }
  });

  it('write nowhere but where the instance mounts a folder of the worker', () => {
    const folders = Object.values(environment).filter((value) => value.startsWith('/app/'));
    expect(
      folders.filter((folder) => !/^\/app\/(models|config)$/.test(folder) && !folder.startsWith('/app/.cache')),
    ).toEqual([]);
    const script = userData({ cluster: 'c', region: 'eu-west-1', modelsBucket: 'models', models: [] });
    expect(script).toContain(`-o ${workerUserId} -g ${workerUserId} "$host/cache"`);
    expect(hostFolder).toBe('/opt/kvs-infer');
  });

  it('copy what exists, and what the ignore file lets through', async () => {
    const ignored = (await readFile(path.join(root, '.dockerignore'), 'utf8')).split('\n');
    const sources = [...copied, ...texts('COPY', stages[1]).flatMap((text) => text.split(/\s+/).slice(0, -1))];
    expect(sources.length).toBeGreaterThan(6);
    for (const source of sources) {
      expect(existsSync(path.join(root, source)), source).toBe(true);
      expect(ignored, source).toContain(`!${source}`);
    }
    expect(ignored).toContain('*');
  });

  it('copy every source that the worker imports, and only packages of production', async () => {
    const { files, packages } = await importsOf(['worker/main.ts', 'worker/health-check.ts']);
    expect(files.length).toBeGreaterThan(60);
    const isCopied = (file: string) => copied.some((source) => file === source || file.startsWith(`${source}/`));
    expect(files.filter((file) => !isCopied(file))).toEqual([]);
    expect(files.filter((file) => /\.test(-factory)?\.ts$/.test(file))).toEqual([]);
    const { dependencies } = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8'));
    expect(packages.filter((name) => dependencies[name] === undefined)).toEqual([]);
  });
});

const isLinted = (process.env.PATH ?? '')
  .split(path.delimiter)
  .some((folder) => existsSync(path.join(folder, 'hadolint')));

it.skipIf(!isLinted)(`hadolint finds nothing${isLinted ? '' : ' (skipped: hadolint is not installed)'}`, async () => {
  const words = ['--failure-threshold', 'warning', path.join(root, 'worker/Dockerfile')];
  const said = await new Promise<string>((resolve) => {
    execFile('hadolint', words, (error, stdout) => resolve(error === null ? '' : stdout));
  });
  expect(said).toBe('');
});

describe('the steps, carried out', () => {
  let prefix: string;
  let app: string;
  beforeAll(async () => {
    prefix = await mkdtemp(path.join(os.tmpdir(), 'kvs-infer-image-'));
    await chmod(prefix, 0o755);
    app = path.join(prefix, 'app');
    for (const folder of ['.cache', 'config', 'models', 'node_modules', 'cli']) {
      await mkdir(path.join(app, folder), { recursive: true });
    }
    await installProduction(path.join(app, 'node_modules'));
    for (const source of copied) {
      await cp(path.join(root, source), path.join(app, source), {
        recursive: true,
        filter: (file) => !/\.test(-factory)?\.ts$/.test(file),
      });
    }
    await cp(process.execPath, path.join(prefix, 'node'));
    await writeFile(path.join(app, 'models/default.onnx'), encodeModel(blockModel()));
    await writeFile(path.join(app, 'config/cameras.yaml'), 'cameras: [{ cameraId: dock-1, streamName: dock-1 }]');
    if (process.getuid?.() === 0) await chown(path.join(app, '.cache'), workerUserId, workerUserId);
  });
  afterAll(() => rm(prefix, { recursive: true, force: true }));

  const shell = (step: string) =>
    new Promise<{ exitCode: number; stderr: string }>((resolve) => {
      const env = { PATH: `${prefix}:/usr/bin:/bin` };
      execFile('/bin/sh', ['-c', step], { cwd: app, env }, (error, _stdout, stderr) =>
        resolve({ exitCode: error === null ? 0 : Number(error.code ?? -1), stderr }),
      );
    });
  const binaries = () => path.join(app, 'node_modules/onnxruntime-node/bin/napi-v6');

  it('fail the build when the CUDA provider did not come, and pass when it did', async () => {
    const check = texts('RUN', stages[1])[2] ?? '';
    const provider = (name: string) => path.join(binaries(), `linux/x64/libonnxruntime_providers_${name}.so`);
    for (const name of ['cuda', 'shared']) await rm(provider(name), { force: true });
    expect(await shell(check)).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('is missing') });
    for (const name of ['cuda', 'shared']) await writeFile(provider(name), 'in place of the real one');
    expect(await shell(check)).toEqual({ exitCode: 0, stderr: '' });
    for (const name of ['cuda', 'shared']) await rm(provider(name));
  });

  it('leave no binary of another system', async () => {
    await writeFile(path.join(binaries(), 'linux/x64/libonnxruntime_providers_tensorrt.so'), '');
    expect(await shell(texts('RUN', stages[1])[3] ?? '')).toMatchObject({ exitCode: 0 });
    const left = (await readdir(path.join(app, 'node_modules'), { recursive: true })).filter((file) =>
      /(darwin|win32|arm64|tensorrt)[^/]*\/?.*\.(node|dll|dylib|so)|\.(dll|dylib)$/.test(file),
    );
    expect(left).toEqual([]);
  });

  it.runIf(process.platform === 'linux' && process.arch === 'x64')('find every library and every import', async () => {
    const [, libraries, imports] = texts('RUN');
    expect(await shell(libraries ?? '')).toMatchObject({ exitCode: 0 });
    expect(existsSync(path.join(app, 'libraries.txt'))).toBe(false);
    expect(await shell(imports ?? '')).toEqual({ exitCode: 0, stderr: '' });
    // The import check would have found a missing package.
    await rm(path.join(app, 'node_modules/prom-client'), { recursive: true });
    expect(await shell(imports ?? '')).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('prom-client') });
    await cp(path.join(root, 'node_modules/prom-client'), path.join(app, 'node_modules/prom-client'), {
      recursive: true,
    });
  });

  it('start the worker as its user, answer the health check, and drain on the stop signal', async () => {
    const worker = await startWorker({ WORKER_PROVIDERS: 'cpu' });
    expect(await healthCheck(worker.port)).toMatchObject({ exitCode: 0 });
    expect((await readdir(path.join(app, '.cache'))).length).toBeGreaterThan(0);
    expect(await worker.stop()).toBe(0);
    expect(await healthCheck(worker.port)).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('ECONNREFUSED'),
    });
  });

  it('fail the health check when the GPU that the image promises is not there', async () => {
    const worker = await startWorker({});
    expect(await healthCheck(worker.port)).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('answered 503'),
    });
    expect(await worker.stop()).toBe(0);
  });

  const identity = process.getuid?.() === 0 ? { uid: workerUserId, gid: workerUserId } : {};
  /** The image's own settings, with its folder where it lies here. */
  const settings = (port: number): Record<string, string> => ({
    ...Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, value.replace(/^\/app/, app)])),
    HTTP_PORT: String(port),
  });

  async function startWorker(own: Record<string, string>) {
    const port = await freePort();
    const child: ChildProcess = spawn(path.join(prefix, 'node'), commandOf(texts('ENTRYPOINT')[0] ?? '').slice(1), {
      cwd: app,
      ...identity,
      env: {
        ...settings(port),
        AWS_REGION: 'eu-west-1',
        AWS_ENDPOINT_URL: 'http://127.0.0.1:9',
        AWS_ACCESS_KEY_ID: 'local',
        AWS_SECRET_ACCESS_KEY: 'local',
        CONFIG_FILE: path.join(app, 'config/cameras.yaml'),
        INFERENCE_THREADS: '1',
        KVS_INFER_PARENT_PIPE: 'stdin',
        ...own,
      },
      stdio: ['pipe', 'ignore', 'pipe'],
    });
    let said = '';
    const exited = once(child, 'exit').then(([code]) => code as number | null);
    child.stderr?.setEncoding('utf8');
    await new Promise<void>((resolve, reject) => {
      child.stderr?.on('data', (text: string) => {
        said += text;
        if (said.includes('camera started')) resolve();
      });
      void exited.then((code) => reject(new Error(`the worker ended with ${code}: ${said}`)));
    });
    const stop = () => {
      child.kill((texts('STOPSIGNAL')[0] ?? '') as NodeJS.Signals);
      return exited;
    };
    return { port, stop };
  }

  function healthCheck(port: number) {
    const command = commandOf(texts('HEALTHCHECK')[0]?.replace(/^.*CMD /, '') ?? '');
    return new Promise<{ exitCode: number; stderr: string }>((resolve) => {
      execFile(
        path.join(prefix, 'node'),
        command.slice(1),
        { cwd: app, env: settings(port), ...identity },
        (error, _, stderr) => resolve({ exitCode: error === null ? 0 : Number(error.code ?? -1), stderr }),
      );
    });
  }
});

function commandOf(text: string): string[] {
  return JSON.parse(text) as string[];
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
