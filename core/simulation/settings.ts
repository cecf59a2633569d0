/**
 * Everything that the modelled cloud and the modelled cameras do by chance, with defaults and where they come from.
 * Durations are triangular distributions: least, most likely and longest are what one can measure and argue about.
 * Invariant: a setting of zero switches its fault off, so that a calm world is a world with zeros.
 */
import type { SeededRandom } from '../seeded-random.ts';

export type Spread = { minMs: number; typicalMs: number; maxMs: number };

export type SimulationSettings = {
  /** From the launch of an instance to its registration as an ECS container instance. */
  registrationMs: Spread;
  /** From the placement of a task to its running: image pull and container start. */
  taskStartMs: Spread;
  /** From the running task to the ready worker: model load, warm-up, measurement. */
  modelLoadMs: Spread;
  /** Of every worker, in inferences per second of the default model; spreads by 5 % either way. */
  workerInferencesPerSecond: number;
  /** Share of the instances that are Spot, 0..1. */
  spotShare: number;
  /** Chance per Spot instance and hour that AWS takes it back. */
  spotInterruptionsPerHour: number;
  spotNoticeMs: number;
  /** Chance per Spot instance and hour that EC2 recommends to leave it; whether it is taken back is a chance of its own. */
  rebalanceRecommendationsPerHour: number;
  /** Spells in which no instance can be launched. */
  shortagesPerWeek: number;
  shortageMs: Spread;
  /** Spells in which calls to AWS are throttled: one part of every observation is missing. */
  throttlingsPerDay: number;
  throttlingMs: Spread;
  /** Chance that one step of a run (a write, a call) fails, 0..1. */
  stepFailureRate: number;
  /** Chance that ECS and Auto Scaling answer as of some seconds ago, 0..1. */
  staleReadRate: number;
  /** Events of AWS and of the workers: how late, how often lost, how often twice. */
  eventDelayMs: Spread;
  eventLossRate: number;
  eventRepeatRate: number;
  /** How long a run of the control loop takes from its observation to the end of its writes. */
  runMs: Spread;
  /** The activity metric shows a period this long after its end. */
  metricLagMs: number;
  /** Share of camera time without media, 0..0.5: twice this share of the cameras is silent half of the time. */
  silentShare: number;
  silenceMs: Spread;
  /** Crashes, hangs and network cuts, per worker and day. */
  workerFaultsPerDay: number;
  /** How far a worker's clock is off, at most, either way. */
  clockSkewMs: number;
  /** How long a network cut lasts. */
  cutMs: Spread;
  /** From an assignment seen to the first inference: GetDataEndpoint, GetMedia, the first keyframe. */
  streamOpenMs: Spread;
  /** Until a worker whose camera was silent opens its stream again after media has returned (worker/session/reconnect.ts). */
  noticeMs: Spread;
  /** From a camera taken off the list to its release: flush, checkpoint (8 s at most). */
  releaseMs: Spread;
};

