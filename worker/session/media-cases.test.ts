/**
 * Streams as producers in the field send them, each case on real encoded media: what should be seen is seen, what is wrong
 * has a name and a count, and whatever comes afterwards is read as if nothing had been.
 */
import { describe, expect, it, test } from 'vitest';
import { type ClipOptions, encodeClip, FRAME_MS, squareLeft } from '../decode/encoded-clip.test-factory.ts';
import { lengthPrefixed } from '../decode/length-prefixed.test-factory.ts';
import {
  type Block,
  clipBlocks,
  fragmentOf,
  readingCamera,
  type SeenFrame,
  videoTrack,
} from './media-reading.test-factory.ts';
import { MEDIA_START_MS } from './scripted-media.test-factory.ts';

const frames = 12;
const plain = encodeClip({ frames });
const audio = { number: 2, kind: 'audio', codecId: 'A_AAC', width: 0, height: 0, codecPrivate: null } as const;

/** Frame times since the fragment's start, as the pixels tell them. */
const seenTimes = (seen: readonly SeenFrame[]) => seen.map((frame) => Math.round(frame.squareLeft / 8) * FRAME_MS);
const allTimes = Array.from({ length: frames }, (_, index) => index * FRAME_MS);

function expectWhole(seen: readonly SeenFrame[], fragments: number) {
  expect(seen).toHaveLength(fragments * frames);
  for (let fragment = 0; fragment < fragments; fragment += 1) {
    const own = seen.slice(fragment * frames, (fragment + 1) * frames);
    expect(seenTimes(own)).toEqual(allTimes);
    expect(own.map(({ capturedAtMs }) => capturedAtMs - (own[0]?.capturedAtMs ?? 0))).toEqual(allTimes);
  }
}

describe('what cameras send', () => {
  it.each<ClipOptions>([
    { bFrames: 2 },
    { codec: 'hevc' },
    { codec: 'hevc', bFrames: 3 },
    { codec: 'hevc', annexB: true },
    { annexB: true, bFrames: 1 },
    { parameters: 'slices=4' },
    { parameters: 'open-gop=1', bFrames: 2 },
  ])('%o: every frame, with the picture that belongs to its time, by start codes and by lengths', async (options) => {
    const startCodes = encodeClip({ frames, ...options });
    for (const clip of [startCodes, lengthPrefixed(startCodes)]) {
      const camera = readingCamera();
      for (const index of [0, 1, 2]) await camera.read(fragmentOf(index, [videoTrack(clip)], clipBlocks(clip)));
      const counts = await camera.end();
      expectWhole(camera.seen, 3);
      expect([counts.inferred, camera.faults]).toEqual([3 * frames, {}]);
    }
  });

  it('B-frames at 5 of 25 frames/s: each inferred frame is the one that its time says', async () => {
    const clip = encodeClip({ frames: 24, keyframeEvery: 24, bFrames: 2 });
    const camera = readingCamera({ fps: 5 });
    for (const index of [0, 1]) await camera.read(fragmentOf(index, [videoTrack(clip)], clipBlocks(clip)));
    await camera.end();
    expect(camera.seen.length).toBeGreaterThanOrEqual(8);
    for (const { capturedAtMs, squareLeft: left } of camera.seen) {
      const sinceStartMs = (capturedAtMs - MEDIA_START_MS) % 1_000;
      expect(Math.abs(left - squareLeft(sinceStartMs / FRAME_MS))).toBeLessThanOrEqual(1);
    }
  });

  it.each(['before', 'behind', 'among'])('sound and metadata %s the video are passed over', async (where) => {
    const sound: Block[] = allTimes.map((offsetMs) => ({
      track: 2,
      offsetMs,
      keyframe: true,
      data: Buffer.alloc(90, 7),
    }));
    const video = clipBlocks(plain);
    const among = video.flatMap((block, index) => [block, ...sound.slice(index, index + 1)]);
    const blocks = { before: [...sound, ...video], behind: [...video, ...sound], among }[where] ?? [];
    const camera = readingCamera();
    const subtitles = { ...audio, number: 3, kind: 'other' as const, codecId: 'S_TEXT/UTF8' };
    for (const index of [0, 1]) await camera.read(fragmentOf(index, [audio, videoTrack(plain), subtitles], blocks));
    const counts = await camera.end();
    expectWhole(camera.seen, 2);
    expect([counts.captured, camera.faults]).toEqual([2 * frames, {}]);
  });

  it('of two video tracks the first is watched, and the other named', async () => {
    const other = encodeClip({ frames, width: 160, height: 96 });
    const second = { ...videoTrack(other), number: 2, width: 160, height: 96 };
    const among = clipBlocks(plain).flatMap((block, index) => {
      const twin = clipBlocks(other)[index];
      return twin === undefined ? [block] : [block, { ...twin, track: 2 }];
    });
    const camera = readingCamera();
    for (const index of [0, 1]) await camera.read(fragmentOf(index, [videoTrack(plain), second], among));
    await camera.end();
    expectWhole(camera.seen, 2);
    expect(camera.faults).toEqual({ VIDEO_TRACK_EXTRA: 2 });
  });
});

