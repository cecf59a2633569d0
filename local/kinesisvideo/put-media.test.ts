/** PutMedia over HTTP: what is refused before the upload, what ends it, and what slows it down. */
import { CreateStreamCommand } from '@aws-sdk/client-kinesis-video';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type MediaRig, RIG_START_MS, rigCluster, rigHeader, startMediaRig } from './media-rig.test-factory.ts';
import { putMediaStreamOf } from './put-media.ts';

let rig: MediaRig;
beforeEach(async () => {
  rig = await startMediaRig({ limits: { putMediaPerSecond: 1000 } });
  await rig.control.send(new CreateStreamCommand({ StreamName: 'dock-1', DataRetentionInHours: 1 }));
});
afterEach(() => rig.close());

test.each([
  ['ResourceNotFoundException', 404, 'none', {}],
  ['InvalidArgumentException', 400, 'dock-1', { 'x-amzn-fragment-timecode-type': 'LATER' }],
  ['InvalidArgumentException', 400, 'dock-1', { 'x-amzn-fragment-timecode-type': 'RELATIVE' }],
  ['InvalidArgumentException', 400, 'dock-1', { 'x-amzn-stream-arn': 'arn:both' }],
  [
    'InvalidArgumentException',
    400,
    'dock-1',
    { 'x-amzn-fragment-timecode-type': 'RELATIVE', 'x-amzn-producer-start-timestamp': String(RIG_START_MS) },
  ],
] as const)('%s (%i) is answered before the upload', async (code, status, streamName, headers) => {
  const producer = rig.putMedia(streamName, headers);
  const response = await producer.response;
  expect(response.statusCode).toBe(status);
  expect(response.headers['x-amzn-errortype']).toBe(code);
  producer.request.destroy();
});

test('one producer at a time', async () => {
  const first = rig.putMedia('dock-1');
  await first.response;
  const second = rig.putMedia('dock-1');
  const refused = await second.response;
  expect(refused.headers['x-amzn-errortype']).toBe('ConnectionLimitExceededException');
  second.request.destroy();
  first.request.end();
  expect(await first.finished).toBe('');
  const third = rig.putMedia('dock-1');
  expect((await third.response).statusCode).toBe(200);
  third.request.destroy();
});

test('relative timecodes count from the start that the header gives in seconds', async () => {
  const producer = rig.putMedia('dock-1', {
    'x-amzn-fragment-timecode-type': 'RELATIVE',
    'x-amzn-producer-start-timestamp': String((RIG_START_MS + 250) / 1000),
  });
  producer.write(rigHeader(), rigCluster(2000, 5));
  producer.request.end();
  await producer.finished;
  const reader = (await rig.getMedia('dock-1', { StartSelectorType: 'EARLIEST' })).start();
  await reader.waitFor('frame', 5);
  expect(reader.of('frame').map((frame) => frame.timestampMs - RIG_START_MS)).toEqual([2250, 2350, 2450, 2550, 2650]);
});

test('after an error the producer gets its acknowledgement and the end of the response', async () => {
  const producer = rig.putMedia('dock-1');
  producer.write(rigHeader(), rigCluster(5000, 2), rigCluster(4000, 2));
  await producer.ack('ERROR');
  expect(await producer.finished).toBe('');
  expect(producer.acks.map((ack) => ack.EventType)).toEqual(['BUFFERING', 'RECEIVED', 'PERSISTED', 'ERROR']);
  producer.request.destroy();
});

test('more than five fragments a second are read only as time allows', async () => {
  const producer = rig.putMedia('dock-1');
  producer.write(rigHeader());
  for (let index = 0; index < 6; index++) {
    producer.write(rigCluster(index * 200, 1));
    await producer.ack('BUFFERING', index);
  }
  producer.write(rigCluster(1200, 1));
  producer.request.end();
  await rig.clock.step(999);
  expect(producer.acks.filter((ack) => ack.EventType === 'BUFFERING')).toHaveLength(6);
  await rig.clock.step(1);
  await producer.ack('BUFFERING', 6);
  await producer.finished;
});

test('a stalled upload is read on when the fault is lifted, and can be dropped while it lasts', async () => {
  const producer = rig.putMedia('dock-1');
  producer.write(rigHeader(), rigCluster(1000, 2));
  await producer.ack('BUFFERING');
  const goOn = rig.service.mediaFaults.stallProducer('dock-1');
  producer.write(rigCluster(2000, 2));
  goOn?.();
  await producer.ack('BUFFERING', 1);
  rig.service.mediaFaults.stallProducer('dock-1');
  producer.write(rigCluster(3000, 2));
  rig.service.mediaFaults.dropProducer('dock-1');
  expect(await producer.finished).toBeNull();
  expect(rig.service.mediaFaults.stallProducer('none')).toBeNull();
});

test('random bodies never take the service down', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ minLength: 1, maxLength: 200 }), { maxLength: 4 }), async (chunks) => {
      const producer = rig.putMedia('dock-1');
      await producer.response;
      producer.write(rigHeader(), rigCluster(1000, 2).subarray(0, 40), ...chunks);
      producer.request.end();
      expect(await producer.finished).not.toBeNull();
    }),
    { numRuns: 25 },
  );
  const sound = rig.putMedia('dock-1');
  sound.write(rigHeader(), rigCluster(1000, 2));
  sound.request.end();
  await sound.ack('PERSISTED');
});

test('the stream is named by header, by name or by ARN', () => {
  const named = (headers: Record<string, string>) => putMediaStreamOf({ message: { headers } } as never);
  expect(named({ 'x-amzn-stream-name': 'dock-1' })).toEqual({ name: 'dock-1', arn: undefined });
  expect(named({ 'x-amzn-stream-arn': 'arn:x' })).toEqual({ name: undefined, arn: 'arn:x' });
});
