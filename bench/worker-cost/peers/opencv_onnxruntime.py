"""The loop that people write first: cv2.VideoCapture, letterbox, onnxruntime, non-maximum suppression.

Usage: opencv_onnxruntime.py CLIP MODEL EVERY. Frames that are not wanted are grabbed, not retrieved: the cheap way to skip.
Prints one JSON line with the CPU time of the second pass over the clip; the first warms up.
"""

import json
import os
import sys

import cv2
import numpy as np
import onnxruntime as ort

clip, model, every = sys.argv[1], sys.argv[2], int(sys.argv[3])
options = ort.SessionOptions()
options.intra_op_num_threads = 1
session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
_, _, height, width = session.get_inputs()[0].shape
name = session.get_inputs()[0].name


def detect(frame):
    scale = min(width / frame.shape[1], height / frame.shape[0])
    w, h = round(frame.shape[1] * scale), round(frame.shape[0] * scale)
    canvas = np.full((height, width, 3), 114, np.uint8)
    top, left = (height - h) // 2, (width - w) // 2
    canvas[top : top + h, left : left + w] = cv2.resize(frame, (w, h), interpolation=cv2.INTER_LINEAR)
    blob = cv2.dnn.blobFromImage(canvas, 1 / 255, swapRB=True)
    output = session.run(None, {name: blob})[0][0].T
    scores = output[:, 4:].max(axis=1)
    keep = scores > 0.35
    boxes = output[keep, :4]
    return cv2.dnn.NMSBoxes(boxes.tolist(), scores[keep].tolist(), 0.35, 0.5)


def watch():
    capture = cv2.VideoCapture(clip)
    fps = capture.get(cv2.CAP_PROP_FPS) or 25
    frames = 0
    while capture.grab():
        if frames % every == 0:
            ok, frame = capture.retrieve()
            if ok:
                detect(frame)
        frames += 1
    capture.release()
    return frames / fps


watch()
before = os.times()
seconds = watch()
after = os.times()
cpu = after.user + after.system - before.user - before.system
print(json.dumps({"cpuSeconds": cpu, "mediaSeconds": seconds}))
