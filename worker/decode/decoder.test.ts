import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DecoderOptions, VideoDecoder } from './decoder.ts';
import {
  type ClipOptions,
  drawnPicture,
  type EncodedClip,
  encodeClip,
  FRAME_MS,
  squareLeft,
} from './encoded-clip.test-factory.ts';
import { letterboxGeometry } from './letterbox.ts';
import type { I420 } from './picture-scaler.ts';

type Seen = { timestampMs: number; width: number; height: number; context: number | undefined; i420: I420 };

function decodeClip(clip: EncodedClip, options: Partial<DecoderOptions> = {}) {
  const errors: string[] = [];
  const seen: Seen[] = [];
  const decoder = new VideoDecoder<number>({
    codec: clip.codec,
    codecPrivate: clip.codecPrivate,
    onError: (error) => errors.push(error.code),
    ...options,
  });
  const onPicture: Parameters<typeof decoder.decode>[1] = (picture) => {
    const { timestampMs, width, height, context } = picture;
    seen.push({ timestampMs, width, height, context, i420: picture.toI420() });
  };
  for (const [index, packet] of clip.packets.entries()) decoder.decode({ ...packet, context: index }, onPicture);
  decoder.flush(onPicture);
  decoder.close();
  return { seen, errors, counts: decoder.counts };
}

const everyFrame = (frames: number) => Array.from({ length: frames }, (_, index) => index * FRAME_MS);

/** Column where the picture's first row becomes bright, ignoring compression noise. */
const brightFrom = ({ width, data }: I420) => {
  for (let x = 0; x < width; x += 1) if ((data[8 * width + x] as number) > 200) return x;
  return -1;
};

describe('decoding', () => {
  it.each<ClipOptions>([
    { codec: 'h264' },
    { codec: 'h264', bFrames: 2 },
    { codec: 'h264', annexB: true },
    { codec: 'hevc', bFrames: 2 },
    { codec: 'hevc', annexB: true },
  ])('%o: every picture, in display order, with its own time and context', (options) => {
    const clip = encodeClip(options);
    const { seen, errors } = decodeClip(clip);
    expect(seen.map(({ timestampMs }) => timestampMs)).toEqual(everyFrame(12));
    for (const { context, timestampMs, i420 } of seen) {
      expect(clip.packets[context as number]?.timestampMs).toBe(timestampMs);
      expect(Math.abs(brightFrom(i420) - squareLeft(timestampMs / FRAME_MS))).toBeLessThanOrEqual(1);
    }
    expect(errors).toEqual([]);
  });

  it('keeps apart pictures whose times are equal', () => {
    const clip = encodeClip();
    const same = { ...clip, packets: clip.packets.map((packet) => ({ ...packet, timestampMs: 5 })) };
    expect(decodeClip(same).seen.map(({ timestampMs, context }) => [timestampMs, context])).toEqual(
      clip.packets.map((_, index) => [5, index]),
    );
  });

  it('gives full-range I420', () => {
    const { seen } = decodeClip(encodeClip());
    // Luma 235 is white in the limited range that cameras send; JPEG's white is 255.
    expect(seen[0]?.i420.data[8 * 320 + 16]).toBeGreaterThan(250);
    expect(seen[0]?.i420.data).toHaveLength(drawnPicture(320, 192, 0).data.length);
  });

  it('with keyframesOnly gives each key frame at once', () => {
    const clip = encodeClip({ bFrames: 2 });
    const decoder = new VideoDecoder({ codec: 'h264', codecPrivate: clip.codecPrivate, keyframesOnly: true });
    const order: string[] = [];
    for (const packet of clip.packets) {
      order.push(packet.keyframe ? 'key' : 'other');
      decoder.decode(packet, ({ timestampMs }) => order.push(`picture ${timestampMs}`));
    }
    expect(order.filter((step) => step !== 'other')).toEqual(['key', 'picture 0', 'key', 'picture 240']);
    expect(decoder.counts).toMatchObject({ packets: 12, pictures: 2, dropped: { nonKeyframe: 10 } });
    decoder.close();
  });

  it('with dropNonReference leaves out only what nothing refers to', () => {
    const { seen, counts, errors } = decodeClip(encodeClip({ bFrames: 2 }), { dropNonReference: true });
    expect(counts.dropped.nonReference).toBe(4);
    expect([seen.length, errors.length]).toEqual([8, 0]);
    for (const { timestampMs, i420 } of seen)
      expect(Math.abs(brightFrom(i420) - squareLeft(timestampMs / FRAME_MS))).toBeLessThanOrEqual(1);
  });

  it('with skipLoopFilter still gives every picture', () => {
    expect(decodeClip(encodeClip(), { skipLoopFilter: true }).seen).toHaveLength(12);
  });

  it('begins at a key frame, flagged or not', () => {
    const clip = encodeClip();
    const unflagged = { ...clip, packets: clip.packets.slice(2).map((packet) => ({ ...packet, keyframe: false })) };
    const { seen, counts } = decodeClip(unflagged);
    expect(seen.map(({ timestampMs }) => timestampMs)).toEqual(everyFrame(12).slice(6));
    expect(counts.dropped.awaitingKeyframe).toBe(4);
  });
});

