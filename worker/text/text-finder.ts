/**
 * Where lines of text are in a cut-out: PP-OCRv4's detector (a differentiable-binarisation network) and what its
 * probability map means as tilted boxes.
 * Invariant: the input's sides are multiples of 32 within `SIDE_MAX`, whatever the cut-out; at most `LINES_MAX` lines.
 * Source of the constants: PaddleOCR's det_db postprocess (thresh 0.3, unclip by area/perimeter), where not said otherwise.
 */
import ort from 'onnxruntime-node';
import { distance, type GreyPicture, type Point, type Quad, sampleQuad, wholeQuad } from './grey-picture.ts';

/** Brightness 0..255: the mean of ImageNet's three channels, which the network was trained with. */
const SCALE = { mean: 0.449 * 255, deviation: 0.226 * 255 };
/** The network halves five times. */
const SIDE_MULTIPLE = 32;
const SIDE_MAX = 480;
/** Smaller cut-outs are enlarged: the network misses letters under 8 px, a plate on a car 150 px wide has such. */
const ENLARGE_MAX = 2;
const PROBABILITY_MIN = 0.3;
/** Mean probability of a line's pixels. */
const LINE_SCORE_MIN = 0.5;
/** The network marks the core of a line; its outline lies further out by area × this / perimeter. Drawn plates read
 * best, their J and Q above all, with less around them than PaddleOCR's 1.5; under 50 px they want it. */
const UNCLIP_RATIO = 1.3;
/** A third of a right angle. */
const SLOPE_MAX = Math.tan(Math.PI / 6);
/** In pixels of the network's input. */
const LINE_HEIGHT_MIN = 3;
const LINES_MAX = 6;

export type TextLine = {
  /** In pixels of the cut-out. */
  quad: Quad;
  /** Length and height of the line in pixels of the cut-out. */
  width: number;
  height: number;
  /** 0..1. */
  score: number;
};

export async function findLines(session: ort.InferenceSession, picture: GreyPicture): Promise<TextLine[]> {
  const { input, dims, scale } = finderInput(picture);
  const name = session.inputNames[0] as string;
  const results = await session.run({ [name]: new ort.Tensor('float32', input, dims) });
  const output = results[session.outputNames[0] as string];
  if (output === undefined || !(output.data instanceof Float32Array)) throw new Error('the text finder gave no map');
  const [, , height, width] = output.dims as [number, number, number, number];
  return linesOf({ width, height, probabilities: output.data }, scale);
}

/** @returns three equal channels, the cut-out at their top left, and how much it was enlarged. */
function finderInput(picture: GreyPicture): { input: Float32Array; dims: number[]; scale: number } {
  const long = Math.max(picture.width, picture.height);
  const scale = Math.min(ENLARGE_MAX, SIDE_MAX / long);
  const size = {
    width: Math.max(1, Math.round(picture.width * scale)),
    height: Math.max(1, Math.round(picture.height * scale)),
  };
  const stride = roundedUp(size.width);
  const rows = roundedUp(size.height);
  const plane = stride * rows;
  const data = new Float32Array(3 * plane);
  sampleQuad(picture, wholeQuad(picture), size, { data, offset: 0, stride }, SCALE);
  data.copyWithin(plane, 0, plane);
  data.copyWithin(2 * plane, 0, plane);
  return { input: data, dims: [1, 3, rows, stride], scale };
}

/** Connected areas of high probability as tilted boxes, most probable first. */
export function linesOf(
  map: { width: number; height: number; probabilities: Float32Array },
  scale: number,
): TextLine[] {
  const { width, height, probabilities } = map;
  const seen = new Uint8Array(width * height);
  const lines: TextLine[] = [];
  const stack: number[] = [];
  for (let start = 0; start < seen.length; start += 1) {
    if (seen[start] === 1 || (probabilities[start] as number) < PROBABILITY_MIN) continue;
    const pixels: number[] = [];
    let sum = 0;
    stack.push(start);
    seen[start] = 1;
    for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
      pixels.push(at);
      sum += probabilities[at] as number;
      const x = at % width;
      for (const next of [x > 0 ? at - 1 : -1, x < width - 1 ? at + 1 : -1, at - width, at + width]) {
        if (next < 0 || next >= seen.length || seen[next] === 1) continue;
        if ((probabilities[next] as number) < PROBABILITY_MIN) continue;
        seen[next] = 1;
        stack.push(next);
      }
    }
    const score = sum / pixels.length;
    const line = score < LINE_SCORE_MIN ? null : lineOf(pixels, width, scale, score);
    if (line !== null) lines.push(line);
  }
  return lines.sort((a, b) => b.score * b.width - a.score * a.width).slice(0, LINES_MAX);
}

/**
 * The parallelogram around the pixels, let out to the text's own outline: two sides along the line, two upright.
 * Cameras hang level, so that what is upright on an object is upright in the picture, however its lines are tilted.
 */
function lineOf(pixels: readonly number[], mapWidth: number, scale: number, score: number): TextLine | null {
  let [meanX, meanY] = [0, 0];
  for (const at of pixels) {
    meanX += at % mapWidth;
    meanY += Math.floor(at / mapWidth);
  }
  meanX /= pixels.length;
  meanY /= pixels.length;
  let [xx, xy] = [0, 0];
  for (const at of pixels) {
    const [dx, dy] = [(at % mapWidth) - meanX, Math.floor(at / mapWidth) - meanY];
    xx += dx * dx;
    xy += dx * dy;
  }
  // Rows against columns, since the ends are upright. What is steeper stands on end, and is not read.
  const slope = xx === 0 ? 0 : Math.max(-SLOPE_MAX, Math.min(SLOPE_MAX, xy / xx));
  const cosine = 1 / Math.hypot(1, slope);
  let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity];
  for (const at of pixels) {
    const dx = (at % mapWidth) - meanX;
    const down = Math.floor(at / mapWidth) - meanY - dx * slope;
    left = Math.min(left, dx);
    right = Math.max(right, dx);
    top = Math.min(top, down);
    bottom = Math.max(bottom, down);
  }
  const [length, thickness] = [(right - left + 1) / cosine, bottom - top + 1];
  if (thickness < LINE_HEIGHT_MIN || length < thickness) return null;
  const out = (length * thickness * UNCLIP_RATIO) / (2 * (length + thickness));
  const aside = 0.5 + out * cosine;
  const corner = (dx: number, down: number): Point => [
    (meanX + 0.5 + dx) / scale,
    (meanY + 0.5 + dx * slope + down) / scale,
  ];
  const [x1, x2] = [left - aside, right + aside];
  const [y1, y2] = [top - 0.5 - out, bottom + 0.5 + out];
  const quad: Quad = [corner(x1, y1), corner(x2, y1), corner(x2, y2), corner(x1, y2)];
  return { quad, width: distance(quad[0], quad[1]), height: distance(quad[0], quad[3]), score };
}

function roundedUp(pixels: number): number {
  return Math.ceil(pixels / SIDE_MULTIPLE) * SIDE_MULTIPLE;
}
