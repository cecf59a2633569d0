/**
 * Draws boxes and labels into I420 pixels, where the JPEG encoder reads them: 0.05 ms against 41 ms for an SVG overlay.
 * Invariant: pixels outside the picture are never touched, whatever the boxes say.
 */
import type { Box } from './letterbox.ts';
import type { I420 } from './picture-scaler.ts';
import { GLYPH_ADVANCE, GLYPH_HEIGHT, GLYPH_WIDTH, glyphHasInk } from './pixel-font.ts';

/** 0..255 each. */
export type Rgb = [red: number, green: number, blue: number];

export type LabelledBox = {
  /** Fractions of width and height. */
  box: Readonly<Box>;
  label: string;
  /** 0..1; shown as a percentage. */
  score?: number;
  /** Default: one of twelve colours, always the same for a label. */
  color?: Rgb;
};

/** Twelve colours that stay apart on asphalt and on foliage. */
const palette: readonly Rgb[] = [
  [230, 25, 75],
  [60, 180, 75],
  [255, 225, 25],
  [0, 130, 200],
  [245, 130, 48],
  [145, 30, 180],
  [70, 240, 240],
  [240, 50, 230],
  [210, 245, 60],
  [250, 190, 212],
  [0, 128, 128],
  [170, 110, 40],
];
/** Longer labels would cover the picture. */
const LABEL_CHARACTERS_MAX = 40;
/** One line width per this many rows: 2 at 720p, 3 at 1080p. */
const ROWS_PER_LINE_PIXEL = 360;

export function colorOfLabel(label: string): Rgb {
  let hash = 0;
  for (let index = 0; index < label.length; index += 1) hash = (hash * 31 + label.charCodeAt(index)) >>> 0;
  return palette[hash % palette.length] as Rgb;
}

/** Draws in place. */
export function drawBoxes(picture: I420, boxes: readonly LabelledBox[]): void {
  const pixel = Math.max(1, Math.round(picture.height / ROWS_PER_LINE_PIXEL));
  const line = pixel * 2;
  for (const { box, label, score, color } of boxes) {
    const fill = yuvOf(color ?? colorOfLabel(label));
    const left = Math.round(box[0] * picture.width);
    const top = Math.round(box[1] * picture.height);
    const right = Math.round(box[2] * picture.width);
    const bottom = Math.round(box[3] * picture.height);
    fillRectangle(picture, left, top, right, top + line, fill);
    fillRectangle(picture, left, bottom - line, right, bottom, fill);
    fillRectangle(picture, left, top, left + line, bottom, fill);
    fillRectangle(picture, right - line, top, right, bottom, fill);
    const text = (score === undefined ? label : `${label} ${Math.round(score * 100)}%`).slice(0, LABEL_CHARACTERS_MAX);
    drawLabel(picture, left, top, text, fill, pixel);
  }
}

type Yuv = [y: number, u: number, v: number];

/** Full-range BT.601, as JPEG has it (JFIF). */
function yuvOf([red, green, blue]: Rgb): Yuv {
  return [
    Math.round(0.299 * red + 0.587 * green + 0.114 * blue),
    // Pure blue and red come to 255.5, which a byte would wrap to 0.
    Math.min(255, Math.round(-0.168736 * red - 0.331264 * green + 0.5 * blue + 128)),
    Math.min(255, Math.round(0.5 * red - 0.418688 * green - 0.081312 * blue + 128)),
  ];
}

/** A filled plate above the box, or inside it at the picture's upper edge, with the text in black or white. */
function drawLabel(picture: I420, left: number, top: number, text: string, fill: Yuv, pixel: number): void {
  const width = (text.length * GLYPH_ADVANCE + 1) * pixel;
  const height = (GLYPH_HEIGHT + 2) * pixel;
  const plateLeft = Math.max(0, Math.min(left, picture.width - width));
  const plateTop = top - height >= 0 ? top - height : Math.max(0, top);
  fillRectangle(picture, plateLeft, plateTop, plateLeft + width, plateTop + height, fill);
  const ink: Yuv = fill[0] > 140 ? [0, 128, 128] : [255, 128, 128];
  for (const [index, character] of [...text].entries()) {
    const glyphLeft = plateLeft + (index * GLYPH_ADVANCE + 1) * pixel;
    for (let row = 0; row < GLYPH_HEIGHT; row += 1) {
      for (let column = 0; column < GLYPH_WIDTH; column += 1) {
        if (!glyphHasInk(character, column, row)) continue;
        const x = glyphLeft + column * pixel;
        const y = plateTop + (row + 1) * pixel;
        fillLuma(picture, x, y, x + pixel, y + pixel, ink[0]);
      }
    }
  }
}

function fillRectangle(picture: I420, left: number, top: number, right: number, bottom: number, color: Yuv): void {
  fillLuma(picture, left, top, right, bottom, color[0]);
  const chromaWidth = (picture.width + 1) >> 1;
  const chromaHeight = (picture.height + 1) >> 1;
  const uPlane = picture.width * picture.height;
  const vPlane = uPlane + chromaWidth * chromaHeight;
  const from = Math.max(0, left >> 1);
  const to = Math.min(chromaWidth, (right + 1) >> 1);
  if (to <= from) return;
  for (let y = Math.max(0, top >> 1); y < Math.min(chromaHeight, (bottom + 1) >> 1); y += 1) {
    picture.data.fill(color[1], uPlane + y * chromaWidth + from, uPlane + y * chromaWidth + to);
    picture.data.fill(color[2], vPlane + y * chromaWidth + from, vPlane + y * chromaWidth + to);
  }
}

function fillLuma(picture: I420, left: number, top: number, right: number, bottom: number, luma: number): void {
  const from = Math.max(0, left);
  const to = Math.min(picture.width, right);
  if (to <= from) return;
  for (let y = Math.max(0, top); y < Math.min(picture.height, bottom); y += 1) {
    picture.data.fill(luma, y * picture.width + from, y * picture.width + to);
  }
}
