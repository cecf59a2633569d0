/** The camera of the local cloud: what it sends can be traced back to its clip, through loops, silence and lost connections. */
import { CreateStreamCommand } from '@aws-sdk/client-kinesis-video';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ClipTimeline, type H264Clip } from './clip-timeline.ts';
import { type MediaReader, type MediaRig, RIG_START_MS, startMediaRig } from './media-rig.test-factory.ts';
import { type Producer, type ProducerOptions, startProducer } from './producer.ts';

const FRAME_MS = 100;

/** Ten frames a second, two key frames, one second. The frames are told apart by their bytes. */
const clip: H264Clip = {
  codec: 'h264',
  codecPrivate: Buffer.from([1, 77, 64, 30, 255, 225, 0, 0]),
  width: 320,
  height: 192,
  frames: Array.from({ length: 10 }, (_, index) => ({
    data: Buffer.from(`frame ${index}`),
    keyframe: index % 5 === 0,
    timestampMs: index * FRAME_MS,
  })),
  durationMs: 1000,
};

let rig: MediaRig;
let producer: Producer;
const losses: (string | null)[] = [];
let lossNoticed = () => {};

beforeEach(async () => {
  rig = await startMediaRig();
  losses.length = 0;
  await rig.control.send(new CreateStreamCommand({ StreamName: 'dock-1', DataRetentionInHours: 1 }));
});
afterEach(async () => {
  await producer.stop();
  await rig.close();
});

function start(options: Partial<ProducerOptions> = {}): void {
  producer = startProducer({
    endpoint: rig.endpoint,
    region: rig.region,
    streamName: 'dock-1',
    clip,
    clock: rig.clock,
    fragmentDurationMs: 1000,
    random: () => 1,
    onLost: (reason) => {
      losses.push(reason);
      lossNoticed();
    },
    ...options,
  });
}

/** Lets the clock run frame by frame, each read before the next is due. */
async function play(reader: MediaReader, frames: number): Promise<void> {
  const before = reader.of('frame').length;
  for (let sent = 1; sent <= frames; sent++) {
    await rig.clock.step(sent === 1 && before === 0 ? 0 : FRAME_MS);
    await reader.waitFor('frame', before + sent);
  }
}

test('the clip is looped in real time and every frame tells its moment of the clip', async () => {
  start();
  const reader = (await rig.getMedia('dock-1', { StartSelectorType: 'NOW' })).start();
  await play(reader, 25);
  const frames = reader.of('frame');
  expect(frames.map((frame) => frame.timestampMs)).toEqual(frames.map((_, n) => RIG_START_MS + n * FRAME_MS));
  expect(frames.map((frame) => Buffer.from(frame.data).toString())).toEqual(frames.map((_, n) => `frame ${n % 10}`));
  expect(frames.map((frame) => producer.clipTimeMs(frame.timestampMs))).toEqual(frames.map((_, n) => (n % 10) * 100));
  expect(reader.of('fragment-start').map((one) => one.fragment.producerTimestampMs)).toEqual(
    [0, 1000, 2000].map((ms) => RIG_START_MS + ms),
  );
  expect(reader.of('track')[0]?.track).toMatchObject({ codec: 'h264', width: 320, height: 192 });
  expect(producer.stats()).toMatchObject({ framesSent: 25, framesDropped: 0, fragmentsSent: 3, connections: 1 });
});

test('silence ends the upload whole; the timeline runs on and begins again with a key frame', async () => {
  start();
  const reader = (await rig.getMedia('dock-1', { StartSelectorType: 'NOW' })).start();
  await play(reader, 8);
  producer.pause();
  await reader.waitFor('fragment-end', 1);
  await rig.clock.step(3050);
  producer.resume();
  // The frame that is due on return is frame 8 of the clip; the next key frame is that of the next loop.
  await rig.clock.step(50);
  await rig.clock.step(FRAME_MS);
  await rig.clock.step(FRAME_MS);
  await reader.waitFor('frame', 9);
  const back = reader.of('frame')[8];
  expect(back?.timestampMs).toBe(RIG_START_MS + 4000);
  expect(back?.keyframe).toBe(true);
  expect(producer.clipTimeMs(RIG_START_MS + 4000)).toBe(0);
  expect(producer.clipTimeMs(RIG_START_MS + 700)).toBe(700);
  expect(producer.clipTimeMs(RIG_START_MS + 800)).toBeNull();
  expect(producer.clipTimeMs(RIG_START_MS + 2000)).toBeNull();
  expect(producer.stats()).toMatchObject({ framesSent: 9, connections: 2, lastFailure: null });
  expect(reader.of('error')).toEqual([]);
});

test('a lost connection is made again after a back-off, and the frames between are counted', async () => {
  start();
  const reader = (await rig.getMedia('dock-1', { StartSelectorType: 'NOW' })).start();
  await play(reader, 3);
  const noticed = new Promise<void>((resolve) => {
    lossNoticed = resolve;
  });
  expect(rig.service.mediaFaults.dropProducer('dock-1')).toBe(true);
  await noticed;
  await reader.ended();
  expect(reader.errorText).toMatch(/3002/);
  expect(producer.stats()).toMatchObject({ connected: false, connections: 1 });
  expect(losses).toHaveLength(1);
  const again = (await rig.getMedia('dock-1', { StartSelectorType: 'NOW' })).start();
  await rig.clock.step(500);
  expect(producer.stats()).toMatchObject({ connected: true, connections: 2 });
  await rig.clock.step(300);
  await again.waitFor('frame', 1);
  expect(again.of('frame')[0]).toMatchObject({ timestampMs: RIG_START_MS + 1000, keyframe: true });
  expect(producer.clipTimeMs(RIG_START_MS + 600)).toBeNull();
  const { framesSent, framesDropped } = producer.stats();
  expect(framesSent + framesDropped).toBe(11);
});

test('a stream that is not there is tried again, and stop ends that', async () => {
  const noticed = new Promise<void>((resolve) => {
    lossNoticed = resolve;
  });
  start({ streamName: 'none' });
  await noticed;
  expect(losses).toEqual(['PutMedia answered 404']);
  await producer.stop();
  expect(rig.clock.nextTimerMs()).toBeNull();
});

test('any instant of any loop maps back to its moment of the clip', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 1e12 }),
      fc.nat({ max: 5_000_000 }),
      fc.integer({ min: 1, max: 60 }),
      fc.integer({ min: 1, max: 200 }),
      (startAtMs, index, framesPerSecond, frameCount) => {
        const frames = Array.from({ length: frameCount }, (_, n) => ({
          data: new Uint8Array(1),
          keyframe: n === 0,
          timestampMs: (n * 1000) / framesPerSecond,
        }));
        const durationMs = (frameCount * 1000) / framesPerSecond;
        const timeline = new ClipTimeline({ ...clip, frames, durationMs }, startAtMs);
        const frame = timeline.frame(index);
        timeline.sent(frame.capturedAtMs);
        const clipTimeMs = timeline.clipTimeMs(frame.capturedAtMs) ?? Number.NaN;
        const distanceMs = Math.abs(clipTimeMs - (frames[index % frameCount]?.timestampMs ?? 0));
        expect(distanceMs).toBeLessThan(0.51);
        expect(timeline.frame(timeline.firstIndexFrom(frame.capturedAtMs)).capturedAtMs).toBe(frame.capturedAtMs);
      },
    ),
  );
});
