/** How commands find AWS: options, environment, the shared config file, and the `npm start` of this machine. */
import { execFile, spawnSync } from 'node:child_process';
import { mkdir, stat } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { announceLocalStage, findLocalStage } from '../../cli/local-endpoint.ts';
import { systemClock } from '../../core/clock.ts';
import { type LocalCloud, startLocalCloud } from '../../local/cloud.ts';
import { inProcessRunner } from '../../local/compute/in-process-runner.ts';
import { commandEnvironment, documentOf, type Ended, expectFailure, program, temporaryFolder } from './kvs-infer.ts';

const folder = temporaryFolder();
const keys = { AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local' };
let cloud: LocalCloud;
beforeAll(async () => {
  cloud = await startLocalCloud({
    ...{ port: 0, portSearch: false, dataFolder: null, clock: systemClock, region: 'eu-west-1' },
    ...{ accountId: '123456789012', compute: { runner: inProcessRunner(async () => {}) } },
  });
  for (const stage of ['test', 'local']) await cloud.createStageResources({ stage, fleets: [] });
  await folder.write(
    'config',
    `[profile ops]\nregion = eu-west-1\n[profile elsewhere]\nendpoint_url = ${cloud.endpoint}\nregion = eu-west-1\n`,
  );
  await folder.write('credentials', '[ops]\naws_access_key_id = OPS\naws_secret_access_key = secret\n');
});
afterAll(() => cloud?.close());

function run(environment: Record<string, string>, words: readonly string[], cwd = folder.path('.')): Promise<Ended> {
  const files = { AWS_CONFIG_FILE: folder.path('config'), AWS_SHARED_CREDENTIALS_FILE: folder.path('credentials') };
  const env = { ...commandEnvironment(), ...files, AWS_EC2_METADATA_DISABLED: 'true', ...environment };
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...words], { env, cwd, timeout: 60_000 }, (error, stdout, stderr) =>
      resolve({ exitCode: error === null ? 0 : Number(error.code ?? -1), stdout, stderr }),
    );
  });
}

const list = ['camera', 'list', '--stage', 'test', '--json'];

describe.concurrent('region and endpoint', () => {
  it('an endpoint alone is enough, as an option or in the environment', async () => {
    expect(documentOf(await run(keys, [...list, '--endpoint-url', cloud.endpoint]))).toEqual([]);
    expect(documentOf(await run({ ...keys, AWS_ENDPOINT_URL: cloud.endpoint }, list))).toEqual([]);
  });

  it('the option wins over the environment, also over the endpoint of one service', async () => {
    const wrong = { AWS_ENDPOINT_URL: 'http://127.0.0.1:1', AWS_ENDPOINT_URL_DYNAMODB: 'http://127.0.0.1:1' };
    expect(documentOf(await run({ ...keys, ...wrong }, [...list, '--endpoint-url', cloud.endpoint]))).toEqual([]);
  });

  it('a profile gives region, endpoint and keys', async () => {
    const ended = await run({}, [...list, '--profile', 'ops', '--endpoint-url', cloud.endpoint]);
    expect(documentOf(ended)).toEqual([]);
    expect(documentOf(await run({ ...keys, AWS_REGION: 'eu-west-1', AWS_ENDPOINT_URL: cloud.endpoint }, list))).toEqual(
      [],
    );
  });

  it('neither region nor endpoint is REGION_MISSING, and names the profile that was asked', async () => {
    expectFailure(await run(keys, list), 1, 'REGION_MISSING', '--region', 'AWS_REGION');
    expectFailure(await run(keys, [...list, '--profile', 'opps']), 1, 'REGION_MISSING', '"opps"');
  });

  it('a stage that is not there names the one that was meant', async () => {
    const place = ['--endpoint-url', cloud.endpoint];
    for (const words of [['camera', 'list'], ['status'], ['camera', 'show', 'a']]) {
      const ended = await run(keys, [...words, '--stage', 'tset', ...place]);
      expectFailure(ended, 1, 'STAGE_NOT_FOUND', '"tset"', 'did you mean test?', 'local, test');
    }
  });

  it('what is no URL is wrong usage', async () => {
    expectFailure(await run(keys, [...list, '--endpoint-url', 'localhost']), 2, 'USAGE', "'localhost'", 'http://');
  });

  it('an endpoint where nobody listens is named', async () => {
    const ended = await run({ ...keys, AWS_REGION: 'eu-west-1' }, [...list, '--endpoint-url', 'http://127.0.0.1:1']);
    expectFailure(ended, 1, 'AWS_UNAVAILABLE', 'ECONNREFUSED');
  });
});

describe('the stage of npm start', () => {
  it('is found from its folder, with and without its name, and never with real keys', async () => {
    await mkdir(folder.path('here/.local'), { recursive: true });
    const traceId = '1-69256f2a-0123456789abcdef01234567';
    const log = await folder.write('here/.local/system.log', `worker w-1: {"traceId":"${traceId}"}\n`);
    const running = { endpoint: cloud.endpoint, region: 'eu-west-1', dashboard: 'http://127.0.0.1:1/#token=x', log };
    const retract = announceLocalStage(folder.path('here/.local'), running);
    expect((await stat(folder.path('here/.local/endpoint.json'))).mode & 0o777).toBe(0o600);
    const words = ['status', '--json'];
    const real = { AWS_PROFILE: 'nobody', AWS_REGION: 'ap-southeast-1' };
    for (const given of [words, [...words, '--stage', 'local']]) {
      expect(documentOf(await run(real, given, folder.path('here')))).toMatchObject({ stage: 'local', fleets: [] });
    }
    // Its log is looked into.
    expect(documentOf(await run(real, ['trace', traceId, '--json'], folder.path('here')))).toMatchObject({
      ...{ steps: [], log: { path: log, lines: [expect.stringContaining(traceId)], more: 0 } },
    });
    // Who names a place in AWS means a stage there.
    expectFailure(await run(real, [...words, '--region', 'eu-west-1'], folder.path('here')), 1, 'STAGE_MISSING');
    retract();
    expect(await findLocalStage([folder.path('here/.local')])).toBeNull();
  });

  it('is not taken from what a killed one left', async () => {
    const { pid } = spawnSync(process.execPath, ['--version']);
    await mkdir(folder.path('dead'), { recursive: true });
    const left = { endpoint: cloud.endpoint, region: 'eu-west-1', dashboard: '', pid };
    await folder.write('dead/endpoint.json', JSON.stringify(left));
    expect(await findLocalStage([folder.path('dead')])).toBeNull();
    await folder.write('dead/endpoint.json', JSON.stringify({ ...left, pid: process.pid }));
    expect(await findLocalStage([folder.path('dead')])).toMatchObject({ endpoint: cloud.endpoint });
    await folder.write('dead/endpoint.json', 'half a {');
    expect(await findLocalStage([folder.path('dead')])).toBeNull();
  });
});
