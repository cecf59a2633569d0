/**
 * What was found against what was drawn: published frames matched with the scene's ground truth at their capture time.
 * Pure, so that the figures of the last lines can be trusted. Invariant: each truth and each detection is matched at
 * most once; a detection of something too small or too hidden to count is neither right nor wrong.
 */
import { boxIou } from '../../worker/detect/nms.ts';

export type Box = readonly [number, number, number, number];
export type TruthObject = {
  label: string;
  box: Box;
  /** Large and visible enough to be asked for. */
  counts: boolean;
};
export type FoundObject = { label: string; box: Box; score: number };

/** PASCAL VOC's threshold: a box is right when it overlaps the true one by half. */
const IOU_MIN = 0.5;

export class AccuracyCounter {
  frames = 0;
  truths = 0;
  found = 0;
  detections = 0;
  right = 0;

  /**
   * Counts one frame. Detections are matched best score first, each with the free truth of its label that overlaps most.
   * @returns the pairs.
   */
  add<Truth extends TruthObject, Found extends FoundObject>(
    truth: readonly Truth[],
    detections: readonly Found[],
  ): [Truth, Found][] {
    const pairs: [Truth, Found][] = [];
    this.frames += 1;
    this.truths += truth.filter((object) => object.counts).length;
    const free = new Set(truth);
    for (const detection of [...detections].sort((a, b) => b.score - a.score)) {
      let best: Truth | undefined;
      let bestIou = IOU_MIN;
      for (const object of free) {
        const iou = object.label === detection.label ? boxIou(object.box, detection.box) : 0;
        if (iou >= bestIou) {
          best = object;
          bestIou = iou;
        }
      }
      if (best !== undefined) {
        free.delete(best);
        pairs.push([best, detection]);
      }
      if (best?.counts === false) continue;
      this.detections += 1;
      if (best === undefined) continue;
      this.right += 1;
      this.found += 1;
    }
    return pairs;
  }

  /** Fractions 0..1, or null before there was anything to find. */
  result(): { recall: number; precision: number } | null {
    if (this.truths === 0 || this.detections === 0) return null;
    return { recall: this.found / this.truths, precision: this.right / this.detections };
  }
}
