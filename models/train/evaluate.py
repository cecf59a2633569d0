"""Measures models/demo-detector.onnx on held-out scenes: python3 models/train/evaluate.py

Uses onnxruntime as the worker does (2 threads, one frame at a time) on the validation set of render.ts, whose seeds and
backdrops training never saw, and writes models/train/results.json. Invariant: every figure in results.json comes from
this run or from the training log beside the checkpoint; nothing is typed in.
"""

import json
import os
import platform
import time

import numpy as np
import onnxruntime

from accuracy import Accuracy, detections_of
from frames import Frames

HERE = os.path.dirname(os.path.abspath(__file__))
WORK = os.path.join(HERE, ".work")
MODEL = os.path.join(HERE, "..", "demo-detector.onnx")
THREADS = 2
# Rounds are spread over the evaluation: on a shared machine the quietest one tells what the model costs.
ROUND_RUNS, FRAMES_PER_ROUND = 25, 25


def processor():
    with open("/proc/cpuinfo", encoding="utf8") as lines:
        names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} × {names[0]}" if names else platform.processor()


def time_round(session):
    """Median of a round of runs, in milliseconds."""
    frame = {"images": np.random.default_rng(1).random((1, 3, 384, 640), dtype=np.float32)}
    times = []
    for _ in range(ROUND_RUNS):
        started = time.perf_counter()
        session.run(None, frame)
        times.append((time.perf_counter() - started) * 1000)
    return round(float(np.median(times)), 2)


def main():
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    session = onnxruntime.InferenceSession(MODEL, options, providers=["CPUExecutionProvider"])
    load = round(os.getloadavg()[0], 2)
    rounds = []
    frames = Frames(os.path.join(WORK, "val"))
    accuracy = Accuracy()
    for index in range(len(frames)):
        if index % FRAMES_PER_ROUND == 0:
            rounds.append(time_round(session))
        (output,) = session.run(["output0"], {"images": (frames.pixels[index].numpy().astype(np.float32) / 255)[None]})
        accuracy.add(detections_of(output[0]), frames.boxes[index], frames.classes[index], frames.counts[index])
    with open(os.path.join(WORK, "log.jsonl"), encoding="utf8") as lines:
        history = [json.loads(line) for line in lines]
    results = {
        "model": {"bytes": os.path.getsize(MODEL), "input": "640×384"},
        "heldOut": {
            "images": len(frames),
            "seeds": [min(row["seed"] for row in frames.rows), max(row["seed"] for row in frames.rows)],
            "backdrops": ["harbour", "winter"],
            **accuracy.result(),
        },
        "millisecondsPerFrame": {"threads": THREADS, "quietestRoundMedian": min(rounds), "roundMedians": rounds, "loadAverageBefore": load},
        "training": {
            "minutes": round(history[-1]["seconds"] / 60, 1),
            "steps": history[-1]["step"],
            "images": history[-1]["images"],
            "history": [{"minutes": round(row["seconds"] / 60, 1), "phase": row["phase"], "mAP50": row["mAP50"]} for row in history],
        },
        "machine": {"processor": processor(), "onnxruntime": onnxruntime.__version__, "python": platform.python_version()},
    }
    with open(os.path.join(HERE, "results.json"), "w", encoding="utf8") as file:
        json.dump(results, file, indent=2, ensure_ascii=False)
        file.write("\n")
    print(json.dumps(results["heldOut"]), json.dumps(results["millisecondsPerFrame"]))


if __name__ == "__main__":
    main()
