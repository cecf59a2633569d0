/** The boot script, run by a real bash in a folder of its own, where the machine's programs are stand-ins that keep a log. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type UserDataSettings, userData, workerUserId } from './user-data.ts';

const content = 'a detector';
const sha256 = createHash('sha256').update(content).digest('hex');
const settings: UserDataSettings = {
  cluster: 'kvs-infer-test-cluster',
  region: 'ap-southeast-1',
  modelsBucket: 'kvs-infer-test-models-111122223333',
  models: [
    { name: 'default', sha256 },
    { name: 'yolo11n', sha256 },
  ],
  attributes: { 'kvs-infer.fleet': 'default' },
};

let root: string;
let programs: string;
beforeEach(async () => {
  root = await mkdtemp(path.join(os.tmpdir(), 'kvs-infer-boot-'));
  programs = path.join(root, 'programs');
  await mkdir(programs);
  await mkdir(path.join(root, 'dev'));
  await writeFile(path.join(root, 'dev/console'), '');
  // Nothing else of this machine is in reach: what the script needs is what is listed here.
  for (const name of ['cat', 'chmod', 'cp', 'dirname', 'grep', 'mktemp', 'mv', 'rm', 'sha256sum']) {
    await symlink(`/usr/bin/${name}`, path.join(programs, name));
  }
  for (const name of ['systemctl', 'sleep', 'nvidia-smi', 'dnf']) await program(name, '');
  // Only root may give files away; what was asked for is in the log.
  await program(
    'install',
    `args=(); while (($#)); do case "$1" in -o|-g) shift 2;; *) args+=("$1"); shift;; esac; done; exec /usr/bin/install "\${args[@]}"`,
  );
  await program('aws', `printf '%s' '${content}' > "\${@: -1}"`);
});
afterEach(() => rm(root, { recursive: true, force: true }));

/** A stand-in: logs how it was called, then does `body`. `calls` counts the calls of that name, this one included. */
async function program(name: string, body: string): Promise<void> {
  const file = path.join(programs, name);
  await writeFile(
    file,
    `#!/bin/bash\necho "${name} $*" >> "${root}/log"\ncalls=$(grep -c '^${name} ' "${root}/log")\n${body}\n`,
  );
  await chmod(file, 0o755);
}

async function boot(own: UserDataSettings = settings) {
  const script = path.join(root, 'user-data.sh');
  await writeFile(script, userData(own));
  const ended = await new Promise<{ exitCode: number; stderr: string }>((resolve) => {
    const env = { PATH: programs, KVS_INFER_ROOT: root };
    execFile('/bin/bash', [script], { env, timeout: 20_000 }, (error, _stdout, stderr) => {
      resolve({ exitCode: error === null ? 0 : Number(error.code ?? -1), stderr });
    });
  });
  const log = (await readFile(path.join(root, 'log'), 'utf8')).split('\n').filter((line) => line !== '');
  const config = await readFile(path.join(root, 'etc/ecs/ecs.config'), 'utf8').catch(() => null);
  const models = (await readdir(path.join(root, 'opt/kvs-infer/models')).catch(() => [])).sort();
  return { ...ended, log, config, models, console: await readFile(path.join(root, 'dev/console'), 'utf8') };
}

