/** PutMedia to GetMedia through the real front and the real SDK: what a producer sends is what a consumer reads. */
import { CreateStreamCommand } from '@aws-sdk/client-kinesis-video';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  type MediaRig,
  RIG_START_MS,
  rigCluster,
  rigFrame,
  rigHeader,
  startMediaRig,
} from './media-rig.test-factory.ts';

let rig: MediaRig;
beforeEach(async () => {
  rig = await startMediaRig();
  await rig.control.send(new CreateStreamCommand({ StreamName: 'dock-1', DataRetentionInHours: 1 }));
});
afterEach(() => rig.close());

test('a consumer reads the frames, times and numbers that the producer was told', async () => {
  const producer = rig.putMedia('dock-1');
  await producer.response;
  producer.write(rigHeader(), rigCluster(RIG_START_MS, 10));
  const reader = (await rig.getMedia('dock-1', { StartSelectorType: 'NOW' })).start();
  await producer.ack('BUFFERING');
  await rig.clock.step(1000);
  producer.write(rigCluster(RIG_START_MS + 1000, 10));
  await producer.ack('BUFFERING', 1);
  await rig.clock.step(1000);
  producer.request.end();
  await reader.waitFor('fragment-end', 2);
  expect(await producer.finished).toBe('');

  expect(reader.contentType).toBe('video/webm');
  expect(reader.of('error')).toEqual([]);
  const received = producer.acks.filter((ack) => ack.EventType === 'RECEIVED');
  expect(producer.acks.map((ack) => ack.EventType)).toEqual([
    'BUFFERING',
    'RECEIVED',
    'PERSISTED',
    'BUFFERING',
    'RECEIVED',
    'PERSISTED',
  ]);
  expect(received.map((ack) => ack.FragmentTimecode)).toEqual([RIG_START_MS, RIG_START_MS + 1000]);
  const ends = reader.of('fragment-end');
  expect(ends.map((end) => end.fragment.number)).toEqual(received.map((ack) => ack.FragmentNumber));
  expect(ends.map((end) => end.continuationToken)).toEqual(received.map((ack) => ack.FragmentNumber));
  expect(ends.map((end) => end.fragment.producerTimestampMs)).toEqual([RIG_START_MS, RIG_START_MS + 1000]);
  expect(ends.map((end) => end.fragment.serverTimestampMs)).toEqual([RIG_START_MS, RIG_START_MS + 1000]);
  expect(ends.map((end) => end.fragment.millisBehindNow)).toEqual([1000, 1000]);
  const frames = reader.of('frame');
  expect(frames.map((frame) => frame.timestampMs)).toEqual(
    Array.from({ length: 20 }, (_, n) => RIG_START_MS + n * 100),
  );
  expect(frames.map((frame) => frame.keyframe)).toEqual(Array.from({ length: 20 }, (_, n) => n % 10 === 0));
  expect(Buffer.from(frames[13]?.data ?? [])).toEqual(rigFrame(RIG_START_MS + 1000, 3));
  expect(rig.metrics.filter((metric) => metric.name === 'PutMedia.IncomingFragments')).toHaveLength(2);
});
