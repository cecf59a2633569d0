"""Trains the demo detector: python3 models/train/train.py --minutes 40 [--resume]

One process per core, each with its half of the images and its own batch; gradients are averaged every step. (Threads
inside one process wait for each other in every operation and lose half their time on a machine that others use too.)
The schedule follows wall time, not epochs, so that a busy machine still ends with an annealed model: first small crops
(320×192) at many scales, then whole frames at 640×384. A checkpoint is written after every evaluation; --resume goes on
from the last. Invariant: all ranks take the same step at the same point of the schedule; every measurement ends up in
.work/log.jsonl.
"""

import argparse
import json
import math
import os
import tempfile
import time

import numpy as np
import torch
from torch import distributed

from accuracy import Accuracy, detections_of
from frames import Frames
from loss import detection_loss
from network import DemoDetector, anchor_points

HERE = os.path.dirname(os.path.abspath(__file__))
WORK = os.path.join(HERE, ".work")
CHECKPOINT = os.path.join(WORK, "checkpoint.pt")
RANKS = 2
BATCH_PER_RANK = 8
LEARNING_RATE, WEIGHT_DECAY, WARMUP_STEPS = 2e-3, 0.02, 200
# Share of the budget spent on crops, and the scales of both phases (1 = the size the detector sees in service).
CROP_SHARE = 0.5
PHASES = {"crops": (320, 192, (0.5, 1.25)), "frames": (640, 384, (1.0, 1.3))}


def evaluate(model, frames, indices):
    model.eval()
    model.exporting = True
    accuracy = Accuracy()
    with torch.no_grad():
        for index in indices:
            output = model((frames.pixels[index].float() / 255)[None].contiguous(memory_format=torch.channels_last))[0].numpy()
            accuracy.add(detections_of(output), frames.boxes[index], frames.classes[index], frames.counts[index])
    model.exporting = False
    return accuracy.result()


def average_gradients(parameters, elapsed):
    """Averages gradients over the ranks; the clock travels along, so that all ranks agree on it."""
    flat = torch.cat([p.grad.reshape(-1) for p in parameters] + [torch.tensor([elapsed])])
    distributed.all_reduce(flat)
    flat /= RANKS
    at = 0
    for parameter in parameters:
        parameter.grad.copy_(flat[at : at + parameter.numel()].view_as(parameter))
        at += parameter.numel()
    return float(flat[-1])


def run(rank, options, meeting_point):
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{meeting_point}", rank=rank, world_size=RANKS)
    torch.manual_seed(options.seed)
    random = np.random.default_rng(options.seed + rank)
    model = DemoDetector().to(memory_format=torch.channels_last)
    average = DemoDetector().to(memory_format=torch.channels_last)
    average.load_state_dict(model.state_dict())
    parameters = list(model.parameters())
    decayed = [p for p in parameters if p.ndim > 1]
    plain = [p for p in parameters if p.ndim <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": WEIGHT_DECAY}, {"params": plain, "weight_decay": 0.0}], lr=LEARNING_RATE, betas=(0.9, 0.99)
    )
    step, spent = 0, 0.0
    if options.resume:
        saved = torch.load(CHECKPOINT, weights_only=True)
        model.load_state_dict(saved["model"])
        average.load_state_dict(saved["average"])
        optimizer.load_state_dict(saved["optimizer"])
        step, spent = saved["step"], saved["spent"]
    train = Frames(os.path.join(WORK, "train"), rank, RANKS)
    val = Frames(os.path.join(WORK, "val")) if rank == 0 else None
    if rank == 0:
        print(f"{len(train)} × {RANKS} training and {len(val)} validation images; {sum(p.numel() for p in parameters)} parameters", flush=True)

    distributed.barrier()
    budget = options.minutes * 60
    started = time.monotonic() - spent
    elapsed = spent
    next_evaluation = spent + options.evaluate_every_minutes * 60
    grids, order, losses = {}, [], []
    while True:
        progress = min(1.0, elapsed / budget)
        phase = "crops" if progress < CROP_SHARE else "frames"
        width, height, scales = PHASES[phase]
        rate = LEARNING_RATE * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress))) * min(1, (step + 1) / WARMUP_STEPS)
        for group in optimizer.param_groups:
            group["lr"] = rate
        if len(order) < BATCH_PER_RANK:
            order = list(random.permutation(len(train)))
        indices = [order.pop() for _ in range(BATCH_PER_RANK)]
        images, targets = train.batch(indices, random, width, height, scales)
        if phase not in grids:
            grids[phase] = anchor_points([(height // s, width // s) for s in (8, 16, 32)], "cpu")
        model.train()
        with torch.autocast("cpu", torch.bfloat16, enabled=options.bf16):
            distances, logits = model(images.contiguous(memory_format=torch.channels_last))
        loss, parts = detection_loss(distances.float(), logits.float(), *grids[phase], targets)
        # A batch without positives leaves branches out of the graph; zeros keep the flattened gradients aligned.
        for parameter in parameters:
            parameter.grad = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad.zero_()
        loss.backward()
        elapsed = average_gradients(parameters, time.monotonic() - started)
        torch.nn.utils.clip_grad_norm_(parameters, 10.0)
        optimizer.step()
        step += 1
        if rank == 0:
            decay = 0.998 * (1 - math.exp(-step / 300))
            with torch.no_grad():
                for mean, value in zip(average.state_dict().values(), model.state_dict().values()):
                    if mean.dtype.is_floating_point:
                        mean.lerp_(value, 1 - decay)
                    else:
                        mean.copy_(value)
            losses.append(parts)
            if step % 100 == 0:
                box, cls, dfl = np.mean(losses[-100:], 0)
                print(f"step {step} {phase} {elapsed:.0f}s box {box:.3f} cls {cls:.3f} dfl {dfl:.3f} lr {rate:.5f}", flush=True)
        final = elapsed >= budget
        if final or elapsed >= next_evaluation:
            stop = torch.zeros(1)
            next_evaluation = elapsed + options.evaluate_every_minutes * 60
            if rank == 0:
                torch.set_num_threads(RANKS)
                state = {"model": model.state_dict(), "average": average.state_dict(), "optimizer": optimizer.state_dict()}
                torch.save({**state, "step": step, "spent": elapsed}, CHECKPOINT + ".new")
                os.replace(CHECKPOINT + ".new", CHECKPOINT)
                result = evaluate(average, val, range(0, len(val), 1 if final else 4))
                torch.set_num_threads(1)
                record = {"step": step, "images": step * BATCH_PER_RANK * RANKS, "phase": phase, "seconds": round(elapsed), **result}
                with open(os.path.join(WORK, "log.jsonl"), "a", encoding="utf8") as log:
                    log.write(json.dumps(record) + "\n")
                print(json.dumps(record), flush=True)
                stop[0] = float(result["mAP50"] >= options.stop_at)
            distributed.broadcast(stop, 0)
            if final or stop.item() > 0:
                break
    distributed.destroy_process_group()


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--minutes", type=float, default=40)
    arguments.add_argument("--evaluate-every-minutes", type=float, default=4)
    arguments.add_argument("--stop-at", type=float, default=1.1, help="stop when mAP50 on held-out scenes reaches this")
    arguments.add_argument("--seed", type=int, default=20261123)
    arguments.add_argument("--bf16", action="store_true")
    arguments.add_argument("--resume", action="store_true")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        torch.multiprocessing.spawn(run, (options, os.path.join(folder, "ranks")), nprocs=RANKS)


if __name__ == "__main__":
    main()
