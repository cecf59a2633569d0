/** `kvs-infer status` on a stage whose alarm rings, and on one whose alarms cannot be read. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ControlStage, startControlStage } from '../../functions/control-loop-stage.test-factory.ts';
import { feeds } from '../../local/stage-alarms.ts';
import { documentOf, kvsInfer } from './kvs-infer.ts';

const minute = 60;
let stage: ControlStage;
beforeAll(async () => {
  stage = await startControlStage({ startMs: Date.parse('2026-11-24T08:00:00Z'), policy: {} });
  await stage.advance(5 * minute);
});
afterAll(() => stage?.close());

const status = (...words: string[]) =>
  kvsInfer(['status', ...words], undefined, {
    ...{ AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local', AWS_REGION: 'ap-southeast-1' },
    ...{ AWS_ENDPOINT_URL: stage.cloud.endpoint, KVS_INFER_STAGE: 'test' },
  });
const ringing =
  /\nalarms that ring:\n {2}errors-camera-changed since 2026-11-24T08:\d\d:00\.000Z: Function \S+ failed\. Look at /;

it('names what rings, since when, what it means and what to do, and no more once it is over', async () => {
  expect((await status()).stdout).toContain('\nno alarm rings\nfleet default: ');
  const name = 'kvs-infer-test-camera-changed';
  stage.crashing.add(name);
  await stage.putCamera({ cameraId: 'dock-1', streamName: 'dock-1' });
  await stage.advance(minute);
  const { stdout, exitCode } = await status();
  expect(stdout).toMatch(ringing);
  expect(exitCode).toBe(0);
  expect(documentOf(await status('--json'))).toMatchObject({
    alarms: { ringing: [{ alarm: 'errors-camera-changed', state: 'ALARM', fleet: null }], unreadable: null },
  });
  stage.crashing.clear();
  await stage.advance(5 * minute);
  // What could not be handled is still there.
  expect((await status()).stdout).toMatch(/\nalarms that ring:\n {2}queue-row-failures since [^\n]+\nfleet default: /);
  stage.cloud.lambda.deadLettersOf(feeds('row-failures')).purge();
  await stage.advance(5 * minute);
  expect((await status()).stdout).toContain('\nno alarm rings\n');
});

it('says that alarms cannot be read, and shows the rest', async () => {
  const heal = stage.cloud.context.faults.inject(({ operation }) => operation === 'DescribeAlarms', {
    ...{ status: 400, code: 'AccessDeniedException', message: 'not authorized to perform: cloudwatch:DescribeAlarms' },
  });
  const { stdout, exitCode, stderr } = await status();
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  expect(stdout).toMatch(/\nthe alarms cannot be read: AWS_ACCESS_DENIED: .*\nfleet default: /);
  expect(documentOf(await status('--json'))).toMatchObject({
    alarms: { ringing: [], unreadable: expect.stringContaining('AWS_ACCESS_DENIED') },
  });
  heal();
});
