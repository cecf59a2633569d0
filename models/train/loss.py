"""Training targets and losses, from the papers: task-aligned assignment (TOOD), complete IoU, distribution focal loss
(GFL) and binary cross-entropy against the alignment.

Invariant: boxes are pixels here; only the distance classification works in strides. Targets with weight 0 (barely
visible objects) neither attract anchors nor punish the scores over them.
"""

import math

import torch
from torch.nn import functional

from network import DISTANCE_BINS, decode_boxes

TOP_ANCHORS = 10
ALPHA, BETA = 0.5, 6.0
GAINS = {"box": 7.5, "cls": 0.5, "dfl": 1.5}


def box_iou(a, b, complete=False):
    """IoU of broadcast xyxy boxes, or complete IoU with the distance and aspect terms."""
    x1, y1 = torch.maximum(a[..., 0], b[..., 0]), torch.maximum(a[..., 1], b[..., 1])
    x2, y2 = torch.minimum(a[..., 2], b[..., 2]), torch.minimum(a[..., 3], b[..., 3])
    overlap = (x2 - x1).clamp(min=0) * (y2 - y1).clamp(min=0)
    aw, ah = a[..., 2] - a[..., 0], a[..., 3] - a[..., 1]
    bw, bh = b[..., 2] - b[..., 0], b[..., 3] - b[..., 1]
    iou = overlap / (aw * ah + bw * bh - overlap + 1e-7)
    if not complete:
        return iou
    width = torch.maximum(a[..., 2], b[..., 2]) - torch.minimum(a[..., 0], b[..., 0])
    height = torch.maximum(a[..., 3], b[..., 3]) - torch.minimum(a[..., 1], b[..., 1])
    centre = ((a[..., 0] + a[..., 2] - b[..., 0] - b[..., 2]) ** 2 + (a[..., 1] + a[..., 3] - b[..., 1] - b[..., 3]) ** 2) / 4
    aspect = 4 / math.pi**2 * (torch.atan(bw / (bh + 1e-7)) - torch.atan(aw / (ah + 1e-7))) ** 2
    with torch.no_grad():
        weight = aspect / (aspect - iou + 1 + 1e-7)
    return iou - centre / (width**2 + height**2 + 1e-7) - weight * aspect


@torch.no_grad()
def assign(scores, boxes, centres, truth_boxes, truth_classes, truth_valid):
    """Task-aligned assignment for a batch.

    scores [N, A, C] after sigmoid, boxes [N, A, 4] px, centres [A, 2] px; truths padded to [N, M, …].
    Returns the chosen truth per anchor [N, A], whether the anchor is positive, and its normalised alignment.
    """
    n, anchors, _ = scores.shape
    m = truth_boxes.shape[1]
    deltas = torch.cat([centres[None, None] - truth_boxes[:, :, None, :2], truth_boxes[:, :, None, 2:] - centres[None, None]], -1)
    inside = (deltas.amin(-1) > 1e-6) & truth_valid[:, :, None]
    iou = box_iou(truth_boxes[:, :, None], boxes[:, None]).clamp(0) * inside
    own_class = scores.gather(2, truth_classes[:, None, :].expand(n, anchors, m)).transpose(1, 2)
    alignment = own_class**ALPHA * iou**BETA * inside
    top = alignment.topk(min(TOP_ANCHORS, anchors), -1)
    chosen = torch.zeros_like(alignment).scatter_(2, top.indices, 1.0).bool() & inside & (alignment > 1e-9)
    # An anchor wanted by several truths goes to the one it overlaps most.
    best = torch.where(chosen, iou, torch.full_like(iou, -1)).argmax(1)
    positive = chosen.any(1)
    kept = chosen & (functional.one_hot(best, m).transpose(1, 2) > 0)
    alignment = alignment * kept
    peak = alignment.amax(-1, keepdim=True)
    best_iou = (iou * kept).amax(-1, keepdim=True)
    normalised = (alignment * best_iou / (peak + 1e-9)).amax(1)
    return best, positive, normalised


def detection_loss(distances, logits, points, strides, targets):
    """targets: truth_boxes [N, M, 4] px, truth_classes [N, M], truth_valid [N, M], ignore_boxes [N, K, 4] (zeros = none)."""
    boxes = decode_boxes(distances, points, strides).transpose(1, 2)
    logits = logits.transpose(1, 2)
    centres = points * strides
    truth_boxes, truth_classes, truth_valid, ignore_boxes = targets
    chosen, positive, alignment = assign(logits.detach().sigmoid(), boxes.detach(), centres, truth_boxes, truth_classes, truth_valid)
    n, anchors, classes = logits.shape
    wanted = torch.zeros_like(logits)
    chosen_class = truth_classes.gather(1, chosen)
    wanted.scatter_(2, chosen_class[..., None], (alignment * positive)[..., None])
    hidden = (
        (centres[None, :, None, 0] > ignore_boxes[:, None, :, 0]) & (centres[None, :, None, 0] < ignore_boxes[:, None, :, 2])
        & (centres[None, :, None, 1] > ignore_boxes[:, None, :, 1]) & (centres[None, :, None, 1] < ignore_boxes[:, None, :, 3])
    ).any(-1) & ~positive
    total = wanted.sum().clamp(min=1)
    cls = (functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none") * ~hidden[..., None]).sum() / total
    if not positive.any():
        return GAINS["cls"] * cls, (0.0, cls.item(), 0.0)
    weight = alignment[positive]
    target_boxes = truth_boxes.gather(1, chosen[..., None].expand(-1, -1, 4))[positive]
    box = ((1 - box_iou(boxes[positive], target_boxes, complete=True)) * weight).sum() / total
    anchor = positive.nonzero()[:, 1]
    point, stride = points[anchor], strides[anchor]
    ltrb = torch.cat([point - target_boxes[:, :2] / stride, target_boxes[:, 2:] / stride - point], -1).clamp(0, DISTANCE_BINS - 1.01)
    raw = distances.transpose(1, 2)[positive].view(-1, DISTANCE_BINS)
    low = ltrb.long().view(-1)
    share = ltrb.view(-1) - low
    dfl = functional.cross_entropy(raw, low, reduction="none") * (1 - share) + functional.cross_entropy(raw, low + 1, reduction="none") * share
    dfl = (dfl.view(-1, 4).mean(-1) * weight).sum() / total
    return GAINS["box"] * box + GAINS["cls"] * cls + GAINS["dfl"] * dfl, (box.item(), cls.item(), dfl.item())
