"""Roboflow's InferencePipeline with custom logic (its own models need an account): its video source and threads, and the
same model through onnxruntime.

Usage: roboflow_pipeline.py CLIP MODEL EVERY. Prints one JSON line with the CPU time of one pass over the clip after the
first frames.
"""

import json
import os
import sys

import cv2
import numpy as np
import onnxruntime as ort
from inference import InferencePipeline

clip, model, every = sys.argv[1], sys.argv[2], int(sys.argv[3])
options = ort.SessionOptions()
options.intra_op_num_threads = 1
session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
_, _, height, width = session.get_inputs()[0].shape
name = session.get_inputs()[0].name
state = {"frames": 0, "before": None}
WARM_UP = 25


def infer(video_frames):
    answers = []
    for video_frame in video_frames:
        if state["frames"] == WARM_UP:
            state["before"] = os.times()
        if state["frames"] % every == 0:
            small = cv2.resize(video_frame.image, (width, height))
            session.run(None, {name: cv2.dnn.blobFromImage(small, 1 / 255, swapRB=True)})
        state["frames"] += 1
        answers.append({})
    return answers


pipeline = InferencePipeline.init_with_custom_logic(
    video_reference=clip, on_video_frame=infer, on_prediction=lambda predictions, frames: None
)
pipeline.start()
pipeline.join()
after, before = os.times(), state["before"]
cpu = after.user + after.system - before.user - before.system
print(json.dumps({"cpuSeconds": cpu, "mediaSeconds": (state["frames"] - WARM_UP) / 25}))
