/**
 * The texts of one camera's tracks: decides when a track is worth a reading, lets its readings vote, and says once when
 * the vote has settled, and again only if better views settle on another value.
 * Invariant: at most `readingsMax` readings a track, one at a time; a value is told at most once per track; only text that
 * the row's pattern allows is ever told.
 */
import type { Camera } from '../../core/camera.ts';
import type { Detection } from '../../core/records.ts';
import { parseTextPattern, type TextPattern } from '../../core/text-rules.ts';
import type { IntakeFrame } from '../session/messages.ts';
import type { LineReading, TextCutOut } from './text-engine.ts';
import { TextVote, type VotedText } from './text-vote.ts';

/** Enough for a vote, and few enough that a parked car costs a second of one core in all. */
const readingsMax = 16;
/** Of these, while letters are small or none were found: a car that comes from far away is read when it is near. A large
 * object that moves and showed none is excepted. */
const smallReadingsMax = 8;
const smallPitchPx = 5.5;
/** Of all, in frame after frame of a large object that moves and shows none; the rest are left for what comes later. */
const newViewReadingsMax = 12;
/** Faster than ten frames a second the next one shows the same blur. */
const readAgainAfterMs = 150;
/** A track whose text is too small is tried again when it has come this much nearer, or after a while. */
const nearerByArea = 1.5;
const tryAgainAfterMs = 2_000;
/** The last of its small readings are gone: from so much nearer only. */
const muchNearerByArea = 2.5;
/** A settled text is looked at again from nearer, from much nearer when it is sure: a better view may correct it. */
const correctionByArea = { unsure: 1.25, sure: 2 };
const sureScore = 0.98;
/** Nothing on an object this small can be read: a plate is a fifth of a car's width, letters want 5 px each. */
const boxWidthMinPx = 48;
const boxHeightMinPx = 12;
/** A plate is a fifth of a car's width, and eight letters of 5.5 px are 44 px: so large an object may show one in any view. */
const largeBoxMinPx = 220;
/** Share of its width that an object moves or grows by before another view of it counts as one. */
const movedMin = 0.05;
/** A reading whose best text is less probable than this says nothing. */
const probabilityMin = 0.15;
/** Share of the box that is cut out around it: boxes may cut off an edge of the text. */
export const cutOutMargin = 0.02;

type Box = Detection['box'];
export type TextMoment = Pick<IntakeFrame, 'fragmentNumber' | 'frameIndex' | 'capturedAtMs' | 'width' | 'height'>;
export type TrackTextPorts = {
  /** Reads what the frame shows under the box; empty when it could not. Never rejects. */
  read(request: {
    frame: TextMoment;
    trackId: string;
    box: Box;
    charset: string;
    foreign: TextCutOut['foreign'];
  }): Promise<LineReading[]>;
  /** Called at most once per track and value. */
  settled(trackId: string, text: VotedText, atMs: number): void;
};

type Reading = {
  vote: TextVote;
  readings: number;
  smallReadings: number;
  lastReadAtMs: number;
  /** In pixels, of the largest view that was read. */
  areaRead: number;
  /** Of the last reading, and of the last one that had text. */
  boxTried: Box | null;
  boxRead: Box | null;
  /** Text of the last reading, be it cut off: of letters large enough to read, or of smaller ones. */
  found: 'large' | 'small' | 'nothing';
  pending: Promise<void> | null;
  told: VotedText | null;
  readonly toldValues: Set<string>;
  lastSeenAtMs: number;
};

/** Whether this row asks for any text. */
export function readsText({ text, regions }: Pick<Camera, 'text' | 'regions'>): boolean {
  return text.enabled || regions.some((region) => region.readText);
}

export class TrackTexts {
  readonly #text: Camera['text'];
  readonly #readRegions: ReadonlySet<string>;
  readonly #pattern: TextPattern;
  readonly #ports: TrackTextPorts;
  readonly #tracks = new Map<string, Reading>();

  constructor({ text, regions }: Pick<Camera, 'text' | 'regions'>, ports: TrackTextPorts) {
    this.#text = text;
    this.#readRegions = new Set(regions.filter((region) => region.readText).map((region) => region.name));
    const pattern = parseTextPattern(text.pattern);
    // The row was parsed with the same function: a wrong pattern does not come this far.
    this.#pattern = 'matches' in pattern ? pattern : { matches: () => false };
    this.#ports = ports;
  }

  /** The settled text of a track. */
  textOf(trackId: string): VotedText | null {
    return this.#tracks.get(trackId)?.told ?? null;
  }

