import { appendFile, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SteppedClock } from '../clock.ts';
import { decodeIterator, KinesisStream } from './stream.ts';
import { type StreamDefinition, StreamFile } from './stream-file.ts';

const definition: StreamDefinition = {
  name: 'results',
  arn: 'arn:aws:kinesis:eu-west-1:123456789012:stream/results',
  shardCount: 1,
  mode: 'PROVISIONED',
  retentionHours: 24,
  createdAtMs: 0,
};
const shardId = 'shardId-000000000000';
let clock: SteppedClock;
let folder: string;

beforeEach(async () => {
  clock = new SteppedClock(Date.UTC(2026, 10, 23));
  folder = await mkdtemp(join(tmpdir(), 'kvs-infer-kinesis-'));
});
afterEach(() => rm(folder, { recursive: true }));

const put = (stream: KinesisStream, ...data: string[]) =>
  stream.put(data.map((one) => ({ partitionKey: 'k', data: one, explicitHashKey: null })));
const dataIn = (stream: KinesisStream, iterator: string) =>
  stream.read(decodeIterator(iterator), undefined).records.map(({ data }) => data);
const fromStart = (stream: KinesisStream) =>
  dataIn(stream, stream.iterator(shardId, 'TRIM_HORIZON', undefined, undefined));

describe('KinesisStream', () => {
  it('keeps records over a restart, without the line that a crash cut short', async () => {
    const path = join(folder, 'stream.ndjson');
    const before = new KinesisStream(definition, new StreamFile(path), clock);
    await before.change({ retentionHours: 48 });
    await Promise.all([put(before, 'YQ=='), put(before, 'Yg==', 'Yw==')]);
    await appendFile(path, '{"shard":0,"posit');
    const saved = await StreamFile.read(path);
    const after = new KinesisStream(saved?.definition ?? definition, new StreamFile(path), clock, {
      kept: saved?.records ?? [],
    });
    expect(after.definition.retentionHours).toBe(48);
    expect(fromStart(after)).toEqual(['YQ==', 'Yg==', 'Yw==']);
    const [next] = await put(after, 'ZA==');
    expect(next?.position).toBe(4);
    expect(await readdir(folder)).toEqual(['stream.ndjson']);
  });

  it('reads from an instant, and from now', async () => {
    const stream = new KinesisStream(definition, new StreamFile(null), clock);
    await put(stream, 'YQ==');
    await clock.step(60_000);
    const middleSeconds = clock.nowMs() / 1000;
    const latest = stream.iterator(shardId, 'LATEST', undefined, undefined);
    await put(stream, 'Yg==');
    expect(dataIn(stream, stream.iterator(shardId, 'AT_TIMESTAMP', undefined, middleSeconds))).toEqual(['Yg==']);
    expect(dataIn(stream, latest)).toEqual(['Yg==']);
  });

  it('says how far a reader is behind', async () => {
    const stream = new KinesisStream(definition, new StreamFile(null), clock);
    await put(stream, 'YQ==', 'Yg==');
    await clock.step(5_000);
    const start = decodeIterator(stream.iterator(shardId, 'TRIM_HORIZON', undefined, undefined));
    expect(stream.read(start, 1).millisBehindLatest).toBe(5_000);
    expect(stream.read(start, 2).millisBehindLatest).toBe(0);
  });

  it('lets iterators and records expire on the clock of the cloud', async () => {
    const stream = new KinesisStream(definition, new StreamFile(null), clock);
    await put(stream, 'YQ==');
    const iterator = stream.iterator(shardId, 'TRIM_HORIZON', undefined, undefined);
    await clock.step(6 * 60_000);
    expect(() => dataIn(stream, iterator)).toThrow('expired');
    await clock.step(24 * 3_600_000);
    expect(fromStart(stream)).toEqual([]);
    expect(() => decodeIterator('bm90IG91cnM=')).toThrow('Invalid ShardIterator');
  });
});
