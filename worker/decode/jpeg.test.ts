import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { VideoDecoder } from './decoder.ts';
import { colorOfLabel, drawBoxes } from './draw-boxes.ts';
import { type EncodedJpeg, encodeJpeg } from './jpeg.ts';
import type { Box } from './letterbox.ts';
import type { I420 } from './picture-scaler.ts';

function grey(width: number, height: number): I420 {
  return {
    width,
    height,
    data: new Uint8Array(width * height + 2 * ((width + 1) >> 1) * ((height + 1) >> 1)).fill(128),
  };
}

/** What a viewer sees: the JPEG decoded again. */
function seen({ jpeg }: EncodedJpeg): {
  picture: I420;
  red(x: number, y: number): number;
  blue(x: number, y: number): number;
} {
  let picture: I420 | null = null;
  const decoder = new VideoDecoder({ codec: 'mjpeg', codecPrivate: null });
  const onPicture: Parameters<typeof decoder.decode>[1] = (decoded) => {
    picture = decoded.toI420();
  };
  decoder.decode({ data: jpeg, timestampMs: 0, keyframe: true }, onPicture);
  decoder.flush(onPicture);
  decoder.close();
  if (picture === null) throw new Error('the JPEG did not decode');
  const { width, height, data } = picture as I420;
  const chromaWidth = (width + 1) >> 1;
  const chroma = (plane: number, x: number, y: number) =>
    (data[width * height + plane * chromaWidth * ((height + 1) >> 1) + (y >> 1) * chromaWidth + (x >> 1)] as number) -
    128;
  const luma = (x: number, y: number) => data[y * width + x] as number;
  return {
    picture: picture as I420,
    red: (x, y) => luma(x, y) + 1.402 * chroma(1, x, y),
    blue: (x, y) => luma(x, y) + 1.772 * chroma(0, x, y),
  };
}

const box: Box = [0.25, 0.25, 0.75, 0.75];