  /** All detections of one frame, told tracks among them. */
  frame(frame: TextMoment, detections: readonly Detection[]): void {
    const wanted = detections.filter((detection) => this.#isWanted(detection));
    for (const detection of wanted) this.#seen(detection, frame, wanted);
  }

  /** Resolves when no reading is under way. Rejects when `read` does. */
  async idle(): Promise<void> {
    await Promise.all([...this.#tracks.values()].map(({ pending }) => pending));
  }

  /** No more of this track. @returns its settled text. */
  async ended(trackId: string): Promise<VotedText | null> {
    const track = this.#tracks.get(trackId);
    if (track === undefined) return null;
    await track.pending;
    this.#tell(trackId, track, track.vote.settled(true), track.lastSeenAtMs);
    this.#tracks.delete(trackId);
    return track.told;
  }

  #isWanted({ trackId, label, regions = [] }: Detection): boolean {
    if (trackId === undefined) return false;
    const { enabled, classes } = this.#text;
    if (enabled && (classes.length === 0 || classes.includes(label))) return true;
    return regions.some((name) => this.#readRegions.has(name));
  }

  #seen(detection: Detection, frame: TextMoment, wanted: readonly Detection[]): void {
    const trackId = detection.trackId as string;
    const [x1, y1, x2, y2] = detection.box;
    const [widthPx, heightPx] = [(x2 - x1) * frame.width, (y2 - y1) * frame.height];
    let track = this.#tracks.get(trackId);
    if (track === undefined) {
      track = {
        vote: new TextVote(),
        readings: 0,
        smallReadings: 0,
        lastReadAtMs: Number.NEGATIVE_INFINITY,
        areaRead: 0,
        boxTried: null,
        boxRead: null,
        found: 'nothing',
        pending: null,
        told: null,
        toldValues: new Set(),
        lastSeenAtMs: frame.capturedAtMs,
      };
      this.#tracks.set(trackId, track);
    }
    track.lastSeenAtMs = frame.capturedAtMs;
    if (widthPx < boxWidthMinPx || heightPx < boxHeightMinPx) return;
    const isNewLargeView =
      widthPx >= largeBoxMinPx && track.boxTried !== null && hasMoved(track.boxTried, detection.box);
    if (!isWorthReading(track, { area: widthPx * heightPx, isNewLargeView, atMs: frame.capturedAtMs })) return;
    this.#read(detection, track, frame, wanted, widthPx * heightPx);
  }

  #read(detection: Detection, track: Reading, frame: TextMoment, wanted: readonly Detection[], area: number): void {
    const { box } = detection;
    const trackId = detection.trackId as string;
    track.readings += 1;
    if (track.told === null && track.found !== 'large') track.smallReadings += 1;
    track.lastReadAtMs = frame.capturedAtMs;
    track.boxTried = box;
    track.areaRead = Math.max(track.areaRead, area);
    const others = wanted.filter((other) => other.trackId !== trackId);
    const foreign = inFrontOf(
      others.map((other) => other.box),
      box,
    );
    const { charset } = this.#text;
    track.pending = this.#ports.read({ frame, trackId, box, charset, foreign }).then((lines) => {
      track.pending = null;
      const likely = lines.filter(({ alternatives: [first] }) => (first?.probability ?? 0) >= probabilityMin);
      const best = likely.find(({ value, isCutOff }) => !isCutOff && this.#pattern.matches(value));
      // What is cut off now is not told, but may be in full view in the next frame.
      const seen = best ?? likely.find(({ isCutOff }) => isCutOff);
      track.found = seen === undefined ? 'nothing' : isLarge(seen) ? 'large' : 'small';
      if (best === undefined) return;
      const isRepeat = track.boxRead !== null && !hasMoved(track.boxRead, box);
      track.boxRead = box;
      track.vote.add({ ...best, isRepeat });
      if (this.#tracks.get(trackId) === track) {
        this.#tell(trackId, track, track.vote.settled(false), frame.capturedAtMs);
      }
    });
  }

  #tell(trackId: string, track: Reading, text: VotedText | null, atMs: number): void {
    // Alternatives that the pattern rejects stay in the vote: it refuses a text, and never chooses letters.
    if (text === null || !this.#pattern.matches(text.value)) return;
    track.told = text;
    if (track.toldValues.has(text.value)) return;
    track.toldValues.add(text.value);
    this.#ports.settled(trackId, text, atMs);
  }
}

type View = { area: number; isNewLargeView: boolean; atMs: number };

function isWorthReading(track: Reading, { area, isNewLargeView, atMs }: View): boolean {
  if (track.pending !== null || track.readings >= readingsMax) return false;
  const elapsedMs = atMs - track.lastReadAtMs;
  if (elapsedMs < readAgainAfterMs) return false;
  const { unsure, sure } = correctionByArea;
  if (track.told !== null) return area >= track.areaRead * (track.told.score >= sureScore ? sure : unsure);
  // An object that enters or turns shows its text a frame later, and is gone soon.
  const isDue = track.readings < newViewReadingsMax || elapsedMs >= tryAgainAfterMs;
  if (track.found === 'large' || (track.found === 'nothing' && isNewLargeView && isDue)) return true;
  if (track.smallReadings >= smallReadingsMax) return area >= track.areaRead * muchNearerByArea;
  return area >= track.areaRead * nearerByArea || elapsedMs >= tryAgainAfterMs;
}

function isLarge({ value, widthPx }: LineReading): boolean {
  return widthPx / [...value].length >= smallPitchPx;
}

function hasMoved(from: Box, to: Box): boolean {
  const [widthFrom, widthTo] = [from[2] - from[0], to[2] - to[0]];
  const moved = Math.abs(to[0] + to[2] - from[0] - from[2]) / 2;
  return moved + Math.abs(widthTo - widthFrom) >= movedMin * widthFrom;
}

/**
 * Cameras look down: of two that overlap, the one whose lower edge is lower stands in front.
 * @returns those boxes, in fractions of the cut-out around `box`.
 */
export function inFrontOf(others: readonly Box[], box: Box): Box[] {
  const [x1, y1, x2, y2] = box;
  return others
    .filter((other) => other[3] > y2 && other[0] < x2 && other[2] > x1 && other[1] < y2 && other[3] > y1)
    .map((other) => within(other, box));
}

/** A box of the frame in fractions of another's cut-out. */
function within(box: Box, outer: Box): Box {
  const [width, height] = [outer[2] - outer[0], outer[3] - outer[1]];
  const [left, top] = [outer[0] - width * cutOutMargin, outer[1] - height * cutOutMargin];
  const scale = 1 + 2 * cutOutMargin;
  return [
    (box[0] - left) / (width * scale),
    (box[1] - top) / (height * scale),
    (box[2] - left) / (width * scale),
    (box[3] - top) / (height * scale),
  ];
}
