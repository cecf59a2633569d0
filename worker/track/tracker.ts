/**
 * Follows objects from frame to frame, so that one car is one track and one wrong label does not count. After ByteTrack
 * (Zhang et al. 2022): tracks are predicted, matched with the strong detections first, and what is left of them with the
 * weak ones, which are mostly objects half hidden. Label and score by vote over a window.
 * Invariant: the same frames give the same tracks with the same ids; a track is told `entered` once, after `minHits`
 * frames, and `exited` once, `maxMissMs` after it was last seen; memory is bounded.
 */
import { type Detection, trackIdOf } from '../../core/records.ts';
import { type Box, BoxFilter } from './kalman-filter.ts';
import { type MatchRule, matchTracks } from './matching.ts';

export type Track = {
  trackId: string;
  label: string;
  classId: number;
  /** Mean over the window, 0..1. */
  score: number;
  /** Best single score so far. */
  bestScore: number;
  /** 0..1 of the frame; where it was last seen. */
  box: [number, number, number, number];
  firstSeenAtMs: number;
  lastSeenAtMs: number;
  hits: number;
};

export type TrackerOptions = {
  /** The camera's threshold, 0..1: weaker detections begin no track and are told only when they continue one. */
  confidence: number;
  /** Frames in which an object must be seen before it is a track. */
  minHits: number;
  /** How long a track may go unseen. */
  maxMissMs: number;
  /** Sightings that vote for label and score. */
  smoothingWindow: number;
};

/** Identity of a frame; `capturedAtMs` is the producer's time. */
export type FrameMoment = { fragmentNumber: string; frameIndex: number; capturedAtMs: number };

type Sighting = { classId: number; label: string; score: number };
type Following = Track & {
  confirmed: boolean;
  sightings: Sighting[];
  filter: BoxFilter;
  /** The instant that the filter stands at. */
  filterAtMs: number;
  /** Time since it was last seen in which no frame was looked at because nothing moved: no miss. */
  unwatchedMs: number;
  /** Frames since it was last seen. */
  misses: number;
  /** Of its misses, the time in which another track covered it. */
  hiddenMs: number;
};

/** A frame holds at most 300 candidates (model-graph.ts); beyond twice that, the longest unseen are forgotten. */
const TRACKS_MAX = 600;
/** ByteTrack's lower threshold: what is below is noise. */
const WEAK_SCORE_MIN = 0.1;
const near: MatchRule = { buffer: 0.25, overlapMin: 0.28 };
const far: MatchRule = { buffer: 0.45, overlapMin: 0.28 };
/** A weak detection has to lie where the track is expected (ByteTrack's second association). */
const weakly: MatchRule = { buffer: 0, overlapMin: 0.45 };
/** At a low rate a track outlives one frame without its object, whatever `maxMissMs`. */
const MISSED_FRAMES_MIN = 2.5;
/** Share of the newest distance between frames in their mean. */
const INTERVAL_GAIN = 0.2;
const INTERVAL_MAX_MS = 30_000;
/** A lorry at the lights hides what is behind it for some seconds. */
const HIDDEN_MAX_MS = 5_000;
const HIDDEN_SHARE_MIN = 0.5;

export class Tracker {
  readonly #options: TrackerOptions;
  #tracks: Following[] = [];
  #lastFrameAtMs = Number.NEGATIVE_INFINITY;
  /** Mean distance between frames; 0 before the second. */
  #intervalMs = 0;

  constructor(options: TrackerOptions) {
    this.#options = options;
  }

