/**
 * At least one picture per track: taken when it enters, or the best one while it lasts, as the camera's row says.
 * Invariant: pictures are stored under one key per track; no more than `maxPerMinute` tracks a minute get one, the rest
 * are counted; at most `heldMax` encoded pictures wait for the end of their track.
 */
import type { Camera } from '../../core/camera.ts';
import type { Detection } from '../../core/records.ts';
import type { IntakeFrame, SnapshotBox } from '../session/messages.ts';

/** A clearly better view only: each one costs an encoding of the full picture. */
const betterByFactor = 1.2;
const captureAgainAfterMs = 400;
const capturesPerTrackMax = 6;
/** A parked car never leaves: its picture is stored after this long. */
const holdMaxMs = 30_000;
const heldMax = 64;
const minuteMs = 60_000;

export type CapturedPicture = { jpeg: Uint8Array; width: number; height: number };
export type StoredSnapshot = { key: string; jpeg: Uint8Array; about: Record<string, unknown> };

export type SnapshotPorts = {
  capture(frame: IntakeFrame, boxes: SnapshotBox[]): Promise<CapturedPicture | null>;
  store(snapshot: StoredSnapshot): void;
  /** A track got no picture: `rate-limited` by the row, or `picture-gone` from the ring. */
  missed(reason: 'rate-limited' | 'picture-gone'): void;
  about: { cameraId: string; model: string };
  /** First part of every key, without a slash at its ends. */
  keyPrefix: string;
};

type Held = {
  enteredAtMs: number;
  captures: number;
  lastCaptureAtMs: number;
  quality: number;
  /** Settles when the newest capture is done. */
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
    const quality = qualityOf(detection);
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
        lastCaptureAtMs: Number.NEGATIVE_INFINITY,
        quality: 0,
        pending: Promise.resolve(),
        snapshot: null,
        isStored: false,
      };
      this.#tracks.set(trackId, held);
    } else if (!this.#isWorthAnother(held, quality, frame.capturedAtMs)) {
      if (!held.isStored && frame.capturedAtMs - held.enteredAtMs > holdMaxMs) this.#store(held);
      return;
    }
    this.#capture(held, trackId, detection, frame, all, quality);
    this.#storeExcess();
  }

  /** @returns the key of the track's picture, or null when it has none. */
  async ended(trackId: string): Promise<string | null> {
    const held = this.#tracks.get(trackId);
    if (held === undefined) return null;
    await held.pending;
    this.#tracks.delete(trackId);
    this.#store(held);
    return held.snapshot?.key ?? null;
  }

  #isWorthAnother(held: Held, quality: number, atMs: number): boolean {
    return (
      this.#settings.on === 'best' &&
      !held.isStored &&
      held.captures < capturesPerTrackMax &&
      atMs - held.lastCaptureAtMs >= captureAgainAfterMs &&
      quality > held.quality * betterByFactor
    );
  }

  #capture(
    held: Held,
    trackId: string,
    detection: Detection,
    frame: IntakeFrame,
    all: readonly Detection[],
    quality: number,
  ): void {
    held.captures += 1;
    held.lastCaptureAtMs = frame.capturedAtMs;
    held.quality = quality;
    const boxes = this.#settings.annotate ? all.map(labelledBox) : [];
    const before = held.pending;
    const captured = this.#ports.capture(frame, boxes);
    held.pending = before.then(async () => {
      const picture = await captured;
      if (picture === null) {
        if (held.snapshot === null) this.#ports.missed('picture-gone');
        return;
      }
      if (held.isStored) return;
      held.snapshot = {
        key: snapshotKey(this.#ports.keyPrefix, this.#ports.about.cameraId, trackId, frame.capturedAtMs),
        jpeg: picture.jpeg,
        about: {
          schema: 'kvs-infer/snapshot@1',
          ...this.#ports.about,
          trackId,
          fragmentNumber: frame.fragmentNumber,
          frameIndex: frame.frameIndex,
          capturedAt: new Date(frame.capturedAtMs).toISOString(),
          width: picture.width,
          height: picture.height,
          label: detection.label,
          score: detection.score,
          box: detection.box,
          detections: all,
        },
      };
      if (this.#settings.on === 'enter') this.#store(held);
    });
  }

  #store(held: Held): void {
    if (held.isStored || held.snapshot === null) return;
    held.isStored = true;
    this.#ports.store(held.snapshot);
    // The picture itself belongs to the delivery now.
    held.snapshot = { ...held.snapshot, jpeg: new Uint8Array(0) };
  }

  #storeExcess(): void {
    let waiting = 0;
    for (const held of this.#tracks.values()) if (!held.isStored) waiting += 1;
    for (const held of this.#tracks.values()) {
      if (waiting <= heldMax) return;
      if (held.isStored || held.snapshot === null) continue;
      this.#store(held);
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
function qualityOf({ score, box: [x1, y1, x2, y2] }: Detection): number {
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
