/**
 * The GPU's decoder where one was promised. On a machine without a GPU the refusal is real; a decoder of FFmpeg's that opens
 * and cannot read the stream stands for one that gives no pictures.
 */
import { describe, expect, it, test } from 'vitest';
import { cuvidDecoders, type HardwareDecoders } from './codec-device.ts';
import { VideoDecoder } from './decoder.ts';
import { encodeClip, FRAME_MS } from './encoded-clip.test-factory.ts';

const frames = 40;
const givesNone: HardwareDecoders = { h264: 'vp9', hevc: 'vp9' };

function decode(hardware: HardwareDecoders | null, clip = encodeClip({ frames })) {
  const times: number[] = [];
  const errors: string[] = [];
  const { codec, codecPrivate } = clip;
  const decoder = new VideoDecoder({ codec, codecPrivate, hardware, onError: ({ message }) => errors.push(message) });
  for (const packet of clip.packets) decoder.decode(packet, ({ timestampMs }) => times.push(timestampMs));
  decoder.flush(({ timestampMs }) => times.push(timestampMs));
  return { decoder, times, errors, device: decoder.device };
}

const everyTime = Array.from({ length: frames }, (_, index) => index * FRAME_MS);

describe.each(['h264', 'hevc'] as const)('%s', (codec) => {
  it('on the GPU where there is one, else on the CPU with the reason, and every picture comes', () => {
    const { times, errors, device } = decode(cuvidDecoders, encodeClip({ codec, frames }));
    expect(times).toEqual(everyTime);
    expect(errors).toEqual([]);
    if (device.device === 'cuvid') expect(device.fallback).toBeUndefined();
    else {
      expect(device.fallback).toMatch(new RegExp(`^${codec}_cuvid could not be opened: .+libnvcuvid`));
    }
  });
});

test('without a promise the CPU decodes, and nothing is said', () => {
  expect(decode(null).device).toEqual({ device: 'cpu' });
});

test('a GPU whose decoder is missing from FFmpeg', () => {
  const { device, times } = decode({ h264: 'h264_none', hevc: 'hevc_none' });
  expect(device).toEqual({
    device: 'cpu',
    fallback: 'h264_none could not be opened: this build of FFmpeg has none of that name',
  });
  expect(times).toEqual(everyTime);
});

test('a decoder that takes the stream and gives no picture is given up after 16 packets, at the next key frame', () => {
  const { decoder, times, device } = decode(givesNone);
  expect(device.device).toBe('cpu');
  expect(device.fallback).toMatch(/^vp9 gave no picture for 16 packets: /);
  // Key frames come every 6 frames.
  expect(times).toEqual(everyTime.slice(18));
  expect(decoder.counts.errors).toBe(16);
  const { packets, pictures, dropped } = decoder.counts;
  expect(pictures + Object.values(dropped).reduce((sum, count) => sum + count, 0)).toBe(packets);
});

test('other parameter sets are tried on the GPU again; a machine without one is not asked twice', () => {
  const other = encodeClip({ frames: 6, width: 640, height: 384 });
  const { decoder } = decode(givesNone);
  decoder.useParameters(other.codec, other.codecPrivate, () => {});
  expect(decoder.device).toEqual({ device: 'cuvid' });
  decoder.close();
  const without = decode({ h264: 'h264_none', hevc: 'hevc_none' }).decoder;
  without.useParameters('hevc', encodeClip({ codec: 'hevc', frames: 1 }).codecPrivate, () => {});
  expect(without.device.fallback).toContain('h264_none');
  without.close();
});
