/**
 * Streams that change as they run, on real encoded media, by start codes and by lengths: no picture is lost, wrong or
 * stretched when resolution, parameter sets, codec or layout change, and when they change back.
 */
import { describe, expect, it } from 'vitest';
import { type EncodedClip, encodeClip, FRAME_MS } from '../decode/encoded-clip.test-factory.ts';
import { lengthPrefixed } from '../decode/length-prefixed.test-factory.ts';
import { clipBlocks, fragmentOf, readingCamera, videoTrack } from './media-reading.test-factory.ts';

const frames = 12;
const plain = encodeClip({ frames });
const allTimes = Array.from({ length: frames }, (_, index) => index * FRAME_MS);

describe('a stream that changes as it runs', () => {
  const double = { width: 640, height: 384 };
  const large = encodeClip({ frames, ...double });
  const changes: [string, EncodedClip, EncodedClip][] = [
    ['resolution, in the track', plain, large],
    [
      'resolution, inside the packets alone',
      encodeClip({ frames, annexB: true }),
      encodeClip({ frames, ...double, annexB: true }),
    ],
    [
      'parameter sets of the same size, in the track',
      plain,
      encodeClip({ frames, parameters: 'cabac=1:8x8dct=1:ref=3' }),
    ],
    [
      'parameter sets of the same size, inside the packets alone',
      encodeClip({ frames, annexB: true }),
      encodeClip({ frames, annexB: true, parameters: 'cabac=1:8x8dct=1:ref=3' }),
    ],
    ['codec, H.264 to H.265', plain, encodeClip({ frames, codec: 'hevc', bFrames: 2 })],
    ['reordering, without to with B-frames', plain, encodeClip({ frames, bFrames: 2 })],
    ['layout, lengths to start codes', lengthPrefixed(plain), encodeClip({ frames, annexB: true })],
    [
      'resolution, inside length-prefixed packets of a track that declares the old one',
      lengthPrefixed(plain),
      {
        ...lengthPrefixed(encodeClip({ frames, ...double, annexB: true })),
        codecPrivate: lengthPrefixed(plain).codecPrivate,
      },
    ],
  ];
  const prefixed = changes.map(([what, ...clips]): (typeof changes)[number] => [
    `${what}, length-prefixed`,
    ...(clips.map((clip) => (clip.codecPrivate?.[0] === 1 ? clip : lengthPrefixed(clip))) as [
      EncodedClip,
      EncodedClip,
    ]),
  ]);
  it.each([...changes, ...prefixed])(
    '%s: no picture is lost, wrong or stretched, there and back',
    async (_, first, then) => {
      const camera = readingCamera();
      for (const [index, clip] of [first, first, then, then, first].entries()) {
        await camera.read(fragmentOf(index, [videoTrack(clip)], clipBlocks(clip)));
      }
      const counts = await camera.end();
      expect([counts.inferred, camera.faults]).toEqual([5 * frames, {}]);
      const byFragment = [1_000, 1_001, 1_002, 1_003, 1_004].map((number) =>
        camera.seen.filter(({ fragmentNumber }) => fragmentNumber === String(number)),
      );
      for (const [index, own] of byFragment.entries()) {
        const scale = own[0]?.width === 640 ? 2 : 1;
        expect(own.map((frame) => Math.round((frame.squareLeft * scale) / 8) * FRAME_MS)).toEqual(allTimes);
        expect(new Set(own.map(({ width }) => width)).size, `fragment ${index}`).toBe(1);
      }
    },
  );
});
