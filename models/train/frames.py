"""Rendered frames in memory, and the augmented batches made of them: flips, crops at a random scale, light and colour.

Invariant: an object that a crop leaves barely visible becomes an "ignore" box: the detector is neither taught to find it
nor punished for doing so. The same rule covers objects that the scene itself hides (truth.ts).
"""

import glob
import json
import os

import numpy as np
import torch
from PIL import Image
from torch.nn import functional

from network import LABELS

WIDTH, HEIGHT = 640, 384
# Below this share of the silhouette, or this height in network pixels, an object is ignored rather than learned.
LEARN_VISIBLE_MIN = 0.3
LEARN_HEIGHT_PX_MIN = 7.0


class Frames:
    """The images of one set (or every `parts`-th of them) as one uint8 array [N, 3, 384, 640] with their truths."""

    def __init__(self, folder, part=0, parts=1):
        rows = []
        for path in sorted(glob.glob(os.path.join(folder, "labels-*.jsonl"))):
            with open(path, encoding="utf8") as lines:
                rows += [json.loads(line) for line in lines]
        self.rows = rows[part::parts]
        self.pixels = torch.empty((len(self.rows), 3, HEIGHT, WIDTH), dtype=torch.uint8)
        for index, row in enumerate(self.rows):
            image = np.asarray(Image.open(os.path.join(folder, row["image"])).convert("RGB"))
            self.pixels[index] = torch.from_numpy(image.copy()).permute(2, 0, 1)
        self.boxes = [np.array([o["box"] for o in row["objects"]], np.float32).reshape(-1, 4) for row in self.rows]
        self.classes = [np.array([LABELS.index(o["label"]) for o in row["objects"]], np.int64) for row in self.rows]
        self.visible = [np.array([o["visible"] for o in row["objects"]], np.float32) for row in self.rows]
        self.counts = [np.array([o["counts"] for o in row["objects"]], bool) for row in self.rows]

    def __len__(self):
        return len(self.rows)

    def batch(self, indices, random, width, height, scale_range):
        """Images [B, 3, height, width] in 0..1 and padded targets; a crop of width/scale source pixels is resized to width."""
        images = torch.empty((len(indices), 3, height, width))
        kept, ignored = [], []
        for slot, index in enumerate(indices):
            scale = random.uniform(*scale_range)
            crop_width = min(WIDTH, int(width / scale))
            crop_height = min(HEIGHT, int(height / scale))
            left = int(random.integers(0, WIDTH - crop_width + 1))
            top = int(random.integers(0, HEIGHT - crop_height + 1))
            pixels = self.pixels[index, :, top : top + crop_height, left : left + crop_width].float()[None] / 255
            if (crop_height, crop_width) != (height, width):
                pixels = functional.interpolate(pixels, (height, width), mode="bilinear", antialias=crop_width > 1.5 * width)
            boxes = self.boxes[index].copy()
            area = np.maximum((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]), 1e-6)
            boxes[:, 0::2] = (boxes[:, 0::2].clip(left, left + crop_width) - left) * (width / crop_width)
            boxes[:, 1::2] = (boxes[:, 1::2].clip(top, top + crop_height) - top) * (height / crop_height)
            ratio = (width / crop_width) * (height / crop_height)
            remaining = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]) / (area * ratio)
            if random.random() < 0.5:
                pixels = pixels.flip(-1)
                boxes[:, 0], boxes[:, 2] = width - boxes[:, 2], width - boxes[:, 0].copy()
            images[slot] = recoloured(pixels[0], random)
            tall = boxes[:, 3] - boxes[:, 1]
            learn = (self.visible[index] * remaining >= LEARN_VISIBLE_MIN) & (tall >= LEARN_HEIGHT_PX_MIN)
            seen = remaining > 0
            kept.append((boxes[learn & seen], self.classes[index][learn & seen]))
            ignored.append(boxes[~learn & seen])
        return images.clamp_(0, 1), padded(kept, ignored)


def recoloured(pixels, random):
    """Exposure, contrast, colour cast and saturation, mildly and independently; one in six loses its colour wholly."""
    grey = pixels.mean(0, keepdim=True)
    saturation = 0.0 if random.random() < 1 / 6 else random.uniform(0.5, 1.4)
    pixels = grey + (pixels - grey) * saturation
    cast = torch.tensor(random.uniform(0.88, 1.12, 3), dtype=torch.float32).view(3, 1, 1)
    return (pixels - 0.5) * random.uniform(0.75, 1.25) * cast + 0.5 + random.uniform(-0.12, 0.12)


def padded(kept, ignored):
    n = len(kept)
    most = max(1, max(len(boxes) for boxes, _ in kept))
    most_ignored = max(1, max(len(boxes) for boxes in ignored))
    truth_boxes = torch.zeros(n, most, 4)
    truth_classes = torch.zeros(n, most, dtype=torch.long)
    truth_valid = torch.zeros(n, most, dtype=torch.bool)
    ignore_boxes = torch.zeros(n, most_ignored, 4)
    for slot, ((boxes, classes), hidden) in enumerate(zip(kept, ignored)):
        truth_boxes[slot, : len(boxes)] = torch.from_numpy(boxes)
        truth_classes[slot, : len(boxes)] = torch.from_numpy(classes)
        truth_valid[slot, : len(boxes)] = True
        ignore_boxes[slot, : len(hidden)] = torch.from_numpy(hidden)
    return truth_boxes, truth_classes, truth_valid, ignore_boxes
