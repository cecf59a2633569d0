/** The control plane through the real SDK and, where it is installed, the aws CLI. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  CreateStreamCommand,
  DeleteStreamCommand,
  DescribeStreamCommand,
  GetDataEndpointCommand,
  ListStreamsCommand,
  ListTagsForStreamCommand,
  paginateListStreams,
  TagStreamCommand,
  UntagStreamCommand,
  UpdateDataRetentionCommand,
  UpdateStreamCommand,
} from '@aws-sdk/client-kinesis-video';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type MediaRig, RIG_START_MS, startMediaRig } from './media-rig.test-factory.ts';

let rig: MediaRig;
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kvs-infer-streams-'));
  rig = await startMediaRig({}, folder);
});
afterEach(async () => {
  await rig.close();
  await rm(folder, { recursive: true, force: true });
});

const create = (StreamName: string, hours = 2) =>
  rig.control.send(new CreateStreamCommand({ StreamName, DataRetentionInHours: hours }));
const describe = (StreamName: string) => rig.control.send(new DescribeStreamCommand({ StreamName }));

test('a stream is made, described, given an endpoint, and deleted', async () => {
  const { StreamARN } = await create('dock-1');
  const { StreamInfo } = await describe('dock-1');
  expect(StreamInfo).toMatchObject({
    StreamName: 'dock-1',
    StreamARN,
    Status: 'ACTIVE',
    DataRetentionInHours: 2,
    CreationTime: new Date(RIG_START_MS),
    KmsKeyId: 'arn:aws:kms:eu-west-1:000000000000:alias/aws/kinesisvideo',
  });
  const endpoint = await rig.control.send(new GetDataEndpointCommand({ StreamARN, APIName: 'GET_MEDIA' }));
  expect(endpoint.DataEndpoint).toBe(rig.endpoint);
  const wrongVersion = new DeleteStreamCommand({ StreamARN, CurrentVersion: 'abc' });
  await expect(rig.control.send(wrongVersion)).rejects.toMatchObject({ name: 'VersionMismatchException' });
  await rig.control.send(new DeleteStreamCommand({ StreamARN, CurrentVersion: StreamInfo?.Version }));
  await expect(describe('dock-1')).rejects.toMatchObject({
    name: 'ResourceNotFoundException',
    $metadata: { httpStatusCode: 404 },
  });
});

test('listing goes through pages and prefixes', async () => {
  for (let index = 0; index < 7; index++) await create(`${index % 2 === 0 ? 'gate' : 'dock'}-${index}`);
  const names: (string | undefined)[] = [];
  for await (const page of paginateListStreams({ client: rig.control, pageSize: 3 }, {})) {
    expect(page.StreamInfoList?.length).toBeLessThanOrEqual(3);
    names.push(...(page.StreamInfoList ?? []).map((stream) => stream.StreamName));
  }
  expect(names).toEqual(['dock-1', 'dock-3', 'dock-5', 'gate-0', 'gate-2', 'gate-4', 'gate-6']);
  const docks = await rig.control.send(
    new ListStreamsCommand({ StreamNameCondition: { ComparisonOperator: 'BEGINS_WITH', ComparisonValue: 'dock' } }),
  );
  expect(docks.StreamInfoList).toHaveLength(3);
  expect(docks.NextToken).toBeUndefined();
});

test('retention, device name and tags change, each under its own rules', async () => {
  await create('dock-1');
  const version = (await describe('dock-1')).StreamInfo?.Version;
  const change = (Operation: 'INCREASE_DATA_RETENTION' | 'DECREASE_DATA_RETENTION', hours: number, of = version) =>
    rig.control.send(
      new UpdateDataRetentionCommand({
        StreamName: 'dock-1',
        CurrentVersion: of,
        Operation,
        DataRetentionChangeInHours: hours,
      }),
    );
  await change('INCREASE_DATA_RETENTION', 3);
  await expect(change('INCREASE_DATA_RETENTION', 3)).rejects.toMatchObject({ name: 'VersionMismatchException' });
  const next = (await describe('dock-1')).StreamInfo;
  expect(next?.DataRetentionInHours).toBe(5);
  await expect(change('DECREASE_DATA_RETENTION', 6, next?.Version)).rejects.toMatchObject({
    name: 'InvalidArgumentException',
  });
  await rig.clock.step(1000);
  await rig.control.send(
    new UpdateStreamCommand({ StreamName: 'dock-1', CurrentVersion: next?.Version, DeviceName: 'cam-7' }),
  );
  expect((await describe('dock-1')).StreamInfo?.DeviceName).toBe('cam-7');
  await rig.control.send(new TagStreamCommand({ StreamName: 'dock-1', Tags: { site: 'a', floor: '2' } }));
  await rig.control.send(new UntagStreamCommand({ StreamName: 'dock-1', TagKeyList: ['floor'] }));
  const tags = await rig.control.send(new ListTagsForStreamCommand({ StreamName: 'dock-1' }));
  expect(tags.Tags).toEqual({ site: 'a' });
});

test('wrong requests get the errors of AWS', async () => {
  await create('dock-1');
  await expect(create('dock-1')).rejects.toMatchObject({ name: 'ResourceInUseException' });
  await expect(create('no spaces')).rejects.toMatchObject({ name: 'InvalidArgumentException' });
  await expect(create('dock-2', -1)).rejects.toMatchObject({ name: 'InvalidArgumentException' });
  await expect(rig.control.send(new DescribeStreamCommand({}))).rejects.toMatchObject({
    name: 'InvalidArgumentException',
  });
  await expect(rig.control.send(new ListStreamsCommand({ NextToken: '%' }))).rejects.toMatchObject({
    name: 'InvalidArgumentException',
  });
  for (let call = 0; call < 5; call++) await describe('dock-1');
  await expect(describe('dock-1')).rejects.toMatchObject({ name: 'ClientLimitExceededException' });
  await rig.clock.step(1000);
  await describe('dock-1');
});

test('streams outlive the process; a file that is not theirs is named', async () => {
  const { StreamARN } = await create('dock-1');
  await rig.close();
  rig = await startMediaRig({}, folder);
  expect((await describe('dock-1')).StreamInfo?.StreamARN).toBe(StreamARN);
  const other = join(folder, 'other');
  await mkdir(join(other, 'kinesisvideo'), { recursive: true });
  await writeFile(join(other, 'kinesisvideo', 'streams.json'), '{"version":1');
  await expect(startMediaRig({}, other)).rejects.toMatchObject({ code: 'LOCAL_STATE_UNREADABLE' });
});

test('a stream that cannot be stored was not made', async () => {
  await rm(join(folder, 'kinesisvideo'), { recursive: true });
  await writeFile(join(folder, 'kinesisvideo'), 'a file where the folder was');
  await expect(create('dock-1')).rejects.toMatchObject({ $metadata: { httpStatusCode: 500 } });
  expect(rig.service.states()).toEqual([]);
  expect(await readFile(join(folder, 'kinesisvideo'), 'utf8')).toMatch(/^a file/);
});

test('the aws CLI lists streams', async (context) => {
  const run = promisify(execFile);
  const installed = await run('aws', ['--version']).catch(() => null);
  if (installed === null) return context.skip('the aws CLI is not installed');
  await create('dock-1');
  const { stdout } = await run('aws', ['kinesisvideo', 'list-streams', '--output', 'json'], {
    env: {
      ...process.env,
      AWS_ENDPOINT_URL: rig.endpoint,
      AWS_REGION: rig.region,
      AWS_DEFAULT_REGION: rig.region,
      AWS_ACCESS_KEY_ID: 'local',
      AWS_SECRET_ACCESS_KEY: 'local',
    },
  });
  expect(JSON.parse(stdout).StreamInfoList).toMatchObject([{ StreamName: 'dock-1', Status: 'ACTIVE' }]);
});
