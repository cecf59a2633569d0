"""Exports the averaged weights as models/demo-detector.onnx in the stock YOLOv8 layout: python3 models/train/export.py

Input `images` float32 [N, 3, 384, 640] in 0..1 RGB; output `output0` [N, 4 + 5, 5040]: cx, cy, w, h in pixels, then one
sigmoid score per class. Invariant: the exported graph gives what the PyTorch network gives, which is checked here.
"""

import os
import warnings

import numpy as np
import onnx
import onnxruntime
import torch

from network import LABELS, STRIDES, DemoDetector

HERE = os.path.dirname(os.path.abspath(__file__))
TARGET = os.path.join(HERE, "..", "demo-detector.onnx")
OPSET = 17
BYTES_MAX = 6 * 1024 * 1024
ANCHORS = sum((384 // stride) * (640 // stride) for stride in STRIDES)


def main():
    warnings.filterwarnings("ignore")
    saved = torch.load(os.path.join(HERE, ".work", "checkpoint.pt"), weights_only=True)
    model = DemoDetector()
    model.load_state_dict(saved["average"])
    model.eval()
    model.exporting = True
    torch.onnx.export(
        model, torch.zeros(1, 3, 384, 640), TARGET, opset_version=OPSET, dynamo=False,
        input_names=["images"], output_names=["output0"], dynamic_axes={"images": {0: "batch"}, "output0": {0: "batch"}},
    )
    graph = onnx.load(TARGET)
    properties = {
        "names": str(dict(enumerate(LABELS))),
        "stride": "32",
        "imgsz": "[384, 640]",
        "batch": "1",
        "task": "detect",
        "description": "kvs-infer demo detector: knows drawn street scenes only",
        "author": "kvs-infer",
        "license": "Apache-2.0",
    }
    onnx.helper.set_model_props(graph, properties)
    # The tracer leaves the output's shape open; readers of the stock layout look for 4 + classes here.
    shape = graph.graph.output[0].type.tensor_type.shape
    shape.dim[1].dim_value = 4 + len(LABELS)
    shape.dim[2].dim_value = ANCHORS
    graph.producer_name = "kvs-infer"
    onnx.checker.check_model(graph)
    onnx.save(graph, TARGET)

    images = torch.rand(2, 3, 384, 640, generator=torch.Generator().manual_seed(1))
    session = onnxruntime.InferenceSession(TARGET, providers=["CPUExecutionProvider"])
    (ours,) = session.run(["output0"], {"images": images.numpy()})
    with torch.no_grad():
        expected = model(images).numpy()
    difference = np.abs(ours - expected).max()
    size = os.path.getsize(TARGET)
    print(f"{size} bytes, output {ours.shape}, largest difference to PyTorch {difference:.5f}, trained {saved['step']} steps")
    assert ours.dtype == np.float32 and ours.shape == (2, 4 + len(LABELS), ANCHORS) and difference < 0.05 and size <= BYTES_MAX


if __name__ == "__main__":
    main()