describe('encodeJpeg', () => {
  it('gives the picture back as it was, in any size', () => {
    for (const [width, height] of [
      [320, 192],
      [321, 193],
      [16, 16],
      [1, 1],
    ] as const) {
      const { picture } = seen(encodeJpeg(grey(width, height), { quality: 95 }));
      expect([picture.width, picture.height]).toEqual([width, height]);
      expect(Math.abs((picture.data[0] as number) - 128)).toBeLessThanOrEqual(2);
    }
  });

  it('keeps full-range black and white', () => {
    const picture = grey(64, 64);
    picture.data.fill(0, 0, 64 * 32).fill(255, 64 * 32, 64 * 64);
    const { data } = seen(encodeJpeg(picture, { quality: 95 })).picture;
    expect(data[64 * 8 + 8]).toBeLessThan(4);
    expect(data[64 * 56 + 8]).toBeGreaterThan(251);
  });

  it('shows boxes in their colour with a label above, and leaves the given pixels alone', () => {
    const picture = grey(640, 360);
    const jpeg = encodeJpeg(picture, { quality: 95, boxes: [{ box, label: 'car', score: 0.5, color: [255, 0, 0] }] });
    const { red, blue } = seen(jpeg);
    for (const [x, y] of [
      [161, 180],
      [478, 180],
      [320, 91],
      [320, 268],
    ] as const) {
      expect(red(x, y), `edge at ${x},${y}`).toBeGreaterThan(200);
      expect(blue(x, y), `edge at ${x},${y}`).toBeLessThan(80);
    }
    expect(red(320, 180)).toBeLessThan(140);
    // The plate of "car 50%": 8 characters of 6 pixels, 9 rows, on top of the box.
    const plate = Array.from({ length: 44 }, (_, column) => red(161 + column, 85));
    expect(Math.max(...plate)).toBeGreaterThan(200);
    expect(picture.data.every((value) => value === 128)).toBe(true);
  });

  it('writes letters that differ from each other', () => {
    const drawn = ['car', 'cat', 'c?r'].map((label) => {
      const picture = grey(160, 90);
      drawBoxes(picture, [{ box: [0.1, 0.5, 0.9, 0.9], label, color: [0, 0, 0] }]);
      return Buffer.from(picture.data).toString('base64');
    });
    expect(new Set(drawn).size).toBe(3);
    expect(colorOfLabel('car')).toEqual(colorOfLabel('car'));
  });

  it('lowers the quality until the file fits, and says when none does', () => {
    const picture = grey(320, 192);
    for (let index = 0; index < 320 * 192; index += 1) picture.data[index] = (index * 2_654_435_761) >>> 24;
    const { jpeg: free } = encodeJpeg(picture, { quality: 100 });
    const bytesMax = Math.floor(free.length / 2);
    const fitting = encodeJpeg(picture, { quality: 100, bytesMax });
    expect(fitting.jpeg.length).toBeLessThanOrEqual(bytesMax);
    expect([fitting.width, fitting.height]).toEqual([320, 192]);
    expect(() => encodeJpeg(picture, { bytesMax: 100 })).toThrowError(expect.objectContaining({ code: 'JPEG_FAILED' }));
    expect(encodeJpeg(picture, { quality: 20 }).jpeg.length).toBeLessThan(free.length);
  });

  it('makes the picture smaller where quality alone would ruin it: same view, boxes in place, given pixels untouched', () => {
    const picture = grey(640, 384);
    // Noise on the left half, light on the right: what is where must still be seen.
    for (let y = 0; y < 384; y += 1) {
      for (let x = 0; x < 640; x += 1) {
        picture.data[y * 640 + x] = x < 320 ? Math.imul(y * 640 + x, 2_654_435_761) >>> 24 : 230;
      }
    }
    const before = picture.data.slice();
    const full = encodeJpeg(picture, { quality: 50 });
    const bytesMax = Math.floor(full.jpeg.length / 4);
    const boxes = [{ box: [0.55, 0.3, 0.95, 0.9] as Box, label: 'car', score: 0.5, color: [255, 0, 0] as const }];
    const small = encodeJpeg(picture, {
      quality: 85,
      bytesMax,
      boxes: boxes.map((one) => ({ ...one, color: [255, 0, 0] })),
    });
    expect(small.jpeg.length).toBeLessThanOrEqual(bytesMax);
    expect(small.jpeg.length).toBeGreaterThan(bytesMax / 4);
    expect(small.width).toBeLessThan(640);
    expect(Math.abs(small.width / small.height - 640 / 384)).toBeLessThan(0.02);
    const { picture: decoded, red, blue } = seen(small);
    expect([decoded.width, decoded.height]).toEqual([small.width, small.height]);
    const [x, y] = [Math.floor(small.width * 0.75), Math.floor(small.height * 0.6)];
    expect(Math.abs((decoded.data[y * small.width + x] as number) - 230)).toBeLessThan(12);
    const edge = Math.floor(small.width * 0.55) + 1;
    expect(red(edge, y) - blue(edge, y)).toBeGreaterThan(100);
    expect(picture.data).toEqual(before);
  });

  it('refuses pixels that do not fill the picture', () => {
    expect(() => encodeJpeg({ width: 640, height: 360, data: new Uint8Array(5) })).toThrowError(
      expect.objectContaining({ code: 'JPEG_FAILED', message: expect.stringContaining('345600') }),
    );
  });

  it('draws any box without leaving the picture', () => {
    const coordinate = fc.double({ min: -2, max: 3, noNaN: true });
    const anyBox = fc.tuple(coordinate, coordinate, coordinate, coordinate) as fc.Arbitrary<Box>;
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 1, max: 60 }),
        anyBox,
        fc.string(),
        (width, height, wild, label) => {
          const picture = grey(width, height);
          const room = new Uint8Array(picture.data.length + 200).fill(9);
          picture.data = room.subarray(100, 100 + picture.data.length);
          drawBoxes(picture, [{ box: wild, label, score: 1 }]);
          expect([...room.subarray(0, 100), ...room.subarray(-100)].every((value) => value === 9)).toBe(true);
        },
      ),
    );
  });
});
