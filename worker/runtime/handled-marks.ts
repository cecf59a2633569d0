/**
 * How far this worker itself has come with cameras that it had before. Control may give one back under another epoch from a
 * time at which the worker, which did not know yet, still watched it; and the live edge begins with a fragment of which the
 * beginning may be known.
 * Invariant: wherever control lets a camera begin, no frame that this worker handled is handled by it again; at most
 * `marksMax` cameras are remembered.
 */
import type { Assignment, Checkpoint } from '../../core/fleet-state.ts';
import { compareFragmentNumbers } from '../session/handled-fragments.ts';
import type { CameraIntakeSettings } from '../session/messages.ts';

/** As many cameras as a fleet may have. */
const marksMax = 2_000;

type Mark = { epoch: number; streamName: string; checkpoint: Checkpoint | null; stoppedAtMs: number };
export type IntakeStart = Pick<CameraIntakeSettings, 'resumeAfter' | 'handleFromServerMs'>;

export class HandledMarks {
  /** By camera, the one that stopped last at the end. */
  readonly #marks = new Map<string, Mark>();

  /** @param checkpoint where reading stopped; null when no fragment was completed. */
  stopped({ camera, epoch }: Assignment, checkpoint: Checkpoint | null, stoppedAtMs: number): void {
    this.#marks.delete(camera.cameraId);
    this.#marks.set(camera.cameraId, { epoch, streamName: camera.streamName, checkpoint, stoppedAtMs });
    const [oldest] = this.#marks.keys();
    if (this.#marks.size > marksMax && oldest !== undefined) this.#marks.delete(oldest);
  }

  startOf({ camera, epoch, assignedAtMs, resumeAfter }: Assignment): IntakeStart {
    const given: IntakeStart = { resumeAfter: resumeAfter ?? null, handleFromServerMs: assignedAtMs };
    const mark = this.#marks.get(camera.cameraId);
    if (mark === undefined || mark.streamName !== camera.streamName) return given;
    const { checkpoint, stoppedAtMs } = mark;
    if (resumeAfter !== undefined) {
      if (checkpoint === null || isUpTo(checkpoint, resumeAfter)) return given;
      return { resumeAfter: checkpoint, handleFromServerMs: stoppedAtMs };
    }
    // What arrives from then on, this worker has not seen.
    if (stoppedAtMs < assignedAtMs) return given;
    // Another owner in between had what came before its own end, and that was before this assignment.
    const isNext = epoch === mark.epoch || epoch === mark.epoch + 1;
    return { resumeAfter: isNext ? checkpoint : null, handleFromServerMs: stoppedAtMs };
  }
}

/** @param unpublished where the oldest record that is not stored yet would have another owner begin; null: all are stored. */
export function earlierOf(checkpoint: Checkpoint | null, unpublished: Checkpoint | null): Checkpoint | null {
  if (checkpoint === null || unpublished === null) return checkpoint;
  return isUpTo(checkpoint, unpublished) ? checkpoint : unpublished;
}

function isUpTo(one: Checkpoint, other: Checkpoint): boolean {
  const order = compareFragmentNumbers(one.fragmentNumber, other.fragmentNumber);
  return order < 0 || (order === 0 && one.producerTimestampMs <= other.producerTimestampMs);
}
