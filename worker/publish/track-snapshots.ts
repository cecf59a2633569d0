/**
 * At least one picture per track: taken when it enters, or the best one while it lasts, as the camera's row says. The
 * best is large, certain, whole and sharp; sharpness is seen by the decode thread, which has the pixels.
 * Invariant: pictures are stored under one key per track; no more than `maxPerMinute` tracks a minute get one, the rest
 * are counted; at most `heldMax` encoded pictures wait for the end of their track.
 */
import type { Camera } from '../../core/camera.ts';
import type { Detection } from '../../core/records.ts';
import type { IntakeFrame, SnapshotAnswer, SnapshotBox, SnapshotWish } from '../session/messages.ts';
import type { VotedText } from '../text/text-vote.ts';

/** A clearly better view only: each one costs an encoding of the full picture. */
const betterByFactor = 1.2;
const captureAgainAfterMs = 400;
const capturesPerTrackMax = 6;
/** Looks at the pixels that found them blurred cost little, and are bounded all the same. */
const looksPerTrackMax = 30;
/** A parked car never leaves: its picture is stored after this long. */
const holdMaxMs = 30_000;
const heldMax = 64;
const minuteMs = 60_000;

export type StoredSnapshot = { key: string; jpeg: Uint8Array; about: Record<string, unknown> };

export type SnapshotPorts = {
  capture(frame: IntakeFrame, wish: SnapshotWish): Promise<SnapshotAnswer>;
  /** @param text of the track, when its end is why the picture is stored. */
  store(trackId: string, snapshot: StoredSnapshot, text: VotedText | null): void;
  /** A track got no picture: `rate-limited` by the row, or `picture-gone` from the ring. */
  missed(reason: 'rate-limited' | 'picture-gone'): void;
  about: { cameraId: string; model: string };
  /** First part of every key, without a slash at its ends. */
  keyPrefix: string;
};

type Held = {
  enteredAtMs: number;
  captures: number;
  looks: number;
  lastLookAtMs: number;
  /** View × sharpness of the picture that is held, 0 without one. */
  quality: number;
  isLooking: boolean;
  /** Settles when the newest look is done. */
  pending: Promise<void>;
  snapshot: StoredSnapshot | null;
  isStored: boolean;
};

export class TrackSnapshots {
  readonly #settings: Camera['snapshots'];
  readonly #ports: SnapshotPorts;
  readonly #tracks = new Map<string, Held>();
  /** Producer times of the last minute's grants. */
  #granted: number[] = [];

  constructor(settings: Camera['snapshots'], ports: SnapshotPorts) {
    this.#settings = settings;
    this.#ports = ports;
  }

  /** A told track was seen in this frame. @param all everything found in the frame, to be drawn. */
  seen(detection: Detection, frame: IntakeFrame, all: readonly Detection[], isNew: boolean): void {
    const trackId = detection.trackId;
    if (trackId === undefined || this.#settings.on === 'never') return;
    const view = viewOf(detection);
    let held = this.#tracks.get(trackId);
    if (held === undefined) {
      if (!isNew) return;
      if (!this.#grant(frame.capturedAtMs)) {
        this.#ports.missed('rate-limited');
        return;
      }
      held = {
        enteredAtMs: frame.capturedAtMs,
        captures: 0,
        looks: 0,
        lastLookAtMs: Number.NEGATIVE_INFINITY,
        quality: 0,
        isLooking: false,
        pending: Promise.resolve(),
        snapshot: null,
        isStored: false,
      };
      this.#tracks.set(trackId, held);
    } else if (!this.#isWorthAnother(held, view, frame.capturedAtMs)) {
      if (!held.isStored && frame.capturedAtMs - held.enteredAtMs > holdMaxMs) this.#store(trackId, held);
      return;
    }
    this.#capture(held, trackId, detection, frame, all, view);
    this.#storeExcess();
  }

  /** @returns the key of the track's picture, or null when it has none. */
  async ended(trackId: string, text: VotedText | null = null): Promise<string | null> {
    const held = this.#tracks.get(trackId);
    if (held === undefined) return null;
    await held.pending;
    this.#tracks.delete(trackId);
    this.#store(trackId, held, text);
    return held.snapshot?.key ?? null;
  }

  /** The key of a picture that is stored while its track lasts. */
  storedKey(trackId: string): string | null {
    const held = this.#tracks.get(trackId);
    return held?.isStored === true ? (held.snapshot?.key ?? null) : null;
  }

  #isWorthAnother(held: Held, view: number, atMs: number): boolean {
    return (
      this.#settings.on === 'best' &&
      !held.isStored &&
      !held.isLooking &&
      held.captures < capturesPerTrackMax &&
      held.looks < looksPerTrackMax &&
      atMs - held.lastLookAtMs >= captureAgainAfterMs &&
      view > held.quality * betterByFactor
    );
  }

