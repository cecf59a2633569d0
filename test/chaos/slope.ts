/**
 * Does it grow? A least-squares line over what was seen of a process once it had warmed up, with the interval in which its
 * slope lies. Memory wanders, so a sample says much of the next one: as many samples count as their correlation leaves.
 * Invariant: only the lower end of the interval is judged, and only where both halves of the run rose: a leak goes on, where an arena
 * or a table that is enlarged does so once. A run that is too short for a slope has none.
 */
export type Slope = {
  perHour: number;
  /** 95 % confidence: the slope lies within ± this. */
  plusMinus: number;
  /** Whether each half of the time rose for itself. What was enlarged once did not. */
  isSteady: boolean;
};

/** Code is compiled and buffers reach their size: a minute, or the first sixth of a long run. */
const warmUpMinMs = 60_000;
const warmUpShare = 1 / 6;
const samplesMin = 12;
const judgedFromSeconds = 200;
/** From here on the limits are those that are asked for. */
const wholeRunSeconds = 1_750;
/** Two-sided, for many samples. */
const normalQuantile = 1.96;

type Sample = { atMs: number; value: number };

export function slopeOf(samples: readonly Sample[]): Slope | null {
  const firstMs = samples[0]?.atMs ?? 0;
  const warmUpMs = Math.max(warmUpMinMs, warmUpShare * ((samples.at(-1)?.atMs ?? 0) - firstMs));
  const warm = samples.filter(({ atMs }) => atMs - firstMs >= warmUpMs);
  if (warm.length < samplesMin) return null;
  const middle = Math.floor(warm.length / 2);
  const halves = [warm.slice(0, middle), warm.slice(middle)].map(line);
  return { ...line(warm), isSteady: halves.every(({ perHour, plusMinus }) => perHour > plusMinus) };
}

function line(warm: readonly Sample[]): { perHour: number; plusMinus: number } {
  const firstMs = warm[0]?.atMs ?? 0;
  const hours = warm.map(({ atMs }) => (atMs - firstMs) / 3_600_000);
  const values = warm.map(({ value }) => value);
  const [hour, level] = [mean(hours), mean(values)];
  const spread = sum(hours.map((x) => (x - hour) ** 2));
  const slope = sum(hours.map((x, index) => (x - hour) * ((values[index] ?? level) - level))) / spread;
  const residuals = hours.map((x, index) => (values[index] ?? level) - level - slope * (x - hour));
  const squares = sum(residuals.map((residual) => residual ** 2));
  const neighbours = sum(residuals.slice(1).map((residual, index) => residual * (residuals[index] ?? 0)));
  const correlation = squares === 0 ? 0 : Math.min(0.99, Math.max(0, neighbours / squares));
  const independent = Math.max(3, (warm.length * (1 - correlation)) / (1 + correlation));
  const variance = squares / warm.length / (spread / warm.length) / (independent - 2);
  return { perHour: slope, plusMinus: normalQuantile * Math.sqrt(variance) };
}

/**
 * @param perHourMax of a run of half an hour. A shorter one may grow faster, by the square of what is missing: so much less
 * can it tell a leak from warming up.
 */
export function isGrowing(livedSeconds: number, slope: Slope | null, perHourMax: number): boolean {
  if (slope === null || !slope.isSteady || livedSeconds < judgedFromSeconds) return false;
  const missing = Math.max(1, wholeRunSeconds / livedSeconds);
  return slope.perHour - slope.plusMinus > perHourMax * missing ** 2;
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