describe('a stream that changes', () => {
  it('goes on when parameter sets change the size, with the old pictures given first', () => {
    const [small, large] = [encodeClip({ bFrames: 2 }), encodeClip({ width: 640, height: 352 })];
    const decoder = new VideoDecoder({ codec: 'h264', codecPrivate: small.codecPrivate });
    const sizes: string[] = [];
    const target = new Uint8Array(320 * 192 * 3);
    const onPicture: Parameters<typeof decoder.decode>[1] = (picture) => {
      picture.letterboxInto(target, letterboxGeometry(picture.width, picture.height, 320, 192));
      sizes.push(`${picture.width}x${picture.height}`);
    };
    for (const clip of [small, small, large]) {
      decoder.useParameters(clip.codec, clip.codecPrivate, onPicture);
      for (const packet of clip.packets) decoder.decode(packet, onPicture);
    }
    decoder.flush(onPicture);
    decoder.close();
    expect(sizes).toEqual([...Array(24).fill('320x192'), ...Array(12).fill('640x352')]);
  });

  it('changes size with parameter sets inside the packets, and changes codec', () => {
    const clips = [
      encodeClip({ annexB: true }),
      encodeClip({ annexB: true, width: 160, height: 96 }),
      encodeClip({ codec: 'hevc', annexB: true }),
    ];
    const decoder = new VideoDecoder({ codec: 'h264', codecPrivate: null });
    const sizes = new Set<string>();
    for (const clip of clips) {
      decoder.useParameters(clip.codec, null, () => {});
      for (const packet of clip.packets)
        decoder.decode(packet, ({ width, height }) => sizes.add(`${clip.codec} ${width}x${height}`));
    }
    decoder.close();
    expect([...sizes]).toEqual(['h264 320x192', 'h264 160x96', 'hevc 320x192']);
  });
});