  #capture(
    held: Held,
    trackId: string,
    detection: Detection,
    frame: IntakeFrame,
    all: readonly Detection[],
    view: number,
  ): void {
    held.looks += 1;
    held.lastLookAtMs = frame.capturedAtMs;
    held.isLooking = true;
    const boxes = this.#settings.annotate ? all.map(labelledBox) : [];
    // At most 1, because the view alone was found to be better by that factor, or nothing is held yet.
    const sharpnessMin = (held.quality * betterByFactor) / view;
    held.pending = this.#ports.capture(frame, { subject: detection.box, sharpnessMin, boxes }).then((answer) => {
      held.isLooking = false;
      if (answer.found === 'gone' && held.snapshot === null) this.#ports.missed('picture-gone');
      if (answer.found !== 'picture' || held.isStored) return;
      held.captures += 1;
      held.quality = view * answer.sharpness;
      held.snapshot = {
        key: snapshotKey(this.#ports.keyPrefix, this.#ports.about.cameraId, trackId, frame.capturedAtMs),
        jpeg: answer.jpeg,
        about: {
          schema: 'kvs-infer/snapshot@1',
          ...this.#ports.about,
          trackId,
          fragmentNumber: frame.fragmentNumber,
          frameIndex: frame.frameIndex,
          capturedAt: new Date(frame.capturedAtMs).toISOString(),
          width: answer.width,
          height: answer.height,
          label: detection.label,
          score: detection.score,
          box: detection.box,
          sharpness: Math.round(answer.sharpness * 1e3) / 1e3,
          detections: all,
        },
      };
      if (this.#settings.on === 'enter') this.#store(trackId, held);
    });
  }

  #store(trackId: string, held: Held, text: VotedText | null = null): void {
    if (held.isStored || held.snapshot === null) return;
    held.isStored = true;
    this.#ports.store(trackId, held.snapshot, text);
    // The picture itself belongs to the delivery now.
    held.snapshot = { ...held.snapshot, jpeg: new Uint8Array(0) };
  }

  #storeExcess(): void {
    let waiting = 0;
    for (const held of this.#tracks.values()) if (!held.isStored) waiting += 1;
    for (const [trackId, held] of this.#tracks) {
      if (waiting <= heldMax) return;
      if (held.isStored || held.snapshot === null) continue;
      this.#store(trackId, held);
      waiting -= 1;
    }
  }

  #grant(atMs: number): boolean {
    this.#granted = this.#granted.filter((grantedAtMs) => Math.abs(atMs - grantedAtMs) < minuteMs);
    if (this.#granted.length >= this.#settings.maxPerMinute) return false;
    this.#granted.push(atMs);
    return true;
  }
}

/** Large and certain is good; a box cut off at the frame's edge shows half an object. */
function viewOf({ score, box: [x1, y1, x2, y2] }: Detection): number {
  const isCut = x1 <= 0.005 || y1 <= 0.005 || x2 >= 0.995 || y2 >= 0.995;
  return score * Math.sqrt((x2 - x1) * (y2 - y1)) * (isCut ? 0.5 : 1);
}

/** `<prefix>/<cameraId>/<yyyy>/<mm>/<dd>/<hhmmssSSS>-<trackId>.jpg`, UTC. */
export function snapshotKey(prefix: string, cameraId: string, trackId: string, capturedAtMs: number): string {
  const iso = new Date(capturedAtMs).toISOString();
  const [yyyy, mm, dd] = [iso.slice(0, 4), iso.slice(5, 7), iso.slice(8, 10)];
  const time = iso.slice(11, 23).replaceAll(/[:.]/g, '');
  return `${prefix}/${pathSafe(cameraId)}/${yyyy}/${mm}/${dd}/${time}-${pathSafe(trackId)}.jpg`;
}

/** Ids of dots alone, or with slashes, would leave their folder where keys become files. */
function pathSafe(part: string): string {
  return part.replace(/[^A-Za-z0-9._-]/g, '_').replace(/^\.+$/, (dots) => '_'.repeat(dots.length));
}

function labelledBox({ box, label, score, text }: Detection): SnapshotBox {
  return { box, label: text === undefined ? label : `${label} ${text.value}`, score };
}