  /** Weaker detections are of no use here, not even to continue a track. */
  get scoreMin(): number {
    return Math.min(this.#options.confidence, WEAK_SCORE_MIN);
  }

  /** Tracks that are told, those that are still proving themselves not included. */
  get activeTracks(): Track[] {
    return this.#tracks.filter((track) => track.confirmed).map(published);
  }

  /**
   * @param detections what was found in this frame from `scoreMin` on, boxes 0..1; not changed.
   * @returns the strong detections and the weak ones that continue a told track, in the same order; those of a told track
   * carry its id and its voted label and score.
   */
  update(
    frame: FrameMoment,
    detections: readonly Detection[],
  ): { detections: Detection[]; entered: Track[]; exited: Track[] } {
    const atMs = frame.capturedAtMs;
    const exited = this.#leave(atMs);
    const elapsedMs = this.#measureInterval(atMs);
    this.#lastFrameAtMs = atMs;
    for (const track of this.#tracks) {
      track.filter.predict(Math.max(0, atMs - track.filterAtMs) / 1_000);
      track.filterAtMs = Math.max(atMs, track.filterAtMs);
    }
    const trackOf = this.#match(detections);
    this.#waitForHidden(elapsedMs);
    const entered: Track[] = [];
    let ordinal = 0;
    const seen = detections.flatMap((detection, index): Detection[] => {
      const isStrong = detection.score >= this.#options.confidence;
      let track = trackOf.get(index);
      if (track === undefined) {
        if (!isStrong) return [];
        track = newTrack(trackIdOf(frame.fragmentNumber, frame.frameIndex, ordinal++), detection, atMs);
        this.#tracks.push(track);
      } else {
        follow(track, detection, atMs);
      }
      this.#vote(track, detection);
      if (!track.confirmed && track.hits >= this.#options.minHits) {
        track.confirmed = true;
        entered.push(published(track));
      }
      if (!track.confirmed) return [{ ...detection }];
      const { trackId, label, classId, score } = track;
      return [{ ...detection, trackId, label, classId, score }];
    });
    exited.push(...this.#forgetExcess());
    return { detections: seen, entered, exited };
  }

  /** @returns the track that each detection continues, by the detection's index. */
  #match(detections: readonly Detection[]): Map<number, Following> {
    const trackOf = new Map<number, Following>();
    let free = this.#tracks;
    const associate = (indexes: readonly number[], candidates: readonly Following[], rule: MatchRule): number[] => {
      const offered = indexes.flatMap((index) => detections[index] ?? []);
      const waiting = candidates.map(({ filter, classId }) => ({ predicted: filter.box(), classId }));
      const chosen = matchTracks(waiting, offered, rule);
      const taken = new Set<Following>();
      chosen.forEach((offer, row) => {
        const [index, track] = [indexes[offer ?? -1], candidates[row]];
        if (index === undefined || track === undefined) return;
        trackOf.set(index, track);
        taken.add(track);
      });
      free = free.filter((track) => !taken.has(track));
      return indexes.filter((index) => !trackOf.has(index));
    };
    const all = [...detections.keys()];
    const isStrong = (index: number) => (detections[index]?.score ?? 0) >= this.#options.confidence;
    const strong = associate(all.filter(isStrong), free, near);
    associate(strong, free, far);
    // What has been lost for a while is not found again in noise.
    const weak = all.filter((index) => !isStrong(index));
    associate(
      weak,
      free.filter(({ confirmed, misses }) => confirmed && misses <= 1),
      weakly,
    );
    for (const track of free) track.misses += 1;
    return trackOf;
  }

  /** A track that others now cover is hidden, not gone: for a while that time counts for no miss. */
  #waitForHidden(elapsedMs: number): void {
    const inFront = this.#tracks.filter(({ misses, confirmed }) => misses === 0 && confirmed);
    for (const track of this.#tracks) {
      if (track.misses === 0 || !track.confirmed || track.hiddenMs >= HIDDEN_MAX_MS) continue;
      const place = track.filter.box();
      if (!inFront.some(({ box }) => coveredShare(place, box) >= HIDDEN_SHARE_MIN)) continue;
      track.hiddenMs += elapsedMs;
      track.unwatchedMs += elapsedMs;
    }
  }

