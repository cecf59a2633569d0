/** GetMedia sessions: where they begin, how they end, and what a slow or unlucky consumer sees. Clock stepped, sockets real. */
import { CreateStreamCommand, DeleteStreamCommand } from '@aws-sdk/client-kinesis-video';
import { ListFragmentsCommand } from '@aws-sdk/client-kinesis-video-archived-media';
import { GetMediaCommand } from '@aws-sdk/client-kinesis-video-media';
import { afterEach, expect, test } from 'vitest';
import {
  type MediaRig,
  type RawProducer,
  RIG_START_MS,
  rigCluster,
  rigHeader,
  startMediaRig,
} from './media-rig.test-factory.ts';
import type { KinesisVideoOptions } from './service.ts';

const MINUTE_MS = 60_000;
let rig: MediaRig;
afterEach(() => rig.close());

async function stream(options: KinesisVideoOptions = {}, retentionHours = 1): Promise<RawProducer> {
  rig = await startMediaRig(options);
  await rig.control.send(new CreateStreamCommand({ StreamName: 'dock-1', DataRetentionInHours: retentionHours }));
  const producer = rig.putMedia('dock-1');
  await producer.response;
  producer.write(rigHeader());
  return producer;
}

/** Sends fragments of 1 s, each begun at the second it was captured, and returns their numbers. */
async function sendFragments(producer: RawProducer, from: number, count: number, frameBytes = 50): Promise<string[]> {
  const numbers: string[] = [];
  for (let index = from; index < from + count; index++) {
    producer.write(rigCluster(RIG_START_MS + index * 1000, 10, 100, frameBytes));
    numbers.push((await producer.ack('BUFFERING', index)).FragmentNumber ?? '');
    await rig.clock.step(1000);
  }
  return numbers;
}

test.each(['FRAGMENT_NUMBER', 'CONTINUATION_TOKEN'] as const)(
  'resuming after a %s leaves no gap and no repeat',
  async (type) => {
    const producer = await stream();
    const numbers = await sendFragments(producer, 0, 3);
    const first = (await rig.getMedia('dock-1', { StartSelectorType: 'EARLIEST' })).start();
    await first.waitFor('fragment-end', 2);
    expect(rig.service.mediaFaults.cutSessions('dock-1')).toBe(1);
    await first.ended();
    const seen = first
      .of('fragment-end')
      .filter((end) => end.complete)
      .map((end) => end.fragment.number);
    const after = seen.at(-1) ?? '';
    const second = (
      await rig.getMedia('dock-1', {
        StartSelectorType: type,
        ...(type === 'FRAGMENT_NUMBER' ? { AfterFragmentNumber: after } : { ContinuationToken: after }),
      })
    ).start();
    numbers.push(...(await sendFragments(producer, 3, 2)));
    producer.request.end();
    await second.waitFor('fragment-end', 5 - seen.length);
    expect([...seen, ...second.of('fragment-end').map((end) => end.fragment.number)]).toEqual(numbers);
    expect(second.of('frame').map((frame) => frame.timestampMs)).toEqual(
      Array.from({ length: (5 - seen.length) * 10 }, (_, n) => RIG_START_MS + seen.length * 1000 + n * 100),
    );
  },
);

test('a session starts at the fragment that holds a producer or server timestamp', async () => {
  const producer = await stream();
  const numbers = await sendFragments(producer, 0, 3);
  for (const type of ['PRODUCER_TIMESTAMP', 'SERVER_TIMESTAMP'] as const) {
    const at = new Date(RIG_START_MS + 1500);
    const reader = (await rig.getMedia('dock-1', { StartSelectorType: type, StartTimestamp: at })).start();
    await reader.waitFor('fragment-start', 2);
    expect(reader.of('fragment-start').map((start) => start.fragment.number)).toEqual(numbers.slice(1));
  }
});

test('a fragment that is not held is answered with error tag 4000', async () => {
  await stream();
  const reader = (
    await rig.getMedia('dock-1', { StartSelectorType: 'FRAGMENT_NUMBER', AfterFragmentNumber: '12345' })
  ).start();
  await reader.ended();
  expect(reader.errorText).toMatch(/4000/);
});

