/** The metrics part of the boot script, run by a real bash in a folder of its own with stand-ins for the machine's programs. */
import { execFile, execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { gpuMetricsScript } from './gpu-metrics.ts';

let root: string;
let programs: string;
beforeEach(async () => {
  root = await mkdtemp(path.join(os.tmpdir(), 'kvs-infer-gpu-'));
  programs = path.join(root, 'programs');
  await mkdir(programs);
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function program(name: string, body: string): Promise<void> {
  await writeFile(path.join(programs, name), `#!/bin/bash\n${body}\n`);
  await chmod(path.join(programs, name), 0o755);
}

function bash(script: string): Promise<{ code: number; stdout: string }> {
  return new Promise((resolve) => {
    const env = { PATH: `${programs}:/usr/bin:/bin` };
    execFile('/bin/bash', ['-c', script], { env, timeout: 20_000 }, (error, stdout) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout });
    });
  });
}

const install = () =>
  bash(
    `root='${root}'; say() { echo "say $*"; }\n${gpuMetricsScript({ namespace: 'KvsInfer', stage: 'test', fleet: 'docks', region: 'eu-west-1' })}`,
  );

describe('GPU metrics of an instance', () => {
  it('are reported every minute, one number each, under its stage and fleet', async () => {
    await program('systemctl', `echo "$*" >> '${root}/systemctl'`);
    expect(await install()).toEqual({ code: 0, stdout: '' });
    expect(await readFile(path.join(root, 'systemctl'), 'utf8')).toBe(
      'daemon-reload\nenable --now kvs-infer-gpu-metrics.timer\n',
    );
    expect(await readFile(path.join(root, 'etc/systemd/system/kvs-infer-gpu-metrics.timer'), 'utf8')).toContain(
      'OnUnitActiveSec=60',
    );
    await program('nvidia-smi', 'echo "37, 3840, 15360"');
    await program('aws', 'printf "%s\\n" "$@"');
    const reported = execFileSync(path.join(root, 'usr/local/bin/kvs-infer-gpu-metrics'), {
      env: { PATH: `${programs}:/usr/bin:/bin` },
      encoding: 'utf8',
    }).split('\n');
    expect(reported.slice(0, 6)).toEqual([
      'cloudwatch',
      'put-metric-data',
      '--region',
      'eu-west-1',
      '--namespace',
      'KvsInfer',
    ]);
    const Dimensions = [
      { Name: 'stage', Value: 'test' },
      { Name: 'fleet', Value: 'docks' },
    ];
    expect(JSON.parse(reported[7] ?? '')).toEqual([
      { MetricName: 'GpuLoadPercent', Value: 37, Dimensions, Unit: 'Percent' },
      { MetricName: 'GpuMemoryPercent', Value: 25, Dimensions, Unit: 'Percent' },
    ]);
  });

  it('are not worth a boot: without systemd the instance says so and goes on', async () => {
    await program('systemctl', 'exit 1');
    expect(await install()).toEqual({ code: 0, stdout: 'say no GPU metrics from this instance\n' });
  });
});
