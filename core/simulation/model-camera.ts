/**
 * A modelled camera (its hours, when it sends, who watches it) and the account of the whole fleet: every scheduled
 * camera millisecond is inferred or blind by one cause, and the causes are the model's truth, not what control believes.
 * Invariant: scheduled = inferred + the sum of blind, exactly; a camera is in one class at any instant.
 */
import { type Interval, scheduledIntervals } from '../calendar.ts';
import type { Camera } from '../camera.ts';
import type { SeededRandom } from '../seeded-random.ts';
import { drawMs, type SimulationSettings } from './settings.ts';
import { Timeline } from './timeline.ts';

export const blindCauses = ['silent', 'returning', 'late', 'moving', 'spot', 'worker-lost', 'shed'] as const;
/**
 * Why nobody infers a scheduled camera: it sends nothing; it sends again and nobody has taken it up yet; nobody had it
 * when its window opened; it changes its worker; Spot took its worker; its worker crashed, hung or was cut off; it was shed.
 */
export type BlindCause = (typeof blindCauses)[number];
export type CameraClass = 'off' | 'inferred' | BlindCause;

export type WindowOutcome = { startMs: number; latenessMs: number };

/** Sums of camera milliseconds by class; `off` is not counted. */
export type CameraTime = Record<Exclude<CameraClass, 'off'>, number>;

export function noCameraTime(): CameraTime {
  return { inferred: 0, silent: 0, returning: 0, late: 0, moving: 0, spot: 0, 'worker-lost': 0, shed: 0 };
}

/** What its row says from this instant on; null: it has none, or one that cannot be used. */
export type ModelCameraVersion = { fromMs: number; camera: Camera | null };

export class ModelCamera {
  readonly versions: readonly ModelCameraVersion[];
  /** Its hours within the span, whatever the row said at the time: what touches is one. */
  readonly intervals: Interval[];
  readonly silences: readonly Interval[];
  isScheduled = false;
  isSending = true;
  /**
   * When whoever listens opened its stream after its last return; infinity for the seconds after a return in which a
   * worker that listens waits to open its stream again.
   */
  noticedAtMs = Number.NEGATIVE_INFINITY;
  /** Workers that have its stream open and may publish; more than one breaks the lease. */
  readonly watchers = new Set<string>();
  cause: BlindCause = 'late';
  class: CameraClass = 'off';
  /** Start of the window that has opened and in which nobody was ready for it yet. */
  awaitedSinceMs: number | null = null;

  #camera: Camera;

  /** @param versions in order of time, one of them with a camera. */
  constructor(versions: readonly ModelCameraVersion[], silences: readonly Interval[], fromMs: number, toMs: number) {
    this.versions = versions;
    this.silences = silences;
    const first = versions.find(({ camera }) => camera !== null)?.camera;
    if (first === undefined || first === null) throw new RangeError('a camera needs a version that can be used');
    this.#camera = first;
    this.intervals = intervalsOf(versions, fromMs, toMs);
  }

  /** What its row says now, or said last, or will say first. */
  get camera(): Camera {
    return this.#camera;
  }

  useVersion({ camera }: Pick<ModelCameraVersion, 'camera'>): void {
    if (camera !== null) this.#camera = camera;
  }

  /** Last instant at or before `atMs` at which it sent; null when it never did. */
  lastSentAtMs(atMs: number): number | null {
    const silence = this.silences.find(({ startMs, endMs }) => startMs <= atMs && atMs < endMs);
    if (silence === undefined) return atMs;
    return Number.isFinite(silence.startMs) ? silence.startMs : null;
  }

  /** Last instant at or before `atMs` at which a worker that listens saw media; null when it never did. */
  lastSeenAtMs(atMs: number): number | null {
    const past = this.silences.findLast(({ startMs }) => startMs <= atMs);
    if (atMs >= this.noticedAtMs || past === undefined) return this.lastSentAtMs(atMs);
    return this.lastSentAtMs(past.startMs);
  }

