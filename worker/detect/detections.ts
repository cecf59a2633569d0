/**
 * From boxes in the model's input to detections of the camera's frame: the letterbox undone, labels put on, numbers
 * rounded to what they mean. Invariant: every detection satisfies core/records.ts and has area inside the frame.
 */
import type { Detection } from '../../core/records.ts';
import { type Letterbox, unletterboxBox } from '../decode/letterbox.ts';
import type { Candidate } from './nms.ts';

/** A hundred-thousandth of 4K is 0.04 pixels: more digits only make records longer. */
const BOX_DECIMALS = 5;
const SCORE_DECIMALS = 4;

/** Boxes that lie in the padding alone are dropped. */
export function toDetections(
  candidates: readonly Candidate[],
  labels: readonly string[],
  geometry: Letterbox,
): Detection[] {
  const detections: Detection[] = [];
  for (const { classId, score, box } of candidates) {
    const [x1, y1, x2, y2] = unletterboxBox(box, geometry).map((value) => rounded(value, BOX_DECIMALS));
    if (x1 === undefined || y1 === undefined || x2 === undefined || y2 === undefined || x2 <= x1 || y2 <= y1) continue;
    const label = labels[classId] ?? `class${classId}`;
    detections.push({ label, classId, score: rounded(score, SCORE_DECIMALS), box: [x1, y1, x2, y2] });
  }
  return detections;
}

function rounded(value: number, decimals: number): number {
  const factor = 10 ** decimals;
  return Math.round(value * factor) / factor;
}
