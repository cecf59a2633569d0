/**
 * The texts that workers told against the plates that were drawn. Pure. A track counts when its object's plate was shown
 * at least 60 px wide in a published frame; it is right when the last text told of it is what that plate says.
 * Invariant: each track counts once, however many frames and texts there are of it.
 */
import { READABLE_PLATE_WIDTH_PX_MIN } from '../scenes/truth.ts';

export type ShownPlate = { value: string; widthPx: number };

export class TextAccuracyCounter {
  /** Frames in which a track was on an object with this plate, large enough. */
  readonly #shown = new Map<string, Map<string, number>>();
  readonly #told = new Map<string, string>();

  /** A detection of this track was found right, and its object shows this plate. @param track unique over all cameras. */
  seen(track: string, plate: ShownPlate): void {
    if (plate.widthPx < READABLE_PLATE_WIDTH_PX_MIN) return;
    const values = this.#shown.get(track) ?? new Map<string, number>();
    values.set(plate.value, (values.get(plate.value) ?? 0) + 1);
    this.#shown.set(track, values);
  }

  told(track: string, value: string): void {
    this.#told.set(track, value);
  }

  get readable(): number {
    return this.#shown.size;
  }

  get right(): number {
    return [...this.#shown].filter(([track, values]) => this.#told.get(track) === mostOften(values)).length;
  }

  /** Fraction 0..1, or null before there was anything to read. */
  result(): number | null {
    return this.readable === 0 ? null : this.right / this.readable;
  }
}

function mostOften(values: ReadonlyMap<string, number>): string | undefined {
  return [...values].sort(([, a], [, b]) => b - a)[0]?.[0];
}