describe('bad bitstreams', () => {
  const clips = [encodeClip({ bFrames: 1 }), encodeClip({ codec: 'hevc' })];

  it('are counted and reported, never thrown', () => {
    const noise = {
      codec: 'h264' as const,
      codecPrivate: null,
      packets: [{ data: Buffer.from('not video'), timestampMs: 0, keyframe: true }],
    };
    const { errors, counts, seen } = decodeClip(noise);
    expect([errors, counts.errors, seen.length]).toEqual([['DECODE_FAILED'], 1, 0]);
  });

  it('refused parameter sets have a name', () => {
    const codecPrivate = Buffer.from([1, 0x64, 0, 0x1f, 0xff, 0xe1, 0, 9, 1, 2, 3]);
    expect(
      () => new VideoDecoder({ codec: 'hevc', codecPrivate: Buffer.concat([codecPrivate, Buffer.alloc(20, 0xff)]) }),
    ).toThrowError(expect.objectContaining({ code: 'DECODER_UNAVAILABLE' }));
  });

  it('survives flipped and missing bytes anywhere', () => {
    const change = fc.record({ packet: fc.nat(11), at: fc.nat(4000), bit: fc.nat(7), drop: fc.boolean() });
    fc.assert(
      fc.property(fc.constantFrom(...clips), fc.array(change, { minLength: 1, maxLength: 8 }), (clip, changes) => {
        const packets = clip.packets.map((packet) => ({ ...packet, data: packet.data.slice() }));
        for (const { packet, at, bit, drop } of changes) {
          const victim = packets[packet] as (typeof packets)[number];
          const offset = at % victim.data.length;
          if (drop) victim.data = victim.data.slice(0, offset);
          else victim.data[offset] = (victim.data[offset] as number) ^ (1 << bit);
        }
        const { counts } = decodeClip({ ...clip, packets });
        const drops = Object.values(counts.dropped).reduce((sum, count) => sum + count, 0);
        expect(counts.packets).toBe(packets.length);
        expect(counts.pictures + drops).toBe(packets.length);
      }),
      { numRuns: 40 },
    );
  });
});

describe('letterboxing a picture', () => {
  const source = encodeClip({ frames: 1 });

  function letterboxed(inputWidth: number, inputHeight: number) {
    const guard = 4096;
    const bytes = inputWidth * inputHeight * 3;
    const room = new Uint8Array(bytes + 2 * guard).fill(77);
    const decoder = new VideoDecoder({ codec: source.codec, codecPrivate: source.codecPrivate });
    const geometry = letterboxGeometry(320, 192, inputWidth, inputHeight);
    const onPicture: Parameters<typeof decoder.decode>[1] = (picture) =>
      picture.letterboxInto(room.subarray(guard, guard + bytes), geometry);
    for (const packet of source.packets) decoder.decode(packet, onPicture);
    decoder.flush(onPicture);
    decoder.close();
    const outside = [...room.subarray(0, guard), ...room.subarray(guard + bytes)];
    return { target: room.slice(guard, guard + bytes), geometry, untouched: outside.every((byte) => byte === 77) };
  }

  it.each([
    [640, 384],
    [320, 192],
    [320, 320],
    [333, 97],
    [97, 333],
    [17, 11],
  ])('into %i×%i fills all of it and nothing beside it', (inputWidth, inputHeight) => {
    const { target, geometry, untouched } = letterboxed(inputWidth, inputHeight);
    expect(untouched).toBe(true);
    const at = (x: number, y: number) => [...target.subarray((y * inputWidth + x) * 3, (y * inputWidth + x) * 3 + 3)];
    const { padX, padY, width, height } = geometry;
    if (padY > 0) expect(at(0, 0)).toEqual([114, 114, 114]);
    if (padX > 0) expect(at(inputWidth - 1, inputHeight - 1)).toEqual([114, 114, 114]);
    // The square lies at the upper left, the dark ramp below it.
    expect(at(padX + Math.floor(width * 0.03), padY + Math.floor(height * 0.05))[1]).toBeGreaterThan(200);
    expect(at(padX + Math.floor(width * 0.5), padY + Math.floor(height * 0.6))[1]).toBeLessThan(110);
  });

  it('refuses a target of another size', () => {
    const decoder = new VideoDecoder({ codec: source.codec, codecPrivate: source.codecPrivate });
    const codes: string[] = [];
    const onPicture: Parameters<typeof decoder.decode>[1] = (picture) => {
      for (const [target, geometry] of [
        [new Uint8Array(10), letterboxGeometry(320, 192, 64, 64)],
        [new Uint8Array(64 * 64 * 3), letterboxGeometry(640, 480, 64, 64)],
      ] as const) {
        try {
          picture.letterboxInto(target, geometry);
        } catch (error) {
          codes.push((error as { code: string }).code);
        }
      }
    };
    for (const packet of source.packets) decoder.decode(packet, onPicture);
    decoder.flush(onPicture);
    decoder.close();
    expect(codes).toEqual(['LETTERBOX_TARGET', 'LETTERBOX_TARGET']);
  });
});
