/**
 * The real `aws` command against the local cloud: what the quick start tells people to type. Each call takes about a second
 * of Python start-up, so there are few and they run side by side; ECS, Auto Scaling and KVS have
 * theirs beside their own tests.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { GetShardIteratorCommand, KinesisClient, PutRecordCommand } from '@aws-sdk/client-kinesis';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../core/clock.ts';
import { type LocalCloud, startLocalCloud } from '../../local/cloud.ts';
import { inProcessRunner } from '../../local/compute/in-process-runner.ts';
import type { StageResources } from '../../local/stage-resources.ts';
import { accountId, isInstalled, region } from './targets.ts';

const run = promisify(execFile);
const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
/** A busy machine starts Python slowly. */
const patient = { timeout: 90_000 };
const installed = isInstalled('aws');

describe.skipIf(!installed)(`aws CLI${installed ? '' : ' (skipped: the aws command is not installed)'}`, () => {
  let cloud: LocalCloud;
  let resources: StageResources;
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kvs-infer-cli-'));
    cloud = await startLocalCloud({
      port: 0,
      portSearch: false,
      dataFolder: null,
      clock: systemClock,
      region,
      accountId,
      compute: { runner: inProcessRunner(async () => 0) },
    });
    resources = await cloud.createStageResources({ stage: 'test', fleets: [] });
  });
  afterAll(async () => {
    await cloud?.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function aws(...parameters: string[]): Promise<string> {
    const { stdout } = await run('aws', parameters, {
      env: {
        PATH: process.env.PATH,
        HOME: process.env.HOME,
        AWS_ENDPOINT_URL: cloud.endpoint,
        AWS_ACCESS_KEY_ID: 'local',
        AWS_SECRET_ACCESS_KEY: 'local',
        AWS_REGION: region,
        // Version 1 of the command reads this one.
        AWS_DEFAULT_REGION: region,
        AWS_CONFIG_FILE: join(folder, 'no-config'),
        AWS_EC2_METADATA_DISABLED: 'true',
        AWS_PAGER: '',
      },
      timeout: patient.timeout,
    });
    return stdout;
  }
  const json = async (...parameters: string[]) => JSON.parse(await aws(...parameters, '--output', 'json'));

  it.concurrent('registers a camera, and others see it', patient, async () => {
    const { cameras } = resources.names.tables;
    const row = { cameraId: { S: 'dock-1' }, streamName: { S: 'kvs-infer-dock-1' } };
    const seen = Promise.withResolvers<unknown>();
    cloud.dynamo.subscribe(cameras, (record) => seen.resolve(record.dynamodb.NewImage));
    await aws('dynamodb', 'put-item', '--table-name', cameras, '--item', JSON.stringify(row));
    expect(await seen.promise).toEqual(row);
    const found = await json(
      ...['dynamodb', 'query', '--table-name', cameras, '--key-condition-expression', 'cameraId = :id'],
      ...['--expression-attribute-values', '{":id":{"S":"dock-1"}}'],
    );
    expect(found.Items).toEqual([row]);
  });

  it.concurrent('reads results from the stream', patient, async () => {
    const { resultStream: StreamName } = resources.names;
    const kinesis = new KinesisClient({
      endpoint: cloud.endpoint,
      region,
      credentials,
      requestHandler: new NodeHttpHandler(),
    });
    const Data = new Uint8Array(Buffer.from('{"schema":"kvs-infer/frame@1"}'));
    await kinesis.send(new PutRecordCommand({ StreamName, PartitionKey: 'dock-1', Data }));
    const { ShardIterator } = await kinesis.send(
      new GetShardIteratorCommand({ StreamName, ShardId: 'shardId-000000000000', ShardIteratorType: 'TRIM_HORIZON' }),
    );
    const { Records } = await json('kinesis', 'get-records', '--shard-iterator', ShardIterator ?? '');
    expect(Records).toMatchObject([{ PartitionKey: 'dock-1', Data: Buffer.from(Data).toString('base64') }]);
  });

  it.concurrent('copies and lists snapshots', patient, async () => {
    const bucket = `s3://${resources.names.resultBucket}`;
    const source = join(folder, 'source.jpg');
    await writeFile(source, 'not really a picture');
    await aws('s3', 'cp', source, `${bucket}/snapshots/dock-1/one two.jpg`);
    expect(await aws('s3', 'ls', `${bucket}/snapshots/dock-1/`)).toMatch(/20 one two\.jpg/);
    expect(cloud.s3.objects(resources.names.resultBucket)[0]?.headers['content-type']).toBe('image/jpeg');
  });
});
