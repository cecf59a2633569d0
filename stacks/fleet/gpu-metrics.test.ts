/** The metrics part of the boot script, run by a real bash in a folder of its own with stand-ins for the machine's programs. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { awsThatTells, callOf, type GpuInstance, gpuInstance } from './gpu-metrics.test-factory.ts';

let instance: GpuInstance;
beforeEach(async () => {
  instance = await gpuInstance();
});
afterEach(() => instance.remove());

const settings = { namespace: 'KvsInfer', stage: 'test', fleet: 'docks', region: 'eu-west-1' };

describe('GPU metrics of an instance', () => {
  it('are reported every minute, one number each, under its stage and fleet', async () => {
    await instance.program('systemctl', `echo "$*" >> '${instance.file('systemctl')}'`);
    expect(await instance.install(settings)).toEqual({ code: 0, stdout: '' });
    expect(await instance.read('systemctl')).toBe('daemon-reload\nenable --now kvs-infer-gpu-metrics.timer\n');
    expect(await instance.read('etc/systemd/system/kvs-infer-gpu-metrics.timer')).toContain('OnUnitActiveSec=60');
    await instance.program('nvidia-smi', 'echo "37, 3840, 15360"');
    await instance.program('aws', awsThatTells);
    const { words, metricData } = callOf((await instance.report()).stdout);
    expect(words.slice(0, 6)).toEqual([
      ...['cloudwatch', 'put-metric-data', '--region', 'eu-west-1', '--namespace', 'KvsInfer'],
    ]);
    const Dimensions = [
      { Name: 'stage', Value: 'test' },
      { Name: 'fleet', Value: 'docks' },
    ];
    expect(metricData).toEqual([
      { MetricName: 'GpuLoadPercent', Value: 37, Dimensions, Unit: 'Percent' },
      { MetricName: 'GpuMemoryPercent', Value: 25, Dimensions, Unit: 'Percent' },
    ]);
  });

  it('are not worth a boot: without systemd the instance says so and goes on', async () => {
    await instance.program('systemctl', 'exit 1');
    expect(await instance.install(settings)).toEqual({ code: 0, stdout: 'say no GPU metrics from this instance\n' });
  });
});
