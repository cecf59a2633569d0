/**
 * Brightness alone, as text is read from it: a cut-out of a picture's luma plane, and samples of it through any
 * quadrilateral. Colour is left out on purpose: cameras see grey at night, plates are made to contrast in brightness, and
 * a third of the bytes travel.
 * Invariant: reading outside the picture repeats its edge; a cut-out owns its bytes, so that it may be transferred.
 */
import type { Box } from '../decode/letterbox.ts';
import type { I420 } from '../decode/picture-scaler.ts';

/** One byte a pixel, 0 (black) to 255, rows without padding. */
export type GreyPicture = { width: number; height: number; data: Uint8Array };

export type Point = readonly [x: number, y: number];
/** Corners as a reader sees them, clockwise from the top left, in pixels. */
export type Quad = readonly [Point, Point, Point, Point];

/** More samples a pixel would cost time and change nothing. */
const SAMPLES_PER_SIDE_MAX = 4;

/**
 * The pixels under `box`, with a margin on every side.
 * @param box fractions of the frame. @param margin share of the box's own sides.
 * @returns null when nothing of it lies in the picture.
 */
export function cutOut(picture: I420, box: Readonly<Box>, margin: number): GreyPicture | null {
  const { width, height, data } = picture;
  const [x1, y1, x2, y2] = box;
  const [marginX, marginY] = [(x2 - x1) * margin, (y2 - y1) * margin];
  const left = Math.max(0, Math.floor((x1 - marginX) * width));
  const top = Math.max(0, Math.floor((y1 - marginY) * height));
  const right = Math.min(width, Math.ceil((x2 + marginX) * width));
  const bottom = Math.min(height, Math.ceil((y2 + marginY) * height));
  if (!(right > left && bottom > top)) return null;
  const cut = new Uint8Array((right - left) * (bottom - top));
  for (let y = top; y < bottom; y += 1) {
    cut.set(data.subarray(y * width + left, y * width + right), (y - top) * (right - left));
  }
  return { width: right - left, height: bottom - top, data: cut };
}

/**
 * Writes the quadrilateral as `width × height` samples, averaging where the picture is finer than the samples.
 * @param target receives `(brightness − mean) / deviation`, brightness 0..255, `stride` values a row from `offset` on.
 */
export function sampleQuad(
  picture: GreyPicture,
  quad: Quad,
  size: { width: number; height: number },
  target: { data: Float32Array; offset: number; stride: number },
  scale: { mean: number; deviation: number },
): void {
  const { width, height } = size;
  const [topLeft, topRight, bottomRight, bottomLeft] = quad;
  const acrossPx = Math.max(distance(topLeft, topRight), distance(bottomLeft, bottomRight)) / width;
  const downPx = Math.max(distance(topLeft, bottomLeft), distance(topRight, bottomRight)) / height;
  const across = Math.min(SAMPLES_PER_SIDE_MAX, Math.max(1, Math.round(acrossPx)));
  const down = Math.min(SAMPLES_PER_SIDE_MAX, Math.max(1, Math.round(downPx)));
  const gain = 1 / (across * down * scale.deviation);
  const shift = scale.mean / scale.deviation;
  for (let row = 0; row < height; row += 1) {
    for (let column = 0; column < width; column += 1) {
      let sum = 0;
      for (let j = 0; j < down; j += 1) {
        const v = (row + (j + 0.5) / down) / height;
        for (let i = 0; i < across; i += 1) {
          const u = (column + (i + 0.5) / across) / width;
          const x = mix(mix(topLeft[0], topRight[0], u), mix(bottomLeft[0], bottomRight[0], u), v);
          const y = mix(mix(topLeft[1], topRight[1], u), mix(bottomLeft[1], bottomRight[1], u), v);
          sum += brightnessAt(picture, x - 0.5, y - 0.5);
        }
      }
      target.data[target.offset + row * target.stride + column] = sum * gain - shift;
    }
  }
}

export function wholeQuad({ width, height }: GreyPicture): Quad {
  return [
    [0, 0],
    [width, 0],
    [width, height],
    [0, height],
  ];
}

export function distance(from: Point, to: Point): number {
  return Math.hypot(to[0] - from[0], to[1] - from[1]);
}

/** Bilinear between pixel centres. */
function brightnessAt({ width, height, data }: GreyPicture, x: number, y: number): number {
  const left = Math.floor(x);
  const top = Math.floor(y);
  const [fractionX, fractionY] = [x - left, y - top];
  const x0 = Math.min(width - 1, Math.max(0, left));
  const x1 = Math.min(width - 1, Math.max(0, left + 1));
  const y0 = Math.min(height - 1, Math.max(0, top)) * width;
  const y1 = Math.min(height - 1, Math.max(0, top + 1)) * width;
  const upper = mix(data[y0 + x0] as number, data[y0 + x1] as number, fractionX);
  const lower = mix(data[y1 + x0] as number, data[y1 + x1] as number, fractionX);
  return mix(upper, lower, fractionY);
}

function mix(from: number, to: number, share: number): number {
  return from + (to - from) * share;
}
