/** Which packets are decoded, and what is said of it. */
import { expect, test } from 'vitest';
import type { DecodeReport } from '../../core/fleet-state.ts';
import { type ClipOptions, type EncodedClip, encodeClip } from '../decode/encoded-clip.test-factory.ts';
import { lengthPrefixed } from '../decode/length-prefixed.test-factory.ts';
import { letterboxGeometry } from '../decode/letterbox.ts';
import { DecodeChain } from './decode-chain.ts';

/** @param every one frame of so many is wanted. */
function decodeClip(options: ClipOptions, every: number, keyframesOnly = false) {
  const startCodes = encodeClip({ frames: 24, ...options });
  const outcome = decodeAs(startCodes, every, keyframesOnly);
  // What is left out does not depend on how NAL units are told apart.
  expect(decodeAs(lengthPrefixed(startCodes), every, keyframesOnly)).toEqual(outcome);
  return outcome;
}

function decodeAs(clip: EncodedClip, every: number, keyframesOnly: boolean) {
  let pictures = 0;
  const chain = new DecodeChain({
    picture: () => {
      pictures += 1;
    },
    lost: () => {},
    fault: (code) => {
      throw new Error(code);
    },
  });
  expect(chain.report).toBeNull();
  const track = {
    number: 1,
    kind: 'video',
    codec: clip.codec,
    codecId: 'V_MPEG4/ISO/AVC',
    codecPrivate: clip.codecPrivate,
    width: 320,
    height: 192,
  } as const;
  const packets = clip.packets.filter(({ keyframe }) => keyframe || !keyframesOnly);
  for (const [frameIndex, packet] of packets.entries()) {
    const wanted = frameIndex % every === 0 ? { fragmentNumber: '1', frameIndex } : null;
    const base = { type: 'frame', fragmentNumber: '1', frameIndex, track } as const;
    chain.packet({ ...base, ...packet } as Parameters<typeof chain.packet>[0], wanted, keyframesOnly);
  }
  const report: DecodeReport | null = chain.report;
  chain.reset();
  chain.close(() => {});
  return { report, pictures };
}

test('every frame is decoded when every frame is wanted, or others refer to each', () => {
  expect(decodeClip({ bFrames: 2 }, 1)).toEqual({
    report: { codec: 'h264', frames: 'all', device: 'cpu' },
    pictures: 24,
  });
  expect(decodeClip({}, 2)).toEqual({ report: { codec: 'h264', frames: 'all', device: 'cpu' }, pictures: 12 });
});

test('frames that are not wanted and that no other refers to are left out, and that is said', () => {
  const { report, pictures } = decodeClip({ bFrames: 2 }, 6);
  expect(report).toEqual({ codec: 'h264', frames: 'reference', device: 'cpu' });
  expect(pictures).toBe(4);
});

test('a picture that cannot be converted is lost alone, by name, and the next ones come', () => {
  const clip = encodeClip({ frames: 6 });
  const faults: string[] = [];
  const lost: number[] = [];
  const came: number[] = [];
  const chain = new DecodeChain({
    picture: (picture, { frameIndex }) => {
      if (frameIndex !== 2) {
        came.push(frameIndex);
        return;
      }
      // What swscale does for real when it is asked for another size than the picture has.
      picture.letterboxInto(new Uint8Array(10), letterboxGeometry(320, 192, 64, 48));
    },
    lost: ({ frameIndex }) => lost.push(frameIndex),
    fault: (code) => faults.push(code),
  });
  const track = {
    number: 1,
    kind: 'video',
    codec: 'h264',
    codecId: 'V_MPEG4/ISO/AVC',
    width: 320,
    height: 192,
  } as const;
  for (const [frameIndex, packet] of clip.packets.entries()) {
    const about = { type: 'frame', fragmentNumber: '1', frameIndex } as const;
    const wanted = { fragmentNumber: '1', frameIndex };
    chain.packet({ ...about, track: { ...track, codecPrivate: clip.codecPrivate }, ...packet }, wanted, false);
  }
  chain.close(() => {});
  expect([came, lost, faults]).toEqual([[0, 1, 3, 4, 5], [2], ['LETTERBOX_TARGET']]);
});

test('key frames alone, when they suffice', () => {
  const { report, pictures } = decodeClip({ codec: 'hevc' }, 1, true);
  expect(report).toEqual({ codec: 'hevc', frames: 'keyframes', device: 'cpu' });
  expect(pictures).toBe(4);
});
