/** `camera feed`: a recording becomes what a camera sends, fragment for fragment. */
import { execFile } from 'node:child_process';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { awsClients } from '../../aws/clients.ts';
import { readStreamStatuses } from '../../aws/streams.ts';
import { systemClock } from '../../core/clock.ts';
import { type LocalCloud, startLocalCloud } from '../../local/cloud.ts';
import { inProcessRunner } from '../../local/compute/in-process-runner.ts';
import { encodeClip, writeMp4 } from '../../worker/decode/encoded-clip.test-factory.ts';
import { commandEnvironment, type Ended, expectFailure, program, temporaryFolder } from './kvs-infer.ts';

const folder = temporaryFolder();
let cloud: LocalCloud;
beforeAll(async () => {
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local' });
  cloud = await startLocalCloud({
    ...{ port: 0, portSearch: false, dataFolder: null, clock: systemClock, region: 'us-east-1' },
    ...{ accountId: '123456789012', compute: { runner: inProcessRunner(async () => {}) } },
  });
});
afterAll(() => cloud?.close());

function feed(...words: string[]): Promise<Ended> {
  const env = { ...commandEnvironment(), AWS_EC2_METADATA_DISABLED: 'true' };
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [program, 'camera', 'feed', ...words],
      { env, timeout: 60_000 },
      (error, stdout, stderr) => resolve({ exitCode: error === null ? 0 : Number(error.code ?? -1), stdout, stderr }),
    );
  });
}

it('makes the stream and sends whole fragments, which the cloud keeps', async () => {
  const clip = encodeClip({ frames: 75, keyframeEvery: 25 });
  const file = folder.path('street.mp4');
  writeMp4(file, clip, 320, 192);
  const ended = await feed(file, '--stream', 'my-street', '--for', '7', '--endpoint-url', cloud.endpoint);
  expect(ended).toMatchObject({ exitCode: 0, stderr: '' });
  expect(ended.stdout).toContain('(320×192, 75 frames, 3.0 s) goes into the stream my-street');
  const [, sent = '0', dropped, kept = '0'] =
    ended.stdout.match(/(\d+) frames sent, (\d+) dropped; (\d+) fragments/) ?? [];
  expect(Number(sent)).toBeGreaterThan(100);
  expect(dropped).toBe('0');
  expect(Number(kept)).toBeGreaterThanOrEqual(2);
  const clients = awsClients({ region: 'us-east-1', endpoint: cloud.endpoint });
  expect(await readStreamStatuses(clients)).toEqual(new Map([['my-street', 'ACTIVE']]));
  clients.destroy();
});

it('refuses what is no H.264, what is not there, and a place that is not here', async () => {
  const picture = await folder.write('words.mkv', 'these are words');
  const hevc = folder.path('hevc.mp4');
  writeMp4(hevc, encodeClip({ codec: 'hevc' }), 320, 192);
  expectFailure(await feed(picture, '--stream', 's', '--endpoint-url', cloud.endpoint), 1, 'MEDIA_UNREADABLE');
  expectFailure(
    await feed(hevc, '--stream', 's', '--endpoint-url', cloud.endpoint),
    1,
    'FEED_UNSUPPORTED',
    'hevc',
    'ffmpeg',
  );
  expectFailure(await feed('none.mkv', '--stream', 's'), 1, 'MEDIA_UNREADABLE', 'no such file');
  const elsewhere = ['--endpoint-url', 'https://kinesisvideo.eu-west-1.amazonaws.com'];
  expectFailure(await feed(hevc, '--stream', 's', ...elsewhere), 2, 'USAGE', 'local cloud');
});