export const defaultSettings: SimulationSettings = {
  // "EC2 GPU to ECS-ready is reported as 5 to 8 minutes": the three add up to 4:10 to 8:10, 5:40 typically.
  registrationMs: { minMs: 90_000, typicalMs: 130_000, maxMs: 200_000 },
  taskStartMs: { minMs: 120_000, typicalMs: 150_000, maxMs: 210_000 },
  modelLoadMs: { minMs: 40_000, typicalMs: 60_000, maxMs: 80_000 },
  // The policy's assumption until a worker has measured its own.
  workerInferencesPerSecond: 100,
  spotShare: 1,
  // The Spot Instance Advisor's highest class begins at 20 % a month: 0.0003 an hour. Three times as often here.
  spotInterruptionsPerHour: 0.001,
  // EC2's promise.
  spotNoticeMs: 120_000,
  // Nobody publishes how often; a fleet that replaces ahead of a notice loses less than one that is told nothing.
  rebalanceRecommendationsPerHour: 0,
  shortagesPerWeek: 0,
  shortageMs: { minMs: 300_000, typicalMs: 900_000, maxMs: 3_600_000 },
  throttlingsPerDay: 1,
  throttlingMs: { minMs: 30_000, typicalMs: 60_000, maxMs: 180_000 },
  stepFailureRate: 0.001,
  staleReadRate: 0.01,
  // EventBridge delivers within a second or so; at least once, and nobody promises that nothing is lost.
  eventDelayMs: { minMs: 300, typicalMs: 800, maxMs: 5_000 },
  eventLossRate: 0.001,
  eventRepeatRate: 0.01,
  // A fleet of some hundred cameras, counted against the local cloud; Lambda's cold start is the tail.
  runMs: { minMs: 300, typicalMs: 800, maxMs: 3_000 },
  // PutMedia.IncomingFragments is seen two to three minutes late.
  metricLagMs: 120_000,
  silentShare: 0.02,
  silenceMs: { minMs: 600_000, typicalMs: 3_600_000, maxMs: 28_800_000 },
  workerFaultsPerDay: 0.02,
  // EC2's time service keeps clocks within a millisecond; a container that does not use it drifts.
  clockSkewMs: 50,
  cutMs: { minMs: 5_000, typicalMs: 20_000, maxMs: 240_000 },
  streamOpenMs: { minMs: 800, typicalMs: 2_000, maxMs: 5_000 },
  // Full jitter up to the cap of 20 s, and the opening.
  noticeMs: { minMs: 1_400, typicalMs: 12_000, maxMs: 24_000 },
  releaseMs: { minMs: 200, typicalMs: 800, maxMs: 8_000 },
};

/** A world in which nothing goes wrong by chance: what remains is booting and the calendar. */
export const calmSettings: SimulationSettings = {
  ...defaultSettings,
  spotInterruptionsPerHour: 0,
  shortagesPerWeek: 0,
  throttlingsPerDay: 0,
  stepFailureRate: 0,
  staleReadRate: 0,
  eventLossRate: 0,
  eventRepeatRate: 0,
  silentShare: 0,
  workerFaultsPerDay: 0,
  clockSkewMs: 0,
};

/** A duration of this spread, in whole milliseconds (inverse of the triangular distribution). */
export function drawMs(random: SeededRandom, { minMs, typicalMs, maxMs }: Spread): number {
  const width = maxMs - minMs;
  if (width <= 0) return minMs;
  const share = (typicalMs - minMs) / width;
  const chance = random.next();
  const at =
    chance < share ? minMs + Math.sqrt(chance * share) * width : maxMs - Math.sqrt((1 - chance) * (1 - share)) * width;
  return Math.round(at);
}

export function meanMs({ minMs, typicalMs, maxMs }: Spread): number {
  return (minMs + typicalMs + maxMs) / 3;
}

/** Waiting time until something that happens at this rate, in whole milliseconds; infinity at rate zero. */
export function drawWaitMs(random: SeededRandom, perHour: number): number {
  const uniform = 1 - random.next();
  return perHour <= 0 ? Number.POSITIVE_INFINITY : Math.round((-Math.log(uniform) / perHour) * 3_600_000);
}

/** Spells in `[fromMs, toMs)` that begin at this rate and do not overlap, in order. */
export function drawSpells(
  random: SeededRandom,
  perHour: number,
  duration: Spread,
  fromMs: number,
  toMs: number,
): { startMs: number; endMs: number }[] {
  const spells: { startMs: number; endMs: number }[] = [];
  for (let atMs = fromMs + drawWaitMs(random, perHour); atMs < toMs; ) {
    const endMs = atMs + Math.max(1, drawMs(random, duration));
    spells.push({ startMs: atMs, endMs });
    atMs = endMs + drawWaitMs(random, perHour);
  }
  return spells;
}
