"""`YOLO(model).predict(clip, stream=True, vid_stride=EVERY)`, as the documentation shows it, on one inference thread.

Usage: ultralytics_predict.py CLIP MODEL EVERY. Prints one JSON line with the CPU time of the second pass over the clip.
"""

import json
import os
import sys

import onnxruntime as ort

clip, model, every = sys.argv[1], sys.argv[2], int(sys.argv[3])
original = ort.InferenceSession


def one_thread(path, sess_options=None, **more):
    options = sess_options or ort.SessionOptions()
    options.intra_op_num_threads = 1
    return original(path, options, **more)


ort.InferenceSession = one_thread

import torch  # noqa: E402
from ultralytics import YOLO  # noqa: E402

torch.set_num_threads(1)
yolo = YOLO(model, task="detect")


def watch():
    frames = 0
    results = yolo.predict(clip, stream=True, vid_stride=every, imgsz=(384, 640), conf=0.35, iou=0.5, verbose=False, device="cpu")
    for _ in results:
        frames += 1
    return frames * every / 25


watch()
before = os.times()
seconds = watch()
after = os.times()
cpu = after.user + after.system - before.user - before.system
print(json.dumps({"cpuSeconds": cpu, "mediaSeconds": seconds}))
