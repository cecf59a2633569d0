/**
 * What is told of a camera's tracks: the records of their events, and the item that says what each has come to.
 * Invariant: a record's id depends on the track and the event alone; best view and dwell are kept until the track is
 * forgotten, and no longer.
 */
import type { DetectionItem } from '../../aws/results.ts';
import { type Detection, type TrackRecord, trackRecordId } from '../../core/records.ts';
import type { VotedText } from '../text/text-vote.ts';
import type { TrackRegionEvent } from '../track/camera-tracks.ts';
import type { Track } from '../track/tracker.ts';

/** What a track has come to beside its boxes. */
export type TrackExtras = { snapshotKey?: string | null; text?: VotedText | null };
/** The same in every record and item of one camera's run. */
export type RecordOrigin = { cameraId: string; epoch: number; workerId: string; model: string };
type BestSighting = { score: number; box: Detection['box'] };

export class TrackRecords {
  readonly #origin: RecordOrigin;
  readonly #best = new Map<string, BestSighting>();
  /** Milliseconds in each area that a track has been in, by track; what has not ended counts 0. */
  readonly #dwellMs = new Map<string, Record<string, number>>();

  constructor(origin: RecordOrigin) {
    this.#origin = origin;
  }

  seen(detection: Detection): void {
    if (detection.trackId === undefined) return;
    const best = this.#best.get(detection.trackId);
    if (best === undefined || detection.score > best.score) {
      this.#best.set(detection.trackId, { score: detection.score, box: detection.box });
    }
  }

  forget(trackId: string): void {
    this.#best.delete(trackId);
    this.#dwellMs.delete(trackId);
  }

  ofRegion({ track, event, region, atMs, ordinal, dwellMs, direction }: TrackRegionEvent): TrackRecord {
    if (event !== 'line-cross') {
      const dwell = this.#dwellMs.get(track.trackId) ?? {};
      dwell[region] = (dwell[region] ?? 0) + (event === 'region-exit' ? (dwellMs ?? 0) : 0);
      this.#dwellMs.set(track.trackId, dwell);
    }
    const about = {
      region,
      ...(dwellMs === undefined ? {} : { dwellMs }),
      ...(direction === undefined ? {} : { direction }),
    };
    return { ...this.of(track, event, atMs, {}, `${region}/${ordinal}`), ...about };
  }

  /** @param detail what tells records of one event apart. */
  of(track: Track, event: TrackRecord['event'], atMs: number, more: TrackExtras = {}, detail?: string): TrackRecord {
    const { snapshotKey = null, text = null } = more;
    return {
      schema: 'kvs-infer/track@1',
      id: trackRecordId(this.#origin.cameraId, track.trackId, event, detail),
      event,
      ...this.#origin,
      trackId: track.trackId,
      label: track.label,
      classId: track.classId,
      score: track.score,
      box: track.box,
      at: isoOf(atMs),
      firstSeenAt: isoOf(track.firstSeenAtMs),
      lastSeenAt: isoOf(track.lastSeenAtMs),
      ...(text === null ? {} : { text }),
      ...(snapshotKey === null ? {} : { snapshotKey }),
    };
  }

  item(track: Track, ended: boolean, expiresAtMs: number, more: TrackExtras = {}): DetectionItem {
    const { snapshotKey = null, text = null } = more;
    const best = this.#best.get(track.trackId);
    const dwell = this.#dwellMs.get(track.trackId);
    const firstSeenAt = isoOf(track.firstSeenAtMs);
    return {
      ...this.#origin,
      'at#trackId': `${firstSeenAt}#${track.trackId}`,
      trackId: track.trackId,
      label: track.label,
      classId: track.classId,
      score: track.bestScore,
      box: best?.box ?? track.box,
      firstSeenAt,
      lastSeenAt: isoOf(track.lastSeenAtMs),
      ended,
      ...(dwell === undefined ? {} : { regions: Object.keys(dwell), regionDwellMs: { ...dwell } }),
      ...(text === null ? {} : { text }),
      ...(snapshotKey === null ? {} : { snapshotKey }),
      expiresAt: Math.floor(expiresAtMs / 1000),
    };
  }
}

export function isoOf(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