test('three sessions at a time; a fourth is refused until one has gone', async () => {
  await stream();
  const readers = await Promise.all(
    [1, 2, 3].map(async () => (await rig.getMedia('dock-1', { StartSelectorType: 'NOW' })).start()),
  );
  await expect(rig.getMedia('dock-1', { StartSelectorType: 'NOW' })).rejects.toMatchObject({
    name: 'ConnectionLimitExceededException',
    $metadata: { httpStatusCode: 400 },
  });
  rig.service.mediaFaults.endSessions('dock-1');
  await Promise.all(readers.map((reader) => reader.ended()));
  expect(readers.map((reader) => reader.failure)).toEqual([null, null, null]);
  expect(rig.service.states()[0]?.sessions).toEqual([]);
  await (await rig.getMedia('dock-1', { StartSelectorType: 'NOW' })).start();
  await rig.clock.step(1000);
});

test('more than five calls in a second are refused', async () => {
  await stream({ limits: { getMediaConnections: 10 } });
  for (let call = 0; call < 5; call++) await (await rig.getMedia('dock-1', { StartSelectorType: 'NOW' })).start();
  await expect(rig.getMedia('dock-1', { StartSelectorType: 'NOW' })).rejects.toMatchObject({
    name: 'ClientLimitExceededException',
  });
  await rig.clock.step(1000);
  await rig.getMedia('dock-1', { StartSelectorType: 'NOW' });
});

test('wrong requests are refused with the names that AWS uses', async () => {
  await stream();
  const send = (input: object) => rig.media.send(new GetMediaCommand(input as never));
  await expect(send({ StreamName: 'none', StartSelector: { StartSelectorType: 'NOW' } })).rejects.toMatchObject({
    name: 'ResourceNotFoundException',
  });
  await expect(send({ StreamName: 'dock-1' })).rejects.toMatchObject({ name: 'InvalidArgumentException' });
  await expect(send({ StreamName: 'dock-1', StartSelector: { StartSelectorType: 'X' } })).rejects.toMatchObject({
    name: 'InvalidArgumentException',
  });
  await expect(
    send({ StreamName: 'dock-1', StartSelector: { StartSelectorType: 'SERVER_TIMESTAMP' } }),
  ).rejects.toMatchObject({ name: 'InvalidArgumentException' });
});

test('a session ends by itself between 40 and 45 minutes, at a fragment boundary', async () => {
  const producer = await stream({ random: () => 0.5, silenceEndsSessionMs: 120 * MINUTE_MS });
  const reader = (await rig.getMedia('dock-1', { StartSelectorType: 'NOW' })).start();
  await sendFragments(producer, 0, 1);
  await reader.waitFor('frame', 10);
  await rig.clock.step(42.4 * MINUTE_MS);
  expect(rig.service.states()[0]?.sessions).toHaveLength(1);
  await rig.clock.step(0.2 * MINUTE_MS);
  producer.write(rigCluster(RIG_START_MS + 43 * MINUTE_MS, 10));
  await reader.ended();
  expect(reader.failure).toBeNull();
  expect(reader.of('error')).toEqual([]);
  expect(reader.of('fragment-end').map((end) => end.complete)).toEqual([true]);
});

test('a session ends when the producer is silent, and says nothing about it', async () => {
  const producer = await stream({ silenceEndsSessionMs: 10_000 });
  await sendFragments(producer, 0, 1);
  const reader = (await rig.getMedia('dock-1', { StartSelectorType: 'NOW' })).start();
  producer.request.end();
  await reader.waitFor('fragment-end', 1);
  await rig.clock.step(8000);
  expect(rig.service.states()[0]?.sessions).toHaveLength(1);
  await rig.clock.step(2000);
  await reader.ended();
  expect(reader.failure).toBeNull();
  expect(reader.of('error')).toEqual([]);
});

test('a producer that dies in mid-fragment leaves no half fragment behind', async () => {
  const producer = await stream();
  const [whole] = await sendFragments(producer, 0, 1);
  producer.write(rigCluster(RIG_START_MS + 1000, 4));
  const reader = (await rig.getMedia('dock-1', { StartSelectorType: 'EARLIEST' })).start();
  await reader.waitFor('frame', 14);
  producer.request.destroy();
  await reader.ended();
  expect(reader.errorText).toMatch(/3002/);
  const listed = await rig.archive.send(new ListFragmentsCommand({ StreamName: 'dock-1' }));
  expect(listed.Fragments?.map((fragment) => fragment.FragmentNumber)).toEqual([whole]);
  const again = (
    await rig.getMedia('dock-1', { StartSelectorType: 'FRAGMENT_NUMBER', AfterFragmentNumber: whole })
  ).start();
  const next = rig.putMedia('dock-1');
  next.write(rigHeader(), rigCluster(RIG_START_MS + 5000, 10));
  next.request.end();
  await again.waitFor('fragment-end', 1);
  expect(again.of('frame')).toHaveLength(10);
});

