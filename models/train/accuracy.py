"""Average precision at IoU 0.5 per class, with the project's counting rule.

Truths that do not count (mostly hidden, or smaller than 12 px at 640) are neither hits nor misses: a detection that lies
at least half on one of its class, and matched nothing that counts, is left out. Interpolation at 101 recalls, as COCO's.
"""

import numpy as np

from network import LABELS


def iou_matrix(a, b):
    x1 = np.maximum(a[:, None, 0], b[None, :, 0])
    y1 = np.maximum(a[:, None, 1], b[None, :, 1])
    x2 = np.minimum(a[:, None, 2], b[None, :, 2])
    y2 = np.minimum(a[:, None, 3], b[None, :, 3])
    overlap = np.clip(x2 - x1, 0, None) * np.clip(y2 - y1, 0, None)
    area_a = (a[:, 2] - a[:, 0]) * (a[:, 3] - a[:, 1])
    area_b = (b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1])
    return overlap / (area_a[:, None] + area_b[None] - overlap + 1e-9), overlap / (area_a[:, None] + 1e-9)


def detections_of(output, confidence=0.01, iou=0.5, most=300):
    """Stock output [4 + classes, anchors] to arrays (boxes xyxy, scores, classes) after greedy NMS per class."""
    boxes, scores = output[:4].T, output[4:].T
    anchor, cls = np.nonzero(scores > confidence)
    score = scores[anchor, cls]
    order = np.argsort(-score)[:1500]
    anchor, cls, score = anchor[order], cls[order], score[order]
    centre = boxes[anchor]
    xyxy = np.concatenate([centre[:, :2] - centre[:, 2:] / 2, centre[:, :2] + centre[:, 2:] / 2], 1)
    overlap, _ = iou_matrix(xyxy, xyxy)
    alive = np.ones(len(xyxy), bool)
    keep = []
    for index in range(len(xyxy)):
        if not alive[index]:
            continue
        keep.append(index)
        alive &= ~((overlap[index] > iou) & (cls == cls[index]))
        if len(keep) == most:
            break
    return xyxy[keep], score[keep], cls[keep]


class Accuracy:
    def __init__(self):
        self.scored = {label: [] for label in LABELS}
        self.truths = dict.fromkeys(LABELS, 0)

    def add(self, detections, boxes, classes, counts):
        found, scores, found_classes = detections
        for number, label in enumerate(LABELS):
            truth = boxes[(classes == number) & counts]
            hidden = boxes[(classes == number) & ~counts]
            mine = found_classes == number
            self.truths[label] += len(truth)
            iou, _ = iou_matrix(found[mine], truth)
            _, covered = iou_matrix(found[mine], hidden)
            free = np.ones(len(truth), bool)
            for row, score in enumerate(scores[mine]):
                candidates = np.where(free, iou[row], 0) if len(truth) else np.zeros(1)
                best = int(candidates.argmax())
                if candidates[best] >= 0.5:
                    free[best] = False
                    self.scored[label].append((float(score), True))
                elif not len(hidden) or covered[row].max() < 0.5:
                    self.scored[label].append((float(score), False))

    def result(self, confidence=0.35):
        """Per class AP50, and recall and precision at one confidence over all classes."""
        per_class = {}
        hits = wrong = 0
        for label in LABELS:
            ranked = sorted(self.scored[label], reverse=True)
            good = np.cumsum([hit for _, hit in ranked])
            recall = good / max(1, self.truths[label])
            precision = good / np.arange(1, len(ranked) + 1)
            envelope = np.maximum.accumulate(precision[::-1])[::-1] if len(ranked) else precision
            steps = [envelope[np.searchsorted(recall, r)] if len(ranked) and r <= recall[-1] else 0.0 for r in np.linspace(0, 1, 101)]
            per_class[label] = round(float(np.mean(steps)), 4)
            hits += sum(hit for score, hit in ranked if score >= confidence)
            wrong += sum(not hit for score, hit in ranked if score >= confidence)
        return {
            "mAP50": round(float(np.mean(list(per_class.values()))), 4),
            "AP50": per_class,
            "truths": self.truths,
            "recall": round(hits / max(1, sum(self.truths.values())), 4),
            "precision": round(hits / max(1, hits + wrong), 4),
            "confidence": confidence,
        }
