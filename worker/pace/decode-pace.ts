/**
 * Keeps a decode thread from being asked for more than it can do: looks once a second at what each camera cost it and how
 * much came late, asks the governor, and says what share of its frames each camera gets. Decoding's cost depends on codec,
 * size and neighbours on the machine, so it is measured, per frame that comes out.
 * Invariant: without frames that are late nobody is limited; knows no thread, timer or clock.
 */
import { priorityWeight } from './fair-share.ts';
import { PaceGovernor } from './pace-governor.ts';

/** Everything since the camera began. */
export type DecodeWork = {
  captured: number;
  /** Time that decoding took, scaling included, and frames that came of it. */
  workMs: number;
  pictures: number;
  /** Frames that were wanted, and came late or were left out for it. */
  late: number;
};

export type DecodedCamera = { fps: number; priority: number; work: DecodeWork };

/** Share of the newest second in what a frame costs: a group of pictures takes some seconds. */
const COST_GAIN = 0.25;

type Memory = { work: DecodeWork; workMs: number; pictures: number };

export class DecodePace {
  readonly #governor = new PaceGovernor();
  #memory = new Map<string, Memory>();
  #lastMs: number;
  #lastBusyMs: number;
  /** Of the time between the last two ticks, 0..1. */
  busyShare = 0;

  /** @param busyMs time in which the thread had work, since any moment. */
  constructor(nowMs: number, busyMs: number) {
    this.#lastMs = nowMs;
    this.#lastBusyMs = busyMs;
  }

  /**
   * Call about once a second.
   * @returns for each camera the share of its frames that it gets, above 0 and at most 1.
   */
  tick(nowMs: number, busyMs: number, cameras: ReadonlyMap<string, DecodedCamera>): Map<string, number> {
    const activity = {
      elapsedMs: nowMs - this.#lastMs,
      busyMs: busyMs - this.#lastBusyMs,
      ...{ workMs: 0, inferred: 0, strained: 0 },
    };
    this.#lastMs = nowMs;
    this.#lastBusyMs = busyMs;
    this.busyShare = activity.elapsedMs > 0 ? Math.min(1, activity.busyMs / activity.elapsedMs) : 0;
    const memory = new Map<string, Memory>();
    const names: string[] = [];
    const demands: { cost: number; weight: number }[] = [];
    for (const [name, { fps, priority, work }] of cameras) {
      const before = this.#memory.get(name) ?? { work: noWork, workMs: 0, pictures: 0 };
      const workMs = work.workMs - before.work.workMs;
      const pictures = work.pictures - before.work.pictures;
      activity.workMs += workMs;
      activity.inferred += pictures;
      activity.strained += work.late - before.work.late;
      const now: Memory = {
        work: { ...work },
        workMs: before.workMs + COST_GAIN * (workMs - before.workMs),
        pictures: before.pictures + COST_GAIN * (pictures - before.pictures),
      };
      memory.set(name, now);
      // Who sends nothing takes nothing from the others.
      if (work.captured === before.work.captured) continue;
      names.push(name);
      demands.push({
        cost: now.pictures > 0 ? (fps * now.workMs) / now.pictures : 0,
        weight: priorityWeight(priority),
      });
    }
    this.#memory = memory;
    const granted = this.#governor.tick(nowMs, activity, demands);
    const shares = new Map([...cameras.keys()].map((name) => [name, 1]));
    for (const [index, name] of names.entries()) shares.set(name, granted[index] ?? 1);
    return shares;
  }
}

const noWork: DecodeWork = { captured: 0, workMs: 0, pictures: 0, late: 0 };
