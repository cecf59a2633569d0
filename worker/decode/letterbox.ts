/**
 * Where a picture lies inside the detector's input: scaled without distortion, centred or in the corner, the rest grey. The same numbers
 * take a detected box back to fractions of the picture, so they are made once, here.
 * Invariant: unletterboxBox(letterboxed box) is the box, up to rounding of the scaled size to whole pixels.
 */

/** Ultralytics' padding value, which YOLO models were trained with. */
export const LETTERBOX_GREY = 114;

export type Letterbox = {
  sourceWidth: number;
  sourceHeight: number;
  inputWidth: number;
  inputHeight: number;
  /** Input pixels per source pixel, before rounding. */
  scale: number;
  /** Grey columns on the left, and rows on top, in input pixels. */
  padX: number;
  padY: number;
  /** Size of the scaled picture in input pixels. */
  width: number;
  height: number;
};

/** `[x1, y1, x2, y2]` */
export type Box = [x1: number, y1: number, x2: number, y2: number];

/** Where the grey goes: around the picture, as Ultralytics centres it, or to its right and below, as YOLOX was trained. */
export type LetterboxPadding = 'around' | 'bottom-right';

/** All sizes in pixels, at least 1. */
export function letterboxGeometry(
  sourceWidth: number,
  sourceHeight: number,
  inputWidth: number,
  inputHeight: number,
  padding: LetterboxPadding = 'around',
): Letterbox {
  const scale = Math.min(inputWidth / sourceWidth, inputHeight / sourceHeight);
  const width = Math.min(inputWidth, Math.max(1, Math.round(sourceWidth * scale)));
  const height = Math.min(inputHeight, Math.max(1, Math.round(sourceHeight * scale)));
  const before = padding === 'around' ? 0.5 : 0;
  const padX = Math.floor((inputWidth - width) * before);
  const padY = Math.floor((inputHeight - height) * before);
  return { sourceWidth, sourceHeight, inputWidth, inputHeight, scale, padX, padY, width, height };
}

/** @param box in input pixels. @returns the box in fractions of the source, clamped to 0..1. */
export function unletterboxBox(box: Readonly<Box>, geometry: Letterbox): Box {
  const x = (value: number) => clampToUnit((value - geometry.padX) / geometry.width);
  const y = (value: number) => clampToUnit((value - geometry.padY) / geometry.height);
  return [x(box[0]), y(box[1]), x(box[2]), y(box[3])];
}

/** @param box in fractions of the source. @returns the box in input pixels. */
export function letterboxBox(box: Readonly<Box>, geometry: Letterbox): Box {
  const x = (value: number) => value * geometry.width + geometry.padX;
  const y = (value: number) => value * geometry.height + geometry.padY;
  return [x(box[0]), y(box[1]), x(box[2]), y(box[3])];
}

function clampToUnit(value: number): number {
  return Math.min(1, Math.max(0, value));
}

/**
 * The same picture for a model of another size, by the nearest pixel: for a comparison, not for results.
 * @param pixels RGB in the geometry `from`. @returns RGB in the geometry `to`, with grey around it.
 */
export function reletterbox(pixels: Uint8Array, from: Letterbox, to: Letterbox): ArrayBuffer {
  const target = new Uint8Array(to.inputWidth * to.inputHeight * 3).fill(LETTERBOX_GREY);
  for (let y = 0; y < to.height; y += 1) {
    const sourceY = from.padY + Math.floor(((y + 0.5) * from.height) / to.height);
    for (let x = 0; x < to.width; x += 1) {
      const sourceX = from.padX + Math.floor(((x + 0.5) * from.width) / to.width);
      const source = (sourceY * from.inputWidth + sourceX) * 3;
      const at = ((to.padY + y) * to.inputWidth + to.padX + x) * 3;
      target[at] = pixels[source] ?? 0;
      target[at + 1] = pixels[source + 1] ?? 0;
      target[at + 2] = pixels[source + 2] ?? 0;
    }
  }
  return target.buffer;
}
