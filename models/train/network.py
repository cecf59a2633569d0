"""The demo detector's network: the published YOLOv8 layout (C2f backbone, SPPF, path aggregation, decoupled anchor-free
head with distribution focal regression, strides 8/16/32), written from the papers at about 40 % of v8n's arithmetic.

Invariant: in export mode the output is exactly the stock layout [N, 4 + classes, anchors]: cx, cy, w, h in input pixels,
then one sigmoid score per class.
"""

import torch
from torch import nn

LABELS = ["person", "bicycle", "car", "bus", "truck"]
STRIDES = (8, 16, 32)
# Distances are classified into this many bins of one stride each, so a box reaches 15 strides from its anchor.
DISTANCE_BINS = 16


class ConvBlock(nn.Module):
    """Convolution, batch normalisation, SiLU."""

    def __init__(self, inputs, outputs, kernel=1, stride=1):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.03)

    def forward(self, x):
        return nn.functional.silu(self.norm(self.conv(x)), inplace=True)


class Bottleneck(nn.Module):
    def __init__(self, channels, shortcut):
        super().__init__()
        self.first = ConvBlock(channels, channels, 3)
        self.second = ConvBlock(channels, channels, 3)
        self.shortcut = shortcut

    def forward(self, x):
        y = self.second(self.first(x))
        return x + y if self.shortcut else y


class C2f(nn.Module):
    """Cross-stage block that keeps the output of every bottleneck."""

    def __init__(self, inputs, outputs, depth=1, shortcut=False):
        super().__init__()
        self.half = outputs // 2
        self.entry = ConvBlock(inputs, 2 * self.half)
        self.blocks = nn.ModuleList(Bottleneck(self.half, shortcut) for _ in range(depth))
        self.exit = ConvBlock((2 + depth) * self.half, outputs)

    def forward(self, x):
        parts = list(self.entry(x).chunk(2, 1))
        for block in self.blocks:
            parts.append(block(parts[-1]))
        return self.exit(torch.cat(parts, 1))


class SPPF(nn.Module):
    """Spatial pyramid pooling by three poolings in a row."""

    def __init__(self, channels):
        super().__init__()
        self.entry = ConvBlock(channels, channels // 2)
        self.exit = ConvBlock(channels * 2, channels)
        self.pool = nn.MaxPool2d(5, 1, 2)

    def forward(self, x):
        parts = [self.entry(x)]
        for _ in range(3):
            parts.append(self.pool(parts[-1]))
        return self.exit(torch.cat(parts, 1))


class Head(nn.Module):
    """Per level one branch for the four distances and one for the classes."""

    def __init__(self, channels, hidden=32):
        super().__init__()
        branch = lambda inputs, outputs: nn.Sequential(
            ConvBlock(inputs, hidden, 3), ConvBlock(hidden, hidden, 3), nn.Conv2d(hidden, outputs, 1)
        )
        self.boxes = nn.ModuleList(branch(c, 4 * DISTANCE_BINS) for c in channels)
        self.classes = nn.ModuleList(branch(c, len(LABELS)) for c in channels)
        for boxes, classes, stride in zip(self.boxes, self.classes, STRIDES):
            boxes[-1].bias.data[:] = 1.0
            # A prior of a handful of objects per frame keeps the first steps from drowning in background.
            classes[-1].bias.data[:] = torch.log(torch.tensor(5 / len(LABELS) / (640 / stride) ** 2))

    def forward(self, levels):
        distances, scores = [], []
        for level, boxes, classes in zip(levels, self.boxes, self.classes):
            distances.append(boxes(level).flatten(2))
            scores.append(classes(level).flatten(2))
        return torch.cat(distances, 2), torch.cat(scores, 2)


class DemoDetector(nn.Module):
    """Returns raw distances [N, 64, anchors] and class logits [N, classes, anchors]; decoded boxes when exporting."""

    def __init__(self, widths=(16, 24, 48, 96, 160)):
        super().__init__()
        a, b, c, d, e = widths
        self.stem = nn.Sequential(ConvBlock(3, a, 3, 2), ConvBlock(a, b, 3, 2), C2f(b, b, 1, True))
        self.stage3 = nn.Sequential(ConvBlock(b, c, 3, 2), C2f(c, c, 2, True))
        self.stage4 = nn.Sequential(ConvBlock(c, d, 3, 2), C2f(d, d, 2, True))
        self.stage5 = nn.Sequential(ConvBlock(d, e, 3, 2), C2f(e, e, 1, True), SPPF(e))
        self.up = nn.Upsample(scale_factor=2, mode="nearest")
        self.top4 = C2f(e + d, d)
        self.top3 = C2f(d + c, c)
        self.down3 = ConvBlock(c, c, 3, 2)
        self.out4 = C2f(c + d, d)
        self.down4 = ConvBlock(d, d, 3, 2)
        self.out5 = C2f(d + e, e)
        self.head = Head((c, d, e))
        self.exporting = False

    def forward(self, images):
        p3 = self.stage3(self.stem(images))
        p4 = self.stage4(p3)
        p5 = self.stage5(p4)
        t4 = self.top4(torch.cat([self.up(p5), p4], 1))
        o3 = self.top3(torch.cat([self.up(t4), p3], 1))
        o4 = self.out4(torch.cat([self.down3(o3), t4], 1))
        o5 = self.out5(torch.cat([self.down4(o4), p5], 1))
        distances, scores = self.head([o3, o4, o5])
        if not self.exporting:
            return distances, scores
        points, strides = anchor_points([o.shape[-2:] for o in (o3, o4, o5)], images.device)
        boxes = decode_boxes(distances, points, strides)
        x1, y1, x2, y2 = boxes.unbind(1)
        return torch.cat([torch.stack([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1], 1), scores.sigmoid()], 1)


def anchor_points(shapes, device):
    """Centres of all cells in strides ([anchors, 2] as x, y) and the stride of each ([anchors, 1])."""
    points, strides = [], []
    cells = lambda count: torch.arange(int(count), dtype=torch.float32, device=device)
    for (height, width), stride in zip(shapes, STRIDES):
        y, x = torch.meshgrid(
            cells(height) + 0.5, cells(width) + 0.5, indexing="ij"
        )
        points.append(torch.stack([x, y], -1).view(-1, 2))
        strides.append(torch.full((int(height) * int(width), 1), float(stride), dtype=torch.float32, device=device))
    return torch.cat(points), torch.cat(strides)


def decode_boxes(distances, points, strides):
    """Raw distances [N, 4 × bins, anchors] to x1, y1, x2, y2 in pixels, [N, 4, anchors]."""
    anchors = points.shape[0]
    bins = torch.arange(DISTANCE_BINS, dtype=distances.dtype, device=distances.device)
    ltrb = (distances.view(-1, 4, DISTANCE_BINS, anchors).softmax(2) * bins.view(1, 1, -1, 1)).sum(2)
    px, py = points[:, 0], points[:, 1]
    boxes = torch.stack([px - ltrb[:, 0], py - ltrb[:, 1], px + ltrb[:, 2], py + ltrb[:, 3]], 1)
    return boxes * strides.view(1, 1, -1)