  /** When it begins or ceases to be seen sending, after `atMs`, as far as is known; infinity: never. */
  nextChangeMs(atMs: number): number {
    let nextMs = this.noticedAtMs > atMs ? this.noticedAtMs : Number.POSITIVE_INFINITY;
    for (const { startMs, endMs } of this.silences) {
      if (startMs > atMs) nextMs = Math.min(nextMs, startMs);
      else if (endMs > atMs) nextMs = Math.min(nextMs, endMs);
    }
    return nextMs;
  }

  get presentClass(): CameraClass {
    if (!this.isScheduled) return 'off';
    if (!this.isSending) return 'silent';
    if (this.watchers.size === 0) return this.cause;
    return this.noticedAtMs === Number.POSITIVE_INFINITY ? 'returning' : 'inferred';
  }
}

function intervalsOf(versions: readonly ModelCameraVersion[], fromMs: number, toMs: number): Interval[] {
  const intervals: Interval[] = [];
  for (const [index, { fromMs: startMs, camera }] of versions.entries()) {
    const endMs = Math.min(toMs, versions[index + 1]?.fromMs ?? toMs);
    if (camera === null) continue;
    for (const interval of scheduledIntervals(camera, Math.max(fromMs, startMs), endMs)) {
      const last = intervals.at(-1);
      if (last?.endMs === interval.startMs) last.endMs = interval.endMs;
      else intervals.push({ ...interval });
    }
  }
  return intervals;
}

/** When a camera sends nothing, over the span; none for most cameras. */
export function drawSilences(
  random: SeededRandom,
  { silentShare, silenceMs }: SimulationSettings,
  fromMs: number,
  toMs: number,
): Interval[] {
  if (!random.chance(Math.min(1, silentShare * 2))) return [];
  const spells: Interval[] = [];
  // Half of the time silent, beginning somewhere within a spell of either kind.
  let isSilent = random.chance(0.5);
  for (let atMs = fromMs - Math.round(drawMs(random, silenceMs) * random.next()); atMs < toMs; ) {
    const endMs = atMs + Math.max(1_000, drawMs(random, silenceMs));
    if (isSilent && endMs > fromMs) spells.push({ startMs: atMs, endMs });
    isSilent = !isSilent;
    atMs = endMs;
  }
  return spells;
}

/** The fleet's account: camera time by class, windows by lateness, within the span that is asked about. */
export class WatchAccount {
  readonly time = noCameraTime();
  readonly windows: WindowOutcome[] = [];
  readonly timeline: Timeline<Exclude<CameraClass, 'off'>>;
  readonly fromMs: number;
  readonly toMs: number;
  readonly #counts = noCameraTime();
  #sinceMs: number;

  constructor(fromMs: number, toMs: number, nowMs: number) {
    this.fromMs = fromMs;
    this.toMs = toMs;
    this.#sinceMs = nowMs;
    this.timeline = new Timeline(Object.keys(this.time) as (keyof CameraTime)[], { startMs: fromMs, endMs: toMs });
  }

  /** Cameras in each class at this moment. */
  get counts(): Readonly<CameraTime> {
    return this.#counts;
  }

  /** Brings the sums up to now. */
  integrate(nowMs: number): void {
    const lengthMs = Math.min(nowMs, this.toMs) - Math.max(this.#sinceMs, this.fromMs);
    const span = { startMs: this.#sinceMs, endMs: nowMs };
    this.#sinceMs = nowMs;
    if (lengthMs <= 0) return;
    for (const key of Object.keys(this.time) as (keyof CameraTime)[]) {
      this.time[key] += this.#counts[key] * lengthMs;
      this.timeline.add(key, this.#counts[key], span);
    }
  }

  /** Puts the camera into the class that it now belongs to. */
  classify(camera: ModelCamera, nowMs: number): void {
    const next = camera.presentClass;
    if (next === camera.class) return;
    this.integrate(nowMs);
    if (camera.class !== 'off') this.#counts[camera.class] -= 1;
    if (next !== 'off') this.#counts[next] += 1;
    camera.class = next;
  }

  /** A window that opened at `startMs` found its camera ready `latenessMs` later. */
  windowServed(startMs: number, latenessMs: number): void {
    if (startMs >= this.fromMs && startMs < this.toMs) this.windows.push({ startMs, latenessMs });
  }
}
