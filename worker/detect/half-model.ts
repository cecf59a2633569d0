/**
 * The half-precision copy of a prepared model, for the CUDA provider, held against the model itself: both see the same
 * picture on the CPU, once per model, before the copy is ever used.
 * Invariant: a copy whose answers differ from the model's by more than rounding is not used, and the reason is told.
 */
import { Detector } from './detector.ts';
import { messageOf } from './model-file.ts';
import type { Candidate } from './nms.ts';
import { type PreparedModel, type PrepareOptions, prepareModel } from './prepare-model.ts';

/** Float16 keeps three digits; through some hundred layers a score may move by one or two hundredths. */
const SCORE_TOLERANCE = 0.03;
/** Coordinates over 512 come in steps of half a pixel, and a box has two on each side. */
const BOX_TOLERANCE_PIXELS = 4;
/** Below this a proposal is noise, and which noise comes first is chance. */
const SCORE_COMPARED_MIN = 0.1;

export type HalfModel = { model: PreparedModel; reason: null } | { model: null; reason: string };

/** @param model what `prepareModel` made of `modelPath` with the same options. */
export async function prepareHalfModel(
  modelPath: string,
  model: PreparedModel,
  options: PrepareOptions,
): Promise<HalfModel> {
  if (model.precision !== 'float32') return { model: null, reason: `the model is ${model.precision}` };
  let half: PreparedModel;
  try {
    half = await prepareModel(modelPath, { ...options, halfPrecision: true });
  } catch (error) {
    return { model: null, reason: messageOf(error) };
  }
  if (half.precision !== 'float16')
    return { model: null, reason: 'it has an operator that is not known to work in float16' };
  try {
    const [expected, came] = await Promise.all([proposals(model), proposals(half)]);
    const reason = differenceOf(expected, came);
    return reason === null ? { model: half, reason } : { model: null, reason };
  } catch (error) {
    return { model: null, reason: `the float16 copy does not run: ${messageOf(error)}` };
  }
}

/** @returns how the answers differ by more than rounding, or null. */
export function differenceOf(expected: readonly Candidate[], came: readonly Candidate[]): string | null {
  const byScore = (candidates: readonly Candidate[]) => candidates.map((one) => one.score).sort((a, b) => b - a);
  const [expectedScores, cameScores] = [byScore(expected), byScore(came)];
  for (let rank = 0; rank < Math.max(expectedScores.length, cameScores.length); rank += 1) {
    const difference = Math.abs((expectedScores[rank] ?? 0) - (cameScores[rank] ?? 0));
    // Written so that NaN differs.
    if (!(difference <= SCORE_TOLERANCE))
      return `score ${rank + 1} is ${cameScores[rank]} where float32 gives ${expectedScores[rank]}`;
  }
  for (const wanted of expected.filter((one) => one.score >= SCORE_COMPARED_MIN)) {
    const isFound = came.some(
      (one) =>
        one.classId === wanted.classId &&
        Math.abs(one.score - wanted.score) <= SCORE_TOLERANCE &&
        one.box.every((side, index) => Math.abs(side - (wanted.box[index] ?? Number.NaN)) <= BOX_TOLERANCE_PIXELS),
    );
    if (!isFound) return `the box ${wanted.box.map(Math.round).join(',')} of class ${wanted.classId} is missing`;
  }
  return null;
}

async function proposals(model: PreparedModel): Promise<Candidate[]> {
  const detector = await Detector.create(model, { providers: ['cpu'], intraOpThreads: 1, batchSizes: [1] });
  try {
    const frames = typeof model.batch === 'number' ? model.batch : 1;
    const picture = testPicture(model.inputWidth, model.inputHeight);
    return (await detector.detectFrames(Array.from({ length: frames }, () => picture))).flat();
  } finally {
    await detector.close();
  }
}

/** Gradients, edges and texture in every part: something for every filter of the network to answer. */
function testPicture(width: number, height: number): Uint8Array {
  const pixels = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const block = ((x >> 5) + (y >> 5)) % 4;
      const at = (y * width + x) * 3;
      pixels[at] = block === 0 ? 200 : Math.floor((255 * x) / width);
      pixels[at + 1] = block === 1 ? (x * y) % 256 : Math.floor((255 * y) / height);
      pixels[at + 2] = block === 2 ? 30 : (x ^ y) & 255;
    }
  }
  return pixels;
}
