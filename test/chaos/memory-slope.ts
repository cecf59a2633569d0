/**
 * Does a process's memory grow? A least-squares line over what was seen once it had warmed up, with the interval in which its
 * slope lies. Memory wanders, so a sample says much of the next one: as many samples count as their correlation leaves.
 * Invariant: only a run of at least half an hour is judged, and only by the lower end of the interval.
 */
export type MemorySlope = {
  megabytesPerHour: number;
  /** 95 % confidence: the slope lies within ± this. */
  plusMinus: number;
};

/** Code is compiled and buffers reach their size: a minute, or the first sixth of a long run. */
const warmUpMinMs = 60_000;
const warmUpShare = 1 / 6;
const samplesMin = 12;
const judgedFromSeconds = 1_750;
/** At this a worker of 450 MB would need ten days to double. */
const growthMaxMegabytesPerHour = 2;
/** Two-sided, for many samples. */
const normalQuantile = 1.96;

export function memorySlope(samples: readonly { atMs: number; megabytes: number }[]): MemorySlope | null {
  const firstMs = samples[0]?.atMs ?? 0;
  const warmUpMs = Math.max(warmUpMinMs, warmUpShare * ((samples.at(-1)?.atMs ?? 0) - firstMs));
  const warm = samples.filter(({ atMs }) => atMs - firstMs >= warmUpMs);
  if (warm.length < samplesMin) return null;
  const hours = warm.map(({ atMs }) => (atMs - firstMs) / 3_600_000);
  const megabytes = warm.map((sample) => sample.megabytes);
  const [hour, level] = [mean(hours), mean(megabytes)];
  const spread = sum(hours.map((x) => (x - hour) ** 2));
  const slope = sum(hours.map((x, index) => (x - hour) * ((megabytes[index] ?? level) - level))) / spread;
  const residuals = hours.map((x, index) => (megabytes[index] ?? level) - level - slope * (x - hour));
  const squares = sum(residuals.map((residual) => residual ** 2));
  const neighbours = sum(residuals.slice(1).map((residual, index) => residual * (residuals[index] ?? 0)));
  const correlation = squares === 0 ? 0 : Math.min(0.99, Math.max(0, neighbours / squares));
  const independent = Math.max(3, (warm.length * (1 - correlation)) / (1 + correlation));
  const variance = squares / warm.length / (spread / warm.length) / (independent - 2);
  return { megabytesPerHour: slope, plusMinus: normalQuantile * Math.sqrt(variance) };
}

export function isGrowing(livedSeconds: number, slope: MemorySlope | null): boolean {
  if (slope === null || livedSeconds < judgedFromSeconds) return false;
  return slope.megabytesPerHour - slope.plusMinus > growthMaxMegabytesPerHour;
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
