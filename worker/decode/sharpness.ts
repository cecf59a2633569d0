/**
 * How sharp an object is in a picture: the variance of the Laplacian over its luma, the measure of Pech-Pacheco et al.,
 * "Diatom autofocusing in brightfield microscopy: a comparative study", ICPR 2000. Motion blur and missed focus take the
 * fine edges away, and the variance with them.
 * Invariant: the cost is bounded whatever the size, by taking every n-th pixel; the Laplacian itself is always that of
 * neighbouring pixels, so a coarser grid changes the sample and not the measure.
 */
import type { Box } from './letterbox.ts';
import type { I420 } from './picture-scaler.ts';

/** Enough for a stable variance, and under a millisecond. */
const samplesMax = 65_536;
/** The variance at which half the worth of being sharp is reached; pictures under it look blurred to people. */
const halfSharpVariance = 100;

/** @param box fractions of the frame. @returns 0 for nothing or a plain surface; unbounded above, thousands when crisp. */
export function laplacianVariance({ width, height, data }: I420, box: Readonly<Box>): number {
  const left = Math.max(1, Math.floor(box[0] * width));
  const top = Math.max(1, Math.floor(box[1] * height));
  const right = Math.min(width - 1, Math.ceil(box[2] * width));
  const bottom = Math.min(height - 1, Math.ceil(box[3] * height));
  if (!(right > left && bottom > top)) return 0;
  const step = Math.max(1, Math.ceil(Math.sqrt(((right - left) * (bottom - top)) / samplesMax)));
  let count = 0;
  let sum = 0;
  let squares = 0;
  for (let y = top; y < bottom; y += step) {
    for (let x = left; x < right; x += step) {
      const at = y * width + x;
      const around =
        (data[at - 1] as number) +
        (data[at + 1] as number) +
        (data[at - width] as number) +
        (data[at + width] as number);
      const laplacian = around - 4 * (data[at] as number);
      count += 1;
      sum += laplacian;
      squares += laplacian * laplacian;
    }
  }
  const mean = sum / count;
  return squares / count - mean * mean;
}

/** 0..1, rising: differences among blurred views count, those among crisp ones are mostly noise and hardly do. */
export function sharpnessOf(variance: number): number {
  return Math.sqrt(variance / (variance + halfSharpVariance));
}
