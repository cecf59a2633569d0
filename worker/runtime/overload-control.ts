/**
 * Keeps the detector from being asked for more than it can do: looks once a second at what every camera got and lost, asks
 * the governor, and tells each camera's decode host its rate, so that frames are left out before they are decoded.
 * Invariant: only rates change here; what the detector is given beyond its strength until then gives way newest first.
 */
import type { Clock } from '../../core/clock.ts';
import { priorityWeight } from '../pace/fair-share.ts';
import { PaceGovernor } from '../pace/pace-governor.ts';
import type { CameraRun } from './camera-run.ts';
import type { DeviceLoad } from './device-load.ts';

const tickMs = 1_000;
/** Rates are raised in steps of this size; they are lowered at once. */
const raiseMin = 1.05;
/** A camera with a motion gate may need its whole rate at any moment, but seldom: what it used, and a quarter more. */
const gatedReserve = 1.25;
const gatedMin = 0.1;
/** Share of the newest second in what a motion gate passes. */
const gatedGain = 0.3;

type Counts = { inferred: number; strained: number; still: number };
type Memory = { counts: Counts; passShare: number };

export type OverloadState = { wantedFps: number; grantedFps: number; busyShare: number };

export class OverloadControl {
  readonly #clock: Clock;
  readonly #runs: () => Iterable<CameraRun>;
  readonly #load: DeviceLoad;
  readonly #governor = new PaceGovernor();
  readonly #memory = new WeakMap<CameraRun, Memory>();
  #lastMs = 0;
  #lastTotals = { busyMs: 0, workMs: 0 };
  #cancel = () => {};
  /** As of the last tick, cameras without media not counted. */
  state: OverloadState = { wantedFps: 0, grantedFps: 0, busyShare: 0 };

  constructor(clock: Clock, runs: () => Iterable<CameraRun>, load: DeviceLoad) {
    this.#clock = clock;
    this.#runs = runs;
    this.#load = load;
  }

  start(): void {
    this.#lastMs = this.#clock.monotonicMs();
    this.#lastTotals = this.#load.totals(this.#lastMs);
    this.#cancel = this.#clock.setTimer(tickMs, () => this.#tick());
  }

  stop(): void {
    this.#cancel();
  }

  #tick(): void {
    const nowMs = this.#clock.monotonicMs();
    const elapsedMs = nowMs - this.#lastMs;
    const totals = this.#load.totals(nowMs);
    const busyMs = totals.busyMs - this.#lastTotals.busyMs;
    const workMs = totals.workMs - this.#lastTotals.workMs;
    this.#lastMs = nowMs;
    this.#lastTotals = totals;
    const runs = [...this.#runs()].filter((run) => run.hasMedia);
    let inferred = 0;
    let strained = 0;
    const demands = runs.map((run) => {
      const { counts, passShare } = this.#news(run);
      inferred += counts.inferred;
      strained += counts.strained;
      return {
        cost: run.decodableFps * run.costMs * passShare,
        weight: priorityWeight(run.assignment.camera.priority),
      };
    });
    const shares = this.#governor.tick(nowMs, { elapsedMs, busyMs, workMs, inferred, strained }, demands);
    this.state = { wantedFps: 0, grantedFps: 0, busyShare: elapsedMs > 0 ? busyMs / elapsedMs : 0 };
    for (const [index, run] of runs.entries()) {
      const share = shares[index] ?? 1;
      if (share < run.detectorShare || share === 1 || share > run.detectorShare * raiseMin) run.pace(share);
      this.state.wantedFps += run.wantedFps;
      this.state.grantedFps += run.grantedFps;
    }
    this.#cancel = this.#clock.setTimer(tickMs, () => this.#tick());
  }

  /** What happened to a camera's frames since the last tick. */
  #news(run: CameraRun): Memory {
    const now = run.frameCounts;
    const before = this.#memory.get(run) ?? { counts: now, passShare: 1 };
    const counts: Counts = {
      inferred: now.inferred - before.counts.inferred,
      strained: now.strained - before.counts.strained,
      still: now.still - before.counts.still,
    };
    const passed = counts.inferred + counts.strained;
    const looked = passed + counts.still;
    const passShare =
      looked === 0 ? before.passShare : before.passShare + gatedGain * (passed / looked - before.passShare);
    this.#memory.set(run, { counts: now, passShare });
    return { counts, passShare: Math.min(1, Math.max(gatedMin, passShare * gatedReserve)) };
  }
}