it.each([
  [16, 16],
  [4_096, 16],
  [16, 2_048],
  [1_922, 1_082],
])('pictures of %i×%i are seen, whatever their shape', async (width, height) => {
  const clip = encodeClip({ frames: 3, width, height });
  const camera = readingCamera({ keepPictures: true });
  await camera.read(fragmentOf(0, [videoTrack(clip, { width, height })], clipBlocks(clip)));
  const counts = await camera.end();
  expect(camera.seen.map((frame) => [frame.width, frame.height])).toEqual(Array(3).fill([width, height]));
  expect([counts.inferred, camera.faults]).toEqual([3, {}]);
});

it.each([
  [0, 0],
  [1, 100_000],
])('a track that says %i×%i of its pictures is seen as they are', async (width, height) => {
  const clip = encodeClip({ frames: 3, width: 320, height: 192 });
  const camera = readingCamera({ keepPictures: true });
  await camera.read(fragmentOf(0, [videoTrack(clip, { width, height })], clipBlocks(clip)));
  const counts = await camera.end();
  expect(camera.seen.map((frame) => [frame.width, frame.height])).toEqual(Array(3).fill([320, 192]));
  expect([counts.inferred, camera.faults]).toEqual([3, {}]);
});

/** Reads what is wrong between fragments that are right. @returns what came of it, less what is always there. */
async function amid(bad: Buffer, settings = {}) {
  const camera = readingCamera(settings);
  const good = (index: number) => fragmentOf(index, [videoTrack(plain)], clipBlocks(plain));
  await camera.read(Buffer.concat([good(0), bad, good(2)]));
  const counts = await camera.end();
  const fine = camera.seen.filter(({ fragmentNumber }) => fragmentNumber === '1000' || fragmentNumber === '1002');
  expectWhole(fine, 2);
  return { ...camera, counts, bad: camera.seen.filter(({ fragmentNumber }) => fragmentNumber === '1001') };
}

describe('what is wrong has a name, and the next fragment is read whole', () => {
  const blocks = clipBlocks(plain);

  it.each<[string, Block[]]>([
    ['all', blocks.map((block) => ({ ...block, data: Buffer.alloc(0) }))],
    ['some', blocks.map((block, index) => (index % 3 === 1 ? { ...block, data: Buffer.alloc(0) } : block))],
    ['the keyframes', blocks.map((block) => (block.keyframe ? { ...block, data: Buffer.alloc(0) } : block))],
  ])('frames of no bytes: %s', async (_, given) => {
    const { faults, counts } = await amid(fragmentOf(1, [videoTrack(plain)], given));
    const empty = given.filter(({ data }) => data.length === 0).length;
    expect(faults.FRAME_EMPTY).toBe(empty);
    expect(counts.dropped['decode-failed']).toBeGreaterThanOrEqual(empty);
  });

  test('frames of a few bytes that hold no slice', async () => {
    const { counts, faults } = await amid(
      fragmentOf(
        1,
        [videoTrack(plain)],
        blocks.map((block) => ({ ...block, data: Buffer.from([0, 0, 0]) })),
      ),
    );
    expect(counts.dropped['decode-failed']).toBe(frames);
    expect(faults.DECODE_FAILED).toBeGreaterThan(0);
  });

  it.each([
    ['VP9 under its own name', { codecId: 'V_VP9' }, 'CODEC_UNSUPPORTED'],
    ['Motion JPEG', { codecId: 'V_MJPEG' }, 'CODEC_UNSUPPORTED'],
    ['a codec without a name', { codecId: '' }, 'CODEC_UNSUPPORTED'],
    ['H.264 that calls itself H.265', { codecId: 'V_MPEGH/ISO/HEVC' }, 'DECODE'],
    ['parameter sets of garbage', { codecPrivate: Buffer.alloc(60, 0xa5) }, null],
    ['no parameter sets at all', { codecPrivate: null }, 'DECODE_FAILED'],
  ])('wrong codec: %s', async (_, track, code) => {
    const { faults, counts } = await amid(fragmentOf(1, [videoTrack(plain, track)], blocks));
    if (code !== null) expect(Object.keys(faults).join()).toContain(code);
    expect(counts.captured).toBe(3 * frames);
  });

  it.each([
    ['no tags', { tags: null }],
    ['a producer timestamp that is no number', { producerTimestamp: 'now' }],
    ['a producer timestamp without end', { producerTimestamp: '1e18' }],
    ['a producer timestamp after the year 9999', { producerTimestamp: '253402300800.000' }],
    ['a producer timestamp before the year 0', { producerTimestamp: '-62167219201.000' }],
    ['an empty producer timestamp', { producerTimestamp: '' }],
  ] as const)('fragment tags: %s', async (_, given) => {
    const { faults, bad, counts } = await amid(fragmentOf(1, [videoTrack(plain)], blocks, given));
    expect(faults).toEqual({ KVS_FRAGMENT_TAGS: 1 });
    expect([bad.length, counts.captured]).toEqual([0, 2 * frames]);
  });
});

