/**
 * Follows objects from frame to frame by overlap, so that one car is one track and one wrong label does not count.
 * Greedy IoU against the last and the predicted box (constant velocity); label and score by vote over a window.
 * Invariant: the same frames give the same tracks with the same ids; a track is told `entered` once, after `minHits`
 * frames, and `exited` once, `maxMissMs` after it was last seen; memory is bounded.
 */
import { type Detection, trackIdOf } from '../../core/records.ts';
import { matchTracks } from './matching.ts';

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
  /** Shift of the box's centre per millisecond. */
  velocity: [number, number];
  /** Time since it was last seen in which no frame was looked at because nothing moved: no miss. */
  unwatchedMs: number;
};

/** A frame holds at most 300 candidates (model-graph.ts); beyond twice that, the longest unseen are forgotten. */
const TRACKS_MAX = 600;
/** Share of the newest shift in the velocity: at 5 fps the newest frame tells most. */
const VELOCITY_GAIN = 0.7;

export class Tracker {
  readonly #options: TrackerOptions;
  #tracks: Following[] = [];
  #lastFrameAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: TrackerOptions) {
    this.#options = options;
  }

  /** Tracks that are told, those that are still proving themselves not included. */
  get activeTracks(): Track[] {
    return this.#tracks.filter((track) => track.confirmed).map(published);
  }

  /**
   * @param detections what was found in this frame, boxes 0..1; not changed.
   * @returns the detections in the same order; those of a told track carry its id and its voted label and score.
   */
  update(
    frame: FrameMoment,
    detections: readonly Detection[],
  ): { detections: Detection[]; entered: Track[]; exited: Track[] } {
    const atMs = frame.capturedAtMs;
    const exited = this.#leave(atMs);
    this.#lastFrameAtMs = atMs;
    const matches = matchTracks(
      this.#tracks.map((track) => ({ box: track.box, predicted: predictedBox(track, atMs), classId: track.classId })),
      detections,
    );
    const entered: Track[] = [];
    let ordinal = 0;
    const seen = detections.map((detection, index) => {
      const known = matches[index] ?? null;
      let track = known === null ? undefined : this.#tracks[known];
      if (track === undefined) {
        track = newTrack(trackIdOf(frame.fragmentNumber, frame.frameIndex, ordinal++), detection, atMs);
        this.#tracks.push(track);
      } else {
        move(track, detection, atMs);
      }
      this.#vote(track, detection);
      if (!track.confirmed && track.hits >= this.#options.minHits) {
        track.confirmed = true;
        entered.push(published(track));
      }
      if (!track.confirmed) return { ...detection };
      const { trackId, label, classId, score } = track;
      return { ...detection, trackId, label, classId, score };
    });
    exited.push(...this.#forgetExcess());
    return { detections: seen, entered, exited };
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
      track.velocity = [0, 0];
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
    const gone = this.#tracks.filter(
      (track) => atMs - track.lastSeenAtMs - track.unwatchedMs > this.#options.maxMissMs,
    );
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
    velocity: [0, 0],
    unwatchedMs: 0,
  };
}

function move(track: Following, detection: Detection, atMs: number): void {
  const elapsedMs = atMs - track.lastSeenAtMs;
  if (elapsedMs > 0) {
    const [fromX, fromY] = centre(track.box);
    const [toX, toY] = centre(detection.box);
    const [vx, vy] = track.velocity;
    const gain = track.hits === 1 ? 1 : VELOCITY_GAIN;
    track.velocity = [vx + gain * ((toX - fromX) / elapsedMs - vx), vy + gain * ((toY - fromY) / elapsedMs - vy)];
    track.lastSeenAtMs = atMs;
  }
  track.box = [...detection.box];
  track.unwatchedMs = 0;
  track.hits += 1;
}

function predictedBox(track: Following, atMs: number): [number, number, number, number] {
  const elapsedMs = Math.max(0, atMs - track.lastSeenAtMs);
  const [dx, dy] = [track.velocity[0] * elapsedMs, track.velocity[1] * elapsedMs];
  const [x1, y1, x2, y2] = track.box;
  return [x1 + dx, y1 + dy, x2 + dx, y2 + dy];
}

function centre([x1, y1, x2, y2]: readonly [number, number, number, number]): [number, number] {
  return [(x1 + x2) / 2, (y1 + y2) / 2];
}

function published(track: Following): Track {
  const { trackId, label, classId, score, bestScore, box, firstSeenAtMs, lastSeenAtMs, hits } = track;
  return { trackId, label, classId, score, bestScore, box: [...box], firstSeenAtMs, lastSeenAtMs, hits };
}
