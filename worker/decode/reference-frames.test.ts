import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BitstreamLayout, bitstreamLayout, eachNalUnit } from './bitstream-layout.ts';
import { type EncodedClip, encodeClip, FRAME_MS } from './encoded-clip.test-factory.ts';
import { lengthPrefixed as prefixed } from './length-prefixed.test-factory.ts';
import { hasParameterSets, isDroppable, isRandomAccess } from './reference-frames.ts';

const marks = (codec: 'h264' | 'hevc', annexB: boolean) => {
  const clip = encodeClip({ codec, bFrames: 2, annexB });
  const lengths = prefixed(clip);
  const marked = marksOf(clip);
  // Without a header beside the packets nobody knows of sub-layers.
  if (!annexB) expect(marksOf(lengths)).toEqual(marked);
  return marked;
};

const marksOf = ({ codec, codecPrivate, packets }: EncodedClip) => {
  const layout = bitstreamLayout(codec, codecPrivate);
  return packets.map(({ data, timestampMs }) => {
    return `${timestampMs / FRAME_MS}${isRandomAccess(data, layout) ? ' begins' : ''}${isDroppable(data, layout) ? ' drop' : ''}`;
  });
};

const avcC = Buffer.from([1, 0x64, 0, 0x1f, 0xff, 0xe1, 0, 0]);
const lengthPrefixed = (...units: number[][]) => Buffer.from(units.flatMap((unit) => [0, 0, 0, unit.length, ...unit]));

describe('parameter sets of a packet', () => {
  it.each(['h264', 'hevc'] as const)(
    '%s: found before the first slice, in both layouts, where the packets bring them',
    (codec) => {
      for (const annexB of [true, false]) {
        const startCodes = encodeClip({ codec, annexB });
        for (const clip of [startCodes, prefixed(startCodes)]) {
          const layout = bitstreamLayout(codec, clip.codecPrivate);
          const bringers = clip.packets.filter(({ data }) => hasParameterSets(data, layout));
          expect(bringers).toEqual(annexB ? clip.packets.filter(({ keyframe }) => keyframe) : []);
        }
      }
    },
  );
});

describe('which packets can be left out', () => {
  it('finds the B pictures of H.264 and where decoding may begin', () => {
    expect(marks('h264', false)).toEqual([
      '0 begins',
      '3',
      '1',
      '2 drop',
      '5',
      '4 drop',
      '6 begins',
      '9',
      '7',
      '8 drop',
      '11',
      '10 drop',
    ]);
  });

  it('finds the non-reference pictures of H.265 by its highest sub-layer', () => {
    expect(marks('hevc', false)).toEqual([
      '0 begins',
      '3',
      '2',
      '1 drop',
      '6 begins',
      '5',
      '4 drop',
      '9',
      '8',
      '7 drop',
      '11',
      '10 drop',
    ]);
  });

  it('keeps every H.265 picture when the number of sub-layers is unknown', () => {
    expect(marks('hevc', true).filter((mark) => mark.includes('drop'))).toEqual([]);
  });

  it('reads length prefixes by avcC, and start codes under an avcC header', () => {
    const layout = bitstreamLayout('h264', avcC);
    expect(layout.nalLengthBytes).toBe(4);
    expect(isDroppable(lengthPrefixed([0x06, 0x05], [0x01, 0x88]), layout)).toBe(true);
    expect(isDroppable(lengthPrefixed([0x01, 0x88], [0x41, 0x88]), layout)).toBe(false);
    expect(isRandomAccess(Buffer.from([0, 0, 0, 1, 0x65, 0x88]), layout)).toBe(true);
  });

  it('takes a length that looks like a start code for a length', () => {
    const layout = bitstreamLayout('h264', avcC);
    // A reference picture of 257 bytes, whose length ends in the byte that would make it a picture without references.
    for (const bytes of [1, 256, 257, 261, 511, 65_793]) {
      const unit = Buffer.alloc(4 + bytes, 0x41);
      unit.writeUInt32BE(bytes);
      const bounds: number[][] = [];
      eachNalUnit(unit, layout, (from, to) => bounds.push([from, to]) > 0);
      expect([bytes, bounds]).toEqual([bytes, [[4, 4 + bytes]]]);
      expect(isDroppable(unit, layout)).toBe(false);
      expect(isRandomAccess(unit, layout)).toBe(false);
    }
  });

  it('reads the number of sub-layers from hvcC', () => {
    const hvcC = Buffer.alloc(23);
    hvcC[0] = 1;
    hvcC[21] = (3 << 3) | 3;
    expect(bitstreamLayout('hevc', hvcC)).toEqual({ codec: 'hevc', nalLengthBytes: 4, temporalLayers: 3 });
  });

  it('walks any bytes to an end, inside them', () => {
    const layout = fc.record<BitstreamLayout>({
      codec: fc.constantFrom('h264', 'hevc'),
      nalLengthBytes: fc.constantFrom(null, 1, 2, 4),
      temporalLayers: fc.constantFrom(null, 1, 3),
    });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60, max: 3 }), layout, (data, anyLayout) => {
        let reached = 0;
        eachNalUnit(data, anyLayout, (from, to) => {
          expect(from).toBeGreaterThanOrEqual(reached);
          expect(to).toBeGreaterThan(from);
          reached = to;
          return true;
        });
        expect(reached).toBeLessThanOrEqual(data.length);
        isDroppable(data, anyLayout);
        bitstreamLayout(anyLayout.codec, data);
      }),
    );
  });
});