test('a client that does not read costs one write, falls behind, and is told when its place is gone', async () => {
  const frameBytes = 100_000;
  const producer = await stream({ streamBytesMax: 4_000_000, limits: { fragmentsPerSecond: 1000 } });
  await sendFragments(producer, 0, 1, frameBytes);
  const reader = await rig.getMedia('dock-1', { StartSelectorType: 'EARLIEST' });
  await sendFragments(producer, 1, 40, frameBytes);
  const state = rig.service.states()[0];
  expect(state?.bufferedBytes).toBeLessThan(4_000_000 + 2 * 10 * frameBytes);
  expect(state?.sessions[0]?.unsentBytes).toBeLessThan(2 * frameBytes);
  reader.start();
  await reader.ended();
  const ends = reader.of('fragment-end').filter((end) => end.complete);
  expect(reader.errorText).toMatch(/4000/);
  expect(ends.at(-1)?.fragment.millisBehindNow).toBeGreaterThan(5000);
  expect(ends.map((end) => end.fragment.producerTimestampMs)).toEqual(ends.map((_, n) => RIG_START_MS + n * 1000));
});

test('damaged bytes reach one stream only and reading goes on after them', async () => {
  const producer = await stream();
  await sendFragments(producer, 0, 3);
  producer.request.end();
  await producer.finished;
  rig.service.mediaFaults.corruptMedia('dock-1', 20, 300);
  const reader = (await rig.getMedia('dock-1', { StartSelectorType: 'EARLIEST' })).start();
  await reader.waitFor('fragment-end', 2);
  const clean = (await rig.getMedia('dock-1', { StartSelectorType: 'EARLIEST' })).start();
  await clean.waitFor('fragment-end', 3);
  expect(clean.of('error')).toEqual([]);
  expect(Buffer.concat(reader.chunks)).not.toEqual(
    Buffer.concat(clean.chunks).subarray(0, Buffer.concat(reader.chunks).length),
  );
});

test('media older than its retention is gone; without retention five minutes are held but not listed', async () => {
  const producer = await stream({ silenceEndsSessionMs: 1000 }, 0);
  await sendFragments(producer, 0, 2);
  producer.request.end();
  await producer.finished;
  expect(producer.acks.some((ack) => ack.EventType === 'PERSISTED')).toBe(false);
  expect((await rig.archive.send(new ListFragmentsCommand({ StreamName: 'dock-1' }))).Fragments).toEqual([]);
  const held = (await rig.getMedia('dock-1', { StartSelectorType: 'EARLIEST' })).start();
  await held.waitFor('fragment-end', 2);
  await rig.clock.step(6 * MINUTE_MS);
  const gone = (await rig.getMedia('dock-1', { StartSelectorType: 'EARLIEST' })).start();
  await rig.clock.step(1000);
  await gone.ended();
  expect(gone.events).toEqual([]);
});

test('ListFragments pages through a range of producer timestamps', async () => {
  const producer = await stream();
  const numbers = await sendFragments(producer, 0, 6);
  const range = { StartTimestamp: new Date(RIG_START_MS + 1000), EndTimestamp: new Date(RIG_START_MS + 4000) };
  const listed: (string | undefined)[] = [];
  let token: string | undefined;
  do {
    const page = await rig.archive.send(
      new ListFragmentsCommand({
        StreamName: 'dock-1',
        MaxResults: 3,
        ...(token === undefined ? {} : { NextToken: token }),
        FragmentSelector: { FragmentSelectorType: 'PRODUCER_TIMESTAMP', TimestampRange: range },
      }),
    );
    expect(page.Fragments?.[0]?.FragmentLengthInMilliseconds).toBe(900);
    listed.push(...(page.Fragments ?? []).map((fragment) => fragment.FragmentNumber));
    token = page.NextToken;
  } while (token !== undefined);
  expect(listed).toEqual(numbers.slice(1, 5));
});

test('deleting a stream ends its producer and its sessions', async () => {
  const producer = await stream();
  const reader = (await rig.getMedia('dock-1', { StartSelectorType: 'NOW' })).start();
  const StreamARN = `arn:aws:kinesisvideo:${rig.region}:000000000000:stream/dock-1/${RIG_START_MS}`;
  await rig.control.send(new DeleteStreamCommand({ StreamARN }));
  await reader.ended();
  expect(await producer.finished).toBeNull();
});
