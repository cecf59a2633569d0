/**
 * Turns the output tensor of a prepared model into candidates. Invariant: only finite numbers leave here, scores are in
 * 0..1, class ids exist in the model's labels, and boxes have area.
 */
import { KvsInferError } from '../../core/errors.ts';
import type { Candidate } from './nms.ts';
import type { PreparedModel } from './prepare-model.ts';

/** Below this a candidate is noise for every purpose (COCO evaluation starts at 0.001); it saves crossing threads. */
export const SCORE_FLOOR = 0.001;

/**
 * @param output `[n, 6, k]` for models with boxes in center form, `[n, k, 6]` for boxes as corners.
 * @param count frames to read; the rest is padding.
 * @param everyScore keeps scores as they are, for checking the model.
 */
export function readCandidates(
  output: { data: Float32Array; dims: readonly number[] },
  count: number,
  model: Pick<PreparedModel, 'boxForm' | 'labels'>,
  { everyScore = false } = {},
): Candidate[][] {
  const { data, dims } = output;
  const byRow = model.boxForm === 'corners';
  const rows = (byRow ? dims[1] : dims[2]) ?? 0;
  const [fieldStep, rowStep] = byRow ? [1, 6] : [rows, 1];
  const frames: Candidate[][] = [];
  for (let frame = 0; frame < count; frame++) {
    const candidates: Candidate[] = [];
    let numbers = 0;
    for (let row = 0; row < rows; row++) {
      const at = frame * 6 * rows + row * rowStep;
      const field = (index: number) => data[at + index * fieldStep] ?? Number.NaN;
      const score = field(4);
      const classId = field(5);
      if (!Number.isNaN(score)) numbers += 1;
      if (everyScore) candidates.push({ classId, score, box: [0, 0, 0, 0] });
      if (everyScore || !(score >= SCORE_FLOOR)) continue;
      const box: Candidate['box'] = byRow
        ? [field(0), field(1), field(2), field(3)]
        : [field(0) - field(2) / 2, field(1) - field(3) / 2, field(0) + field(2) / 2, field(1) + field(3) / 2];
      const known = Number.isInteger(classId) && classId >= 0 && classId < model.labels.length;
      if (!known || !box.every(Number.isFinite) || box[2] <= box[0] || box[3] <= box[1]) continue;
      candidates.push({ classId, score: Math.min(1, score), box });
    }
    if (numbers === 0 && rows > 0 && !everyScore) throw noNumbers();
    frames.push(candidates);
  }
  return frames;
}

/** Weights that are damaged give no number for anything: that is not a picture without objects. */
function noNumbers(): KvsInferError {
  return new KvsInferError('INFERENCE_FAILED', 'the model answered without a single number (NaN)', {
    hint: 'its weights are damaged, or its precision overflows: export it again',
    retryable: true,
  });
}
