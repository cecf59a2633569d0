/**
 * What a camera's session lives through over real sockets without losing or repeating a frame: endpoints that move, hosts
 * that say nothing, sessions that end by design, producers that pause. The clock is stepped.
 */
import { afterEach, expect, test } from 'vitest';
import { NetworkPath } from '../../local/http/network-path.test-factory.ts';
import { openCluster, segmentHeader, simpleBlock } from '../../local/kinesisvideo/matroska-writer.ts';
import { startWatchedCamera, type WatchedCamera } from './watched-camera.test-factory.ts';

const minuteMs = 60_000;
const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function start(options: Parameters<typeof startWatchedCamera>[0] = {}): Promise<WatchedCamera> {
  const camera = await startWatchedCamera(options);
  closing.push(() => camera.close());
  return camera;
}

/** Every frame that the producer sent came once, in order; the newest may be on its way. */
function expectEachOnce(camera: WatchedCamera, framesSent: number) {
  const { names } = camera;
  expect(new Set(names).size).toBe(names.length);
  expect(framesSent - names.length).toBeGreaterThanOrEqual(0);
  expect(framesSent - names.length).toBeLessThanOrEqual(2);
  expect([...names].sort(byFragmentAndIndex)).toEqual(names);
}

const byFragmentAndIndex = (left: string, right: string) => {
  const [[a = '', i = ''], [b = '', j = '']] = [left.split('/'), right.split('/')];
  return a === b ? Number(i) - Number(j) : a < b ? -1 : 1;
};

test('a data endpoint that has moved is asked for anew, and reading goes on after the last fragment', async () => {
  const camera = await start();
  const producer = camera.produce();
  camera.watch({ fps: 10 });
  await camera.runs();
  const moved = new NetworkPath(camera.rig.endpoint);
  await moved.open();
  closing.push(() => moved.close());
  camera.rig.advertise(moved.url);
  await camera.network.close();
  await camera.until('it is tried', () => (camera.report?.sessions.opened ?? 0) > 1);
  await camera.runs();
  await camera.step(1_000);
  expectEachOnce(camera, producer.stats().framesSent);
  // Once at the old address, once at the new one.
  expect(camera.report?.sessions).toEqual({ opened: 3, ended: 2, skippedToNow: 0 });
  expect(camera.ledger().blind).toEqual({});
});

test('sessions that KVS ends in order, and connections that are cut in mid-fragment, cost no frame and repeat none', async () => {
  const camera = await start();
  const producer = camera.produce({ fragmentDurationMs: 2_000 });
  camera.watch({ fps: 10 });
  await camera.runs();
  for (const fault of ['endSessions', 'cutSessions', 'cutSessions', 'endSessions'] as const) {
    expect(camera.rig.service.mediaFaults[fault]('dock-1')).toBe(1);
    await camera.runs();
    await camera.step(700);
  }
  expectEachOnce(camera, producer.stats().framesSent);
  expect(camera.report).toMatchObject({ state: 'running', sessions: { opened: 5, ended: 4, skippedToNow: 0 } });
  expect(camera.ledger().blind).toEqual({});
});

test('a host that takes the connection and says nothing is unreachable, and is tried again', async () => {
  const camera = await start();
  camera.produce();
  camera.network.stall();
  camera.watch();
  await camera.step(22_000);
  expect(camera.report).toMatchObject({
    state: 'failing',
    reason: expect.stringMatching(/^STREAM_UNREACHABLE: no answer for stream dock-1 within 20 s/),
    blindCause: 'unreachable',
  });
  camera.network.cut();
  camera.network.resume();
  await camera.runs();
});

test('sessions end by design every 40 to 45 minutes, on the clock of the service, and cost nothing', async () => {
  const camera = await start({ random: () => 0.5 });
  const producer = camera.produce({ frameMs: 4_000, fragmentDurationMs: 20_000 });
  camera.watch({ fps: 0.25 });
  await camera.step(42.3 * minuteMs, 4_000);
  expect(camera.report?.sessions).toMatchObject({ opened: 1, ended: 0 });
  await camera.step(0.5 * minuteMs, 4_000);
  expect(camera.report?.sessions).toEqual({ opened: 2, ended: 1, skippedToNow: 0 });
  await camera.step(minuteMs, 4_000);
  expectEachOnce(camera, producer.stats().framesSent);
  // Control accounts at most a quarter of an hour at a time.
  expect(camera.ledger()).toEqual({ scheduled: 900, inferred: 900, blind: {} });
});

test('a producer that pauses and returns again and again loses no frame of what it sent', async () => {
  const camera = await start();
  const producer = camera.produce();
  camera.watch({ fps: 10 });
  await camera.runs();
  for (const seconds of [1, 3, 8, 12, 25, 70]) {
    producer.pause();
    await camera.step(seconds * 1_000);
    producer.resume();
    await camera.runs();
  }
  expectEachOnce(camera, producer.stats().framesSent);
  const { blind } = camera.ledger();
  expect(Object.keys(blind)).toEqual(['silent']);
  expect(blind.silent).toBeGreaterThan(3 + 8 + 12 + 25 + 70 - 4);
});

test('a successor whose checkpoint has left the retention goes on at the live edge, and the gap says so', async () => {
  const camera = await start({ streamBytesMax: 12_000 });
  camera.produce();
  await camera.step(2_000);
  const predecessor = (await camera.rig.getMedia('dock-1', { StartSelectorType: 'NOW' })).start();
  await predecessor.waitFor('fragment-start', 1);
  predecessor.payload.destroy();
  const [checkpoint] = predecessor.of('fragment-start');
  const { number: fragmentNumber = '', producerTimestampMs = 0 } = checkpoint?.fragment ?? {};
  await camera.step(10_000);
  camera.watch({ resumeAfter: { fragmentNumber, producerTimestampMs } });
  await camera.runs();
  expect(camera.report).toMatchObject({ state: 'running', mediaErrors: { STREAM_FRAGMENT_GONE: 1 } });
  expect(camera.ledger().blind['fragment-gone']).toBeGreaterThan(0.4);
});

test('a stream of sound alone is failing by name, not running, and runs when its video comes', async () => {
  const camera = await start();
  const sound = { number: 1, kind: 'audio', codecId: 'A_AAC', width: 0, height: 0, codecPrivate: null } as const;
  const producer = camera.rig.putMedia('dock-1');
  await producer.response;
  producer.write(segmentHeader([sound]));
  camera.watch();
  for (let second = 0; second < 14; second += 1) {
    const blocks = [0, 250, 500, 750].map((offsetMs) => simpleBlock(1, offsetMs, true, Buffer.alloc(60, second)));
    producer.write(openCluster(camera.rig.clock.nowMs()), ...blocks);
    await camera.step(1_000);
  }
  expect(`${camera.report?.state}: ${camera.report?.reason}`).toMatch(
    /^failing: no frame for 1\d s: VIDEO_TRACK_MISSING: /,
  );
  expect(camera.report?.mediaErrors.VIDEO_TRACK_MISSING).toBeGreaterThan(8);
  producer.request.end();
  await producer.finished;
  camera.produce();
  await camera.runs();
  expect(camera.ledger().blind['media-damaged']).toBeGreaterThan(8);
});
