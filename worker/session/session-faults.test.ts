/**
 * A camera's session against the local Kinesis Video service over real sockets, with the faults that the service has: each
 * is named, told to the ledger by its cause, and mended without a restart. The clock is stepped.
 */
import { CreateStreamCommand, DeleteStreamCommand, DescribeStreamCommand } from '@aws-sdk/client-kinesis-video';
import { afterEach, expect, test } from 'vitest';
import type { AwsClients } from '../../aws/clients.ts';
import { kinesisVideoMedia } from '../../aws/media.ts';
import { openCluster, segmentHeader, simpleBlock } from '../../local/kinesisvideo/matroska-writer.ts';
import {
  type MediaRig,
  type RawProducer,
  RIG_START_MS,
  startMediaRig,
} from '../../local/kinesisvideo/media-rig.test-factory.ts';
import { CameraSession } from './camera-session.ts';
import { CLIP_FRAME_MS, clipIntake, clipPackets, scriptedTrack } from './scripted-media.test-factory.ts';
import { Turns } from './turns.ts';

const fragmentMs = 500;
let rig: MediaRig;
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  await rig.close();
});

async function start(options: Parameters<typeof startMediaRig>[0] = {}) {
  rig = await startMediaRig(options);
  const clients = { kinesisVideo: rig.control, kinesisVideoMedia: () => rig.media } as unknown as AwsClients;
  const create = () => rig.control.send(new CreateStreamCommand({ StreamName: 'dock-1', DataRetentionInHours: 1 }));
  await create();
  const names: string[] = [];
  const watch = () => {
    const session: CameraSession = new CameraSession(
      clipIntake,
      { media: kinesisVideoMedia(clients), clock: rig.clock, random: () => 0, turns: new Turns(), busyShare: () => 0 },
      ({ fragmentNumber, frameIndex }, buffer) => {
        names.push(`${fragmentNumber}/${frameIndex}`);
        session.intake.settled('inferred', buffer);
      },
    );
    closing.push(() => session.stop());
    return session;
  };
  return { create, names, watch };
}

/** Lets sockets work until the condition holds; `stepMs` of the clock each time. */
async function until(what: string, holds: () => boolean, stepMs = 0): Promise<void> {
  for (let round = 0; round < 5_000; round += 1) {
    if (holds()) return;
    if (stepMs > 0 && round % 20 === 19) await rig.clock.step(stepMs);
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error(`never: ${what}`);
}

async function produce(): Promise<(count: number) => Promise<string[]>> {
  const producer: RawProducer = rig.putMedia('dock-1');
  await producer.response;
  producer.write(segmentHeader([scriptedTrack]));
  let sent = 0;
  return async (count) => {
    const numbers: string[] = [];
    for (let index = 0; index < count; index += 1) {
      const blocks = clipPackets.map(({ data, keyframe }, frame) =>
        simpleBlock(1, frame * CLIP_FRAME_MS, keyframe, data),
      );
      producer.write(openCluster(rig.clock.nowMs()), ...blocks);
      numbers.push((await producer.ack('BUFFERING', sent)).FragmentNumber ?? '');
      sent += 1;
      await rig.clock.step(fragmentMs);
    }
    return numbers;
  };
}

const isReading = () => (rig.service.states()[0]?.sessions.length ?? 0) === 1;

test('sessions that end by design, and connections that are cut, cost no frame and repeat none', async () => {
  const { names, watch } = await start();
  const send = await produce();
  const session = watch();
  await until('the session is open', isReading);
  const numbers = await send(3);
  for (const fault of ['endSessions', 'cutSessions'] as const) {
    await until('frames came', () => names.length >= 5 * (numbers.length - 1));
    expect(rig.service.mediaFaults[fault]('dock-1')).toBe(1);
    await until('the session has ended', () => !isReading());
    numbers.push(...(await send(1)));
    await until('the next session is open', isReading, 200);
    numbers.push(...(await send(2)));
  }
  await until('all came', () => names.length >= 5 * (numbers.length - 1));
  expect(names).toEqual(
    numbers.flatMap((number) => [0, 1, 2, 3, 4].map((frame) => `${number}/${frame}`)).slice(0, names.length),
  );
  expect(session.report()).toMatchObject({ state: 'running', sessions: { opened: 3, ended: 2 } });
  expect(rig.clock.nowMs() - RIG_START_MS).toBeLessThan(60_000);
});

test('three other readers: the limit is named, and the camera runs when one has gone', async () => {
  const { names, watch } = await start();
  const send = await produce();
  const others = await Promise.all(
    [1, 2, 3].map(async () => (await rig.getMedia('dock-1', { StartSelectorType: 'NOW' })).start()),
  );
  const session = watch();
  await until('it is refused', () => session.report().sessions.ended > 0);
  expect(session.report()).toMatchObject({
    state: 'failing',
    reason: expect.stringContaining('STREAM_CONNECTION_LIMIT'),
    blindCause: 'connection-limit',
  });
  rig.service.mediaFaults.endSessions('dock-1');
  await Promise.all(others.map((other) => other.ended()));
  await until('the session is open', isReading, 1_000);
  await send(2);
  await until('frames came', () => names.length >= 5);
  expect(session.report().state).toBe('running');
});

test('a stream that is deleted and made anew is watched again', async () => {
  const { create, names, watch } = await start();
  const first = await produce();
  const session = watch();
  await until('the session is open', isReading);
  await first(2);
  await until('frames came', () => names.length >= 5);
  const { StreamInfo } = await rig.control.send(new DescribeStreamCommand({ StreamName: 'dock-1' }));
  await rig.control.send(new DeleteStreamCommand({ StreamARN: StreamInfo?.StreamARN }));
  await until('it is missed', () => session.report().state === 'failing', 1_000);
  expect(session.report()).toMatchObject({
    reason: expect.stringContaining('STREAM_NOT_FOUND'),
    blindCause: 'stream-failed',
  });
  await create();
  const before = names.length;
  const again = await produce();
  await until('the session is open', isReading, 1_000);
  await again(2);
  await until('frames came', () => names.length >= before + 5);
  expect(session.report().state).toBe('running');
});
