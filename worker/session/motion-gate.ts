/**
 * Does this frame show anything that the last inferred one did not? Compares the mean brightness of cells of the
 * letterboxed picture with those of the frame that was passed on last, so that slow change adds up until it counts.
 * Invariant: of a camera's frames none is held back for `maxSkipMs` of producer time after one that was passed, nor
 * while it moved within `holdMs`: tracks that begin or end are settled before anything is held back.
 */
import type { Camera } from '../../core/camera.ts';

export type MotionGateSettings = {
  maxSkipMs: number;
  /** 0..1; the higher, the smaller a change counts. */
  sensitivity: number;
  /** How long frames are passed on after the last motion. */
  holdMs: number;
};

/** A person 40 m away is some 8 × 20 pixels of 640 × 384: several cells. */
const CELL_PIXELS = 8;
/** Every second pixel of every second row: 16 samples a cell halve the noise of the sensor twice. */
const SAMPLE_STEP = 2;
const SAMPLES_PER_CELL = (CELL_PIXELS / SAMPLE_STEP) ** 2;
/** Levels of 0..255 by which a cell changes at least, at sensitivity 0 and at 1. bench/motion-gate.ts has what they cost. */
const THRESHOLD_INSENSITIVE = 32;
const THRESHOLD_SENSITIVE = 4;

export class MotionGate {
  readonly #settings: MotionGateSettings;
  readonly #rowBytes: number;
  readonly #columns: number;
  readonly #rows: number;
  readonly #threshold: number;
  /** Cell means of the frame passed on last, and room for those of the one that is judged. */
  #reference: Float32Array;
  #current: Float32Array;
  readonly #changed: Uint8Array;
  #passedAtMs: number | null = null;
  #movedAtMs = Number.NEGATIVE_INFINITY;

  /** @param input size of the letterboxed picture in pixels. */
  constructor(settings: MotionGateSettings, input: { width: number; height: number }) {
    this.#settings = settings;
    this.#rowBytes = input.width * 3;
    this.#columns = Math.floor(input.width / CELL_PIXELS);
    this.#rows = Math.floor(input.height / CELL_PIXELS);
    this.#threshold = THRESHOLD_INSENSITIVE + (THRESHOLD_SENSITIVE - THRESHOLD_INSENSITIVE) * settings.sensitivity;
    this.#reference = new Float32Array(this.#columns * this.#rows);
    this.#current = new Float32Array(this.#columns * this.#rows);
    this.#changed = new Uint8Array(this.#columns * this.#rows);
  }

  /**
   * @param pixels width × height × 3 bytes of RGB.
   * @param atMs producer time.
   * @returns true when the frame may be left out; otherwise it is what later frames are compared with.
   */
  isStill(pixels: Uint8Array, atMs: number): boolean {
    this.#measure(pixels);
    const passedAtMs = this.#passedAtMs;
    const elapsedMs = passedAtMs === null ? Number.POSITIVE_INFINITY : atMs - passedAtMs;
    const isComparable = elapsedMs >= 0 && passedAtMs !== null;
    const hasMoved = !isComparable || this.#hasChanged();
    if (hasMoved) this.#movedAtMs = atMs;
    if (!hasMoved && elapsedMs < this.#settings.maxSkipMs && atMs - this.#movedAtMs >= this.#settings.holdMs)
      return true;
    [this.#reference, this.#current] = [this.#current, this.#reference];
    this.#passedAtMs = atMs;
    return false;
  }

  /** The frame that was passed on was never inferred: the next one is, whatever it shows. */
  reset(): void {
    this.#passedAtMs = null;
  }

  #measure(pixels: Uint8Array): void {
    const rowBytes = this.#rowBytes;
    const cells = this.#current;
    for (let row = 0; row < this.#rows; row += 1) {
      for (let column = 0; column < this.#columns; column += 1) {
        const corner = row * CELL_PIXELS * rowBytes + column * CELL_PIXELS * 3;
        let sum = 0;
        for (let y = 0; y < CELL_PIXELS; y += SAMPLE_STEP) {
          let at = corner + y * rowBytes;
          for (let x = 0; x < CELL_PIXELS; x += SAMPLE_STEP) {
            // Luma by quarters: green counts double. Close enough to BT.601, and integers.
            sum += (pixels[at] as number) + 2 * (pixels[at + 1] as number) + (pixels[at + 2] as number);
            at += 3 * SAMPLE_STEP;
          }
        }
        cells[row * this.#columns + column] = sum / (4 * SAMPLES_PER_CELL);
      }
    }
  }

  /** One cell alone is noise, a blinking lamp, or what a key frame draws anew; an object changes neighbouring cells. */
  #hasChanged(): boolean {
    const [reference, current, changed, columns] = [this.#reference, this.#current, this.#changed, this.#columns];
    for (let cell = 0; cell < current.length; cell += 1) {
      const isChanged = Math.abs((current[cell] as number) - (reference[cell] as number)) > this.#threshold;
      changed[cell] = isChanged ? 1 : 0;
      if (!isChanged) continue;
      const column = cell % columns;
      const above = cell - columns;
      if (column > 0 && changed[cell - 1] === 1) return true;
      if (above < 0) continue;
      if (changed[above] === 1) return true;
      if (column > 0 && changed[above - 1] === 1) return true;
      if (column < columns - 1 && changed[above + 1] === 1) return true;
    }
    return false;
  }
}

/** After motion, frames are inferred until every track has been confirmed or missed for long enough to end. */
export function motionGateSettings({ detect, smoothing }: Camera): MotionGateSettings | null {
  // An assignment that a former version of control wrote has none.
  const gate = detect.motionGate as Camera['detect']['motionGate'] | undefined;
  if (gate?.enabled !== true) return null;
  const { maxSkipMs, sensitivity } = gate;
  const framesMs = ((smoothing.minHits + 1) * 1_000) / detect.fps;
  return { maxSkipMs, sensitivity, holdMs: Math.max(framesMs, smoothing.maxMissMs + 1_000 / detect.fps) };
}
