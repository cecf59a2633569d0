/** The Kinesis calls of the publisher and of consumers, with the real client. */
import {
  CreateStreamCommand,
  DescribeStreamSummaryCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  KinesisClient,
  ListShardsCommand,
  ListStreamsCommand,
  PutRecordCommand,
  PutRecordsCommand,
  type ShardIteratorType,
} from '@aws-sdk/client-kinesis';
import { beforeAll, expect, it } from 'vitest';
import { clientOptions, describeContract } from './targets.ts';

const StreamName = 'contract';
const text = (record: { Data?: Uint8Array | undefined }) => Buffer.from(record.Data ?? []).toString();
const bytes = (value: string) => new Uint8Array(Buffer.from(value));

describeContract('Kinesis', (target) => {
  let kinesis: KinesisClient;
  beforeAll(async () => {
    kinesis = new KinesisClient(clientOptions(target()));
    await kinesis.send(new CreateStreamCommand({ StreamName, ShardCount: 1 }));
  });

  async function read(type: ShardIteratorType, from: { StartingSequenceNumber?: string } = {}) {
    const { Shards } = await kinesis.send(new ListShardsCommand({ StreamName }));
    const { ShardIterator } = await kinesis.send(
      new GetShardIteratorCommand({ StreamName, ShardId: Shards?.[0]?.ShardId, ShardIteratorType: type, ...from }),
    );
    return kinesis.send(new GetRecordsCommand({ ShardIterator, Limit: 100 }));
  }

  it('lists and describes the stream', async () => {
    expect((await kinesis.send(new ListStreamsCommand({}))).StreamNames).toContain(StreamName);
    const { StreamDescriptionSummary } = await kinesis.send(new DescribeStreamSummaryCommand({ StreamName }));
    expect(StreamDescriptionSummary).toMatchObject({
      StreamStatus: 'ACTIVE',
      OpenShardCount: 1,
      RetentionPeriodHours: 24,
    });
  });

  it('keeps the order of what was put, and reads from any place', async () => {
    const first = await kinesis.send(new PutRecordCommand({ StreamName, PartitionKey: 'dock-1', Data: bytes('0') }));
    const { Records, FailedRecordCount } = await kinesis.send(
      new PutRecordsCommand({
        StreamName,
        Records: ['1', '2', 'Grüße'].map((value) => ({ PartitionKey: 'dock-1', Data: bytes(value) })),
      }),
    );
    expect(FailedRecordCount).toBe(0);
    const numbers = [first, ...(Records ?? [])].map(({ SequenceNumber }) => BigInt(SequenceNumber ?? 0));
    expect(numbers).toEqual([...numbers].sort((left, right) => (left < right ? -1 : 1)));

    const all = await read('TRIM_HORIZON');
    expect(all.Records?.map(text)).toEqual(['0', '1', '2', 'Grüße']);
    expect(all.Records?.[0]).toMatchObject({ PartitionKey: 'dock-1', ApproximateArrivalTimestamp: expect.any(Date) });
    const from = { StartingSequenceNumber: Records?.[0]?.SequenceNumber ?? '' };
    expect((await read('AT_SEQUENCE_NUMBER', from)).Records?.map(text)).toEqual(['1', '2', 'Grüße']);
    expect((await read('AFTER_SEQUENCE_NUMBER', from)).Records?.map(text)).toEqual(['2', 'Grüße']);
    const latest = await read('LATEST');
    expect(latest.Records).toEqual([]);
    await kinesis.send(new PutRecordCommand({ StreamName, PartitionKey: 'dock-1', Data: bytes('next') }));
    const next = await kinesis.send(new GetRecordsCommand({ ShardIterator: latest.NextShardIterator }));
    expect(next.Records?.map(text)).toEqual(['next']);
  });

  it('refuses an unknown stream and a batch that is too long', async () => {
    const tooMany = Array.from({ length: 501 }, () => ({ PartitionKey: 'k', Data: bytes('x') }));
    await expect(kinesis.send(new PutRecordsCommand({ StreamName, Records: tooMany }))).rejects.toThrow();
    await expect(
      kinesis.send(new PutRecordCommand({ StreamName: 'nobody', PartitionKey: 'k', Data: bytes('x') })),
    ).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
  });
});