describe('a GPU instance at its first boot', () => {
  it('makes the folders, fetches the models by hash, writes the agent configuration and starts the agent last', async () => {
    const { exitCode, log, config, models } = await boot();
    expect(exitCode).toBe(0);
    expect(models).toEqual(['default.onnx', 'yolo11n.onnx']);
    expect(await readFile(path.join(root, 'opt/kvs-infer/models/default.onnx'), 'utf8')).toBe(content);
    expect((await stat(path.join(root, 'opt/kvs-infer/models/default.onnx'))).mode & 0o777).toBe(0o444);
    expect(await readdir(path.join(root, 'opt/kvs-infer'))).toEqual(['cache', 'config', 'models']);
    expect(log.find((line) => line.endsWith('/cache'))).toContain(`-o ${workerUserId} -g ${workerUserId}`);
    expect(log.filter((line) => line.startsWith('aws '))[0]).toContain(
      `s3 cp --only-show-errors --region ap-southeast-1 s3://${settings.modelsBucket}/models/${sha256}.onnx`,
    );
    expect(config?.split('\n')).toEqual(
      expect.arrayContaining([
        'ECS_CLUSTER=kvs-infer-test-cluster',
        'ECS_ENABLE_GPU_SUPPORT=true',
        'ECS_ENABLE_SPOT_INSTANCE_DRAINING=true',
        'ECS_AWSVPC_BLOCK_IMDS=true',
        'ECS_INSTANCE_ATTRIBUTES={"kvs-infer.fleet":"default"}',
      ]),
    );
    expect(log.slice(-2)).toEqual(['systemctl enable ecs.service', 'systemctl start --no-block ecs.service']);
  });

  it('tries again when the network or the role is late', async () => {
    await program('aws', `((calls < 3)) && exit 255; printf '%s' '${content}' > "\${@: -1}"`);
    const { exitCode, log, models } = await boot({ ...settings, models: [{ name: 'default', sha256 }] });
    expect(exitCode).toBe(0);
    expect(models).toEqual(['default.onnx']);
    expect(log.filter((line) => line.startsWith('sleep '))).toEqual(['sleep 1', 'sleep 2']);
  });

  it('waits for the driver', async () => {
    await program('nvidia-smi', '((calls >= 4)) && echo "GPU 0: Tesla T4"');
    const { exitCode, stderr } = await boot();
    expect(exitCode).toBe(0);
    expect(stderr).toContain('kvs-infer: GPU 0: Tesla T4\n');
    expect(stderr).not.toContain('INSTANCE_UNPREPARED');
  });

  it('installs the AWS CLI where the image has none', async () => {
    await rm(path.join(programs, 'aws'));
    const cli = `#!/bin/bash\nprintf %s '${content}' > "\${@: -1}"\n`;
    await writeFile(path.join(root, 'cli'), cli);
    await program('dnf', `((calls > 1)) && cp '${root}/cli' '${programs}/aws' && chmod +x '${programs}/aws'`);
    const { exitCode, log } = await boot();
    expect(exitCode).toBe(0);
    expect(log.filter((line) => line.startsWith('dnf '))).toEqual(Array(2).fill('dnf install -y -q awscli-2'));
  });

  const unprepared = { exitCode: 1, config: null, models: [] };
  const masked = ['systemctl mask --now ecs.service', 'systemctl poweroff'];

  it('never joins with a model whose content is not its hash', async () => {
    await program('aws', `printf 'something else' > "\${@: -1}"`);
    const ended = await boot();
    expect(ended).toMatchObject(unprepared);
    expect(ended.log.slice(-2)).toEqual(masked);
    expect(ended.log.filter((line) => line.startsWith('aws '))).toHaveLength(6);
    expect(ended.console).toContain(`INSTANCE_UNPREPARED: could not fetch model default (${sha256}) in 6 tries`);
  });

  it('never joins without a GPU', async () => {
    await program('nvidia-smi', 'exit 9');
    const ended = await boot();
    expect(ended).toMatchObject(unprepared);
    expect(ended.log.slice(-2)).toEqual(masked);
    expect(ended.stderr).toContain('nvidia-smi sees no GPU');
  });

  it('never joins when any step fails, and takes an older configuration away', async () => {
    await mkdir(path.join(root, 'etc/ecs'), { recursive: true });
    await writeFile(path.join(root, 'etc/ecs/ecs.config'), 'ECS_CLUSTER=default');
    await program('systemctl', '[ "$1" != enable ]');
    const ended = await boot();
    expect(ended).toMatchObject({ exitCode: 1, config: null });
    expect(ended.log.slice(-2)).toEqual(masked);
    expect(ended.stderr).toMatch(/INSTANCE_UNPREPARED: line \d+: systemctl enable ecs\.service ended with 1/);
  });
});

describe('its settings', () => {
  it('are refused where they do not belong into a script, all in one message', () => {
    expect(() =>
      userData({
        ...settings,
        cluster: 'a; reboot',
        models: [
          { name: '../x', sha256: 'short' },
          { name: 'b', sha256 },
          { name: 'b', sha256 },
        ],
        attributes: { fleet: '"\n' },
      }),
    ).toThrow(
      /cluster "a; reboot".*model name "\.\.\/x".*hash of model \.\.\/x "short".*attribute fleet.*model "b" is listed twice/,
    );
  });

  it('fit into what EC2 takes, or are refused', () => {
    expect(Buffer.byteLength(userData(settings))).toBeLessThan(6_000);
    const many = Array.from({ length: 200 }, (_, index) => ({ name: `model-${index}`, sha256 }));
    expect(() => userData({ ...settings, models: many })).toThrow(/bytes where EC2 takes 16384/);
  });
});
