/**
 * Where a box is and where it goes: a Kalman filter with constant velocity for centre, width and height (as in SORT, Bewley
 * et al. 2016, and DeepSORT, Wojke et al. 2017). Noise there is independent per coordinate, so that the filter falls into
 * four of two states each, which are solved by hand here. Time is real, not counted in frames: rates differ and frames drop.
 * Invariant: uncertainty is in units of the box's own size, so that near and far objects are followed alike. Pure.
 */

/** One coordinate: value, change per second, and their covariance. */
type Coordinate = { value: number; rate: number; vv: number; vr: number; rr: number };

/** `[x1, y1, x2, y2]` */
export type Box = readonly [number, number, number, number];

// These four, and the rules in tracker.ts, were chosen by random search for MOTA and IDF1 on drawn streets at 5 and 3.3 fps
// (`npm run bench -- tracking` reports on others).
/** Standard deviation of where a detector puts an object, against the object's size; half hidden ones jump. */
const MEASUREMENT_NOISE = 0.18;
/** Standard deviation of an unknown object's speed, in sizes per second. */
const INITIAL_RATE_NOISE = 2;
/** White noise of acceleration, in sizes per second^1.5: people turn and cars brake. */
const ACCELERATION_NOISE = 0.9;
/** Sizes change by perspective alone. */
const SIZE_NOISE_SHARE = 0.25;

export class BoxFilter {
  #x: Coordinate;
  #y: Coordinate;
  #width: Coordinate;
  #height: Coordinate;

  constructor(box: Box) {
    const { x, y, width, height, size } = measured(box);
    const rate = INITIAL_RATE_NOISE * size;
    this.#x = begin(x, MEASUREMENT_NOISE * size, rate);
    this.#y = begin(y, MEASUREMENT_NOISE * size, rate);
    this.#width = begin(width, MEASUREMENT_NOISE * size, rate * SIZE_NOISE_SHARE);
    this.#height = begin(height, MEASUREMENT_NOISE * size, rate * SIZE_NOISE_SHARE);
  }

  /** @param seconds since the last call, at least 0. */
  predict(seconds: number): void {
    const noise = ACCELERATION_NOISE * this.#size();
    this.#x = moved(this.#x, seconds, noise);
    this.#y = moved(this.#y, seconds, noise);
    this.#width = moved(this.#width, seconds, noise * SIZE_NOISE_SHARE);
    this.#height = moved(this.#height, seconds, noise * SIZE_NOISE_SHARE);
  }

  correct(box: Box): void {
    const { x, y, width, height, size } = measured(box);
    const noise = MEASUREMENT_NOISE * size;
    this.#x = corrected(this.#x, x, noise);
    this.#y = corrected(this.#y, y, noise);
    this.#width = corrected(this.#width, width, noise);
    this.#height = corrected(this.#height, height, noise);
  }

  /** Nothing in the picture moved. */
  stand(): void {
    for (const coordinate of [this.#x, this.#y, this.#width, this.#height]) coordinate.rate = 0;
  }

  box(): [number, number, number, number] {
    const [x, y] = [this.#x.value, this.#y.value];
    const [halfWidth, halfHeight] = [Math.max(0, this.#width.value) / 2, Math.max(0, this.#height.value) / 2];
    return [x - halfWidth, y - halfHeight, x + halfWidth, y + halfHeight];
  }

  #size(): number {
    return Math.sqrt(Math.max(0, this.#width.value) * Math.max(0, this.#height.value));
  }
}

function measured([x1, y1, x2, y2]: Box) {
  const [width, height] = [x2 - x1, y2 - y1];
  return { x: (x1 + x2) / 2, y: (y1 + y2) / 2, width, height, size: Math.sqrt(Math.max(0, width * height)) };
}

function begin(value: number, noise: number, rateNoise: number): Coordinate {
  return { value, rate: 0, vv: noise * noise, vr: 0, rr: rateNoise * rateNoise };
}

/** Constant velocity, disturbed by white acceleration of spectral density `noise`² (Bar-Shalom, Li, Kirubarajan 2001, 6.2.2). */
function moved({ value, rate, vv, vr, rr }: Coordinate, t: number, noise: number): Coordinate {
  const q = noise * noise;
  return {
    value: value + rate * t,
    rate,
    vv: vv + 2 * t * vr + t * t * rr + (q * t * t * t) / 3,
    vr: vr + t * rr + (q * t * t) / 2,
    rr: rr + q * t,
  };
}

function corrected({ value, rate, vv, vr, rr }: Coordinate, seen: number, noise: number): Coordinate {
  const spread = vv + noise * noise;
  // A box without size has no uncertainty at all: it is where it was seen.
  if (!(spread > 0)) return { value: seen, rate, vv, vr, rr };
  const [gain, rateGain] = [vv / spread, vr / spread];
  const surprise = seen - value;
  return {
    value: value + gain * surprise,
    rate: rate + rateGain * surprise,
    vv: (1 - gain) * vv,
    vr: (1 - gain) * vr,
    rr: rr - rateGain * vr,
  };
}