  /** @returns milliseconds since the last frame; 0 for the first one and after a jump of the clock. */
  #measureInterval(atMs: number): number {
    const intervalMs = atMs - this.#lastFrameAtMs;
    if (!(intervalMs > 0 && intervalMs <= INTERVAL_MAX_MS)) return 0;
    this.#intervalMs += (this.#intervalMs === 0 ? 1 : INTERVAL_GAIN) * (intervalMs - this.#intervalMs);
    return intervalMs;
  }

  /**
   * From the last frame until `untilMs` nothing in the picture changed, and no frame was looked at: what was seen is still
   * there, and what was missed is not missed any longer.
   */
  stoodStill(untilMs: number): void {
    const lastFrameAtMs = this.#lastFrameAtMs;
    if (!Number.isFinite(lastFrameAtMs) || untilMs <= lastFrameAtMs) return;
    for (const track of this.#tracks) {
      if (track.lastSeenAtMs === lastFrameAtMs) track.lastSeenAtMs = untilMs;
      else track.unwatchedMs += untilMs - lastFrameAtMs;
      track.filter.stand();
      track.filterAtMs = Math.max(track.filterAtMs, untilMs);
    }
    this.#lastFrameAtMs = untilMs;
  }

  /** Ends every track; returns those that were told. */
  close(): Track[] {
    const tracks = this.activeTracks;
    this.#tracks = [];
    this.#lastFrameAtMs = Number.NEGATIVE_INFINITY;
    return tracks;
  }

  /** Tracks unseen for too long; all of them when the producer's clock went back further than that. */
  #leave(atMs: number): Track[] {
    if (atMs < this.#lastFrameAtMs - this.#options.maxMissMs) return this.close();
    const maxMissMs = Math.max(this.#options.maxMissMs, MISSED_FRAMES_MIN * this.#intervalMs);
    const gone = this.#tracks.filter((track) => atMs - track.lastSeenAtMs - track.unwatchedMs > maxMissMs);
    if (gone.length > 0) this.#tracks = this.#tracks.filter((track) => !gone.includes(track));
    return gone.filter((track) => track.confirmed).map(published);
  }

  #vote(track: Following, detection: Detection): void {
    track.sightings.push({ classId: detection.classId, label: detection.label, score: detection.score });
    if (track.sightings.length > this.#options.smoothingWindow) track.sightings.shift();
    const weights = new Map<number, { weight: number; label: string }>();
    let total = 0;
    for (const { classId, label, score } of track.sightings) {
      total += score;
      weights.set(classId, { weight: (weights.get(classId)?.weight ?? 0) + score, label });
    }
    // A tie goes to the class that was seen first in the window: labels do not flicker.
    let best = Number.NEGATIVE_INFINITY;
    for (const [classId, { weight, label }] of weights) {
      if (weight <= best) continue;
      best = weight;
      track.classId = classId;
      track.label = label;
    }
    track.score = Math.min(1, total / track.sightings.length);
    track.bestScore = Math.max(track.bestScore, detection.score);
  }

  #forgetExcess(): Track[] {
    if (this.#tracks.length <= TRACKS_MAX) return [];
    const byLastSeen = [...this.#tracks].sort((a, b) => b.lastSeenAtMs - a.lastSeenAtMs);
    const forgotten = new Set(byLastSeen.slice(TRACKS_MAX));
    this.#tracks = this.#tracks.filter((track) => !forgotten.has(track));
    return [...forgotten].filter((track) => track.confirmed).map(published);
  }
}

function newTrack(trackId: string, detection: Detection, atMs: number): Following {
  return {
    trackId,
    label: detection.label,
    classId: detection.classId,
    score: detection.score,
    bestScore: detection.score,
    box: [...detection.box],
    firstSeenAtMs: atMs,
    lastSeenAtMs: atMs,
    hits: 1,
    confirmed: false,
    sightings: [],
    filter: new BoxFilter(detection.box),
    filterAtMs: atMs,
    unwatchedMs: 0,
    misses: 0,
    hiddenMs: 0,
  };
}

function follow(track: Following, detection: Detection, atMs: number): void {
  track.filter.correct(detection.box);
  track.lastSeenAtMs = Math.max(track.lastSeenAtMs, atMs);
  track.box = [...detection.box];
  track.unwatchedMs = 0;
  track.misses = 0;
  track.hiddenMs = 0;
  track.hits += 1;
}

/** Share of `box` that lies under `other`. */
function coveredShare(box: Box, other: Box): number {
  const width = Math.min(box[2], other[2]) - Math.max(box[0], other[0]);
  const height = Math.min(box[3], other[3]) - Math.max(box[1], other[1]);
  const area = (box[2] - box[0]) * (box[3] - box[1]);
  return width > 0 && height > 0 && area > 0 ? (width * height) / area : 0;
}

function published(track: Following): Track {
  const { trackId, label, classId, score, bestScore, box, firstSeenAtMs, lastSeenAtMs, hits } = track;
  return { trackId, label, classId, score, bestScore, box: [...box], firstSeenAtMs, lastSeenAtMs, hits };
}