test('sound alone is no camera', async () => {
  const sound = allTimes.map((offsetMs) => ({ track: 2, offsetMs, keyframe: true, data: Buffer.alloc(90, 7) }));
  const { faults, messages, counts } = await amid(fragmentOf(1, [audio], sound));
  expect(faults).toEqual({ VIDEO_TRACK_MISSING: 1 });
  expect(messages).toEqual(['expected a video track, fragment 1001 has 12 frames of others']);
  expect(counts.captured).toBe(2 * frames);
});

describe('times as wrong clocks tell them: frames are seen, at the times that were told', () => {
  const blocks = clipBlocks(plain);
  const told = (seen: readonly SeenFrame[], startMs: number) => seen.map(({ capturedAtMs }) => capturedAtMs - startMs);

  it.each([
    ['1970', 0],
    ['1969', -5_000],
    ['2200', Date.UTC(2200, 0, 1)],
    ['an hour back', MEDIA_START_MS - 3_600_000],
  ])('%s', async (_, startMs) => {
    const { bad, faults, counts } = await amid(fragmentOf(1, [videoTrack(plain)], blocks, { startMs }));
    expect(told(bad, startMs)).toEqual(allTimes);
    expect([faults, counts.inferred]).toEqual([{}, 3 * frames]);
  });

  test('equal timecodes: one frame of them is wanted at a rate, and nothing is stuck', async () => {
    const equal = blocks.map((block) => ({ ...block, offsetMs: 40 }));
    const { bad, faults, counts } = await amid(fragmentOf(1, [videoTrack(plain)], equal));
    expect(bad).toHaveLength(1);
    expect([faults, counts.dropped]).toEqual([{}, { sampling: frames - 1 }]);
  });

  test('falling timecodes within a fragment', async () => {
    const falling = blocks.map((block, index) => ({ ...block, offsetMs: (frames - index) * FRAME_MS }));
    const { bad, faults, counts } = await amid(fragmentOf(1, [videoTrack(plain)], falling));
    expect(bad.length).toBeGreaterThanOrEqual(1);
    expect([faults, counts.inferred + (counts.dropped.sampling ?? 0)]).toEqual([{}, 3 * frames]);
  });

  test('blocks before their cluster, by as much as a block can say', async () => {
    const early = blocks.map((block) => ({ ...block, offsetMs: block.offsetMs - 32_768 }));
    const { bad, faults } = await amid(fragmentOf(1, [videoTrack(plain)], early));
    expect(told(bad, MEDIA_START_MS + 1_000 - 32_768)).toEqual(allTimes);
    expect(faults).toEqual({});
  });
});

test('a picture of one camera says nothing of another: beside garbage all frames are seen', async () => {
  const [bad, good] = [readingCamera(), readingCamera()];
  for (let index = 0; index < 5; index += 1) {
    await bad.read(
      fragmentOf(
        index,
        [videoTrack(plain)],
        clipBlocks(plain).map((b) => ({ ...b, data: Buffer.alloc(500, index) })),
      ),
    );
    await good.read(fragmentOf(index, [videoTrack(plain)], clipBlocks(plain)));
  }
  expectWhole(good.seen, 5);
  expect([(await good.end()).inferred, good.faults]).toEqual([5 * frames, {}]);
  expect((await bad.end()).dropped['decode-failed']).toBe(5 * frames);
  expect(bad.faults.DECODE_FAILED).toBeGreaterThan(0);
});
