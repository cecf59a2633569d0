/**
 * A new version held against the one before on the same frames: now and then a frame that the new one has answered is put
 * through the former as well. Nothing that the former says of it is published.
 * Invariant: the buffer comes back, or null when the detector lost it; what a trial counts only grows.
 */
import type { Camera } from '../../core/camera.ts';
import type { ModelOrder } from '../../core/control/model-evidence.ts';
import { type ModelCounts, noCounts, slowAtLeastMs, timedBeforeP95 } from '../../core/control/model-evidence.ts';
import { letterboxGeometry, reletterbox } from '../decode/letterbox.ts';
import { type Candidate, classIdsOf, suppress } from '../detect/nms.ts';
import type { IntakeFrame } from '../session/messages.ts';
import type { InferredFrame } from './inference-scheduler.ts';
import type { LoadedModel } from './model-pool.ts';

/** Of one camera: often enough for a verdict within a minute, and at 5 frames/s a tenth more work for the canaries alone. */
const compareEveryMs = 2_000;
/** What the former saw less surely may be missed by a version that draws its line elsewhere. */
const surelyAbove = 0.1;
const timesKept = 200;

type Limits = NonNullable<ModelOrder['trial']>;

/** What one worker counts for one rollout: on all its canary cameras together. */
export class TrialCounts {
  readonly #limits: Limits;
  readonly #counts: ModelCounts = { ...noCounts };
  readonly #formerTimesMs: number[] = [];
  #lastError: unknown = null;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  get counts(): ModelCounts {
    return { ...this.#counts };
  }

  inferred(placeInBatch: number): void {
    this.#counts.frames += 1;
    if (placeInBatch === 0) this.#counts.batches += 1;
  }

  /** @param error the frames of one batch share it: they fail for one reason, and count once. */
  failed(error: unknown): void {
    if (error === this.#lastError) return;
    this.#lastError = error;
    this.#counts.batches += 1;
    this.#counts.failedBatches += 1;
  }

  compared(former: { isSure: boolean; tookMs: number }, present: { sees: boolean; tookMs: number }): void {
    if (former.isSure) {
      this.#counts.sightings += 1;
      if (!present.sees) this.#counts.missed += 1;
    }
    const times = this.#formerTimesMs;
    if (times.length >= timedBeforeP95) {
      const p95Ms = [...times].sort((a, b) => a - b)[Math.ceil(times.length * 0.95) - 1] ?? 0;
      this.#counts.timed += 1;
      if (present.tookMs > Math.max(p95Ms * this.#limits.maxSlowdown, p95Ms + slowAtLeastMs)) this.#counts.slow += 1;
    }
    times.push(former.tookMs);
    if (times.length > timesKept) times.shift();
  }
}

/** One camera's comparison. */
export class ModelTrial {
  readonly tally: TrialCounts;
  readonly #former: LoadedModel;
  readonly #detect: Camera['detect'];
  #comparedAtMs = Number.NEGATIVE_INFINITY;

  constructor(former: LoadedModel, detect: Camera['detect'], tally: TrialCounts) {
    this.#former = former;
    this.#detect = detect;
    this.tally = tally;
  }

  isDue(nowMs: number): boolean {
    if (nowMs - this.#comparedAtMs < compareEveryMs) return false;
    this.#comparedAtMs = nowMs;
    return true;
  }

  /** @param inferred what the new version said of the frame. */
  async compare(
    { letterbox }: IntakeFrame,
    inferred: InferredFrame,
    present: LoadedModel,
    submitter: { run: string; weight: number },
  ): Promise<ArrayBuffer | null> {
    const { inputWidth, inputHeight, padding } = this.#former.client.model;
    const { sourceWidth, sourceHeight } = letterbox;
    const wanted = letterboxGeometry(sourceWidth, sourceHeight, inputWidth, inputHeight, padding);
    const buffer = inferred.buffer;
    const isSame = wanted.padX === letterbox.padX && wanted.padY === letterbox.padY && isSameSize(wanted, letterbox);
    const pixels = isSame ? buffer : reletterbox(new Uint8Array(buffer), letterbox, wanted);
    const sees = this.#sees(inferred.candidates, present, this.#detect.confidence);
    try {
      const former = await this.#former.scheduler.submit(pixels, { ...submitter, run: `${submitter.run}~former` });
      if ('displaced' in former) return isSame ? former.displaced : buffer;
      const isSure = this.#sees(former.candidates, this.#former, Math.min(1, this.#detect.confidence + surelyAbove));
      this.tally.compared({ isSure, tookMs: tookMs(former) }, { sees, tookMs: tookMs(inferred) });
      return isSame ? former.buffer : buffer;
    } catch {
      // What the former cannot do says nothing of the new version.
      return isSame ? null : buffer;
    }
  }

  #sees(candidates: readonly Candidate[], { client }: LoadedModel, confidence: number): boolean {
    const { ids } = classIdsOf(client.model.labels, this.#detect.classes);
    return suppress(candidates, { confidence, iou: this.#detect.iou, classIds: ids }).length > 0;
  }
}

function tookMs({ queuedMs, inferenceMs }: InferredFrame): number {
  return queuedMs + inferenceMs;
}

type Size = { inputWidth: number; inputHeight: number };
function isSameSize(a: Size, b: Size): boolean {
  return a.inputWidth === b.inputWidth && a.inputHeight === b.inputHeight;
}
