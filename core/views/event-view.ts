/**
 * What happens on a stage, as one list in the order of time: decisions, changes of phase, and tracks of the cameras that
 * somebody looks at. It is read off the tables, so that whoever was away can go on where he was.
 * Invariants: an event has one id whenever it is read; a page reaches further than the one before whenever there is more;
 * what is written late is still told, since each page begins some time before its place: readers drop ids they have had.
 */
import type { Decision } from '../control/record.ts';
import type { CameraState } from '../fleet-state.ts';

/** A run of the control loop may take this long, and what it writes bears the instant at which it began. */
export const lateWritesMs = 60_000;
/** Events after its place that a page has, unless more of them share its last instant. */
export const eventsPerPageMax = 200;

export type PhaseChange = Pick<CameraState, 'fleet' | 'cameraId' | 'phase' | 'phaseReason' | 'phaseSinceMs'>;
export type SeenTrack = {
  cameraId: string;
  trackId: string;
  firstSeenAt: string;
  label: string;
  score: number;
  text?: { value: string; score: number };
  snapshotKey?: string;
};
type Happened = { id: string; at: string; words: string };
export type StageEvent =
  | (Happened & { kind: 'decision'; fleet: string; desired: number; previous: number })
  | (Happened & { kind: 'phase'; fleet: string; cameraId: string; phase: CameraState['phase'] })
  | (Happened & { kind: 'track'; cameraId: string; trackId: string; label: string; hasPicture: boolean });
export type EventPage = { events: StageEvent[]; after: string; more: boolean };

/** One source, oldest first. `isCut`: there are later ones that were not read. */
export type EventSource = { events: StageEvent[]; isCut: boolean };

export function decisionEvent({ fleet, at, reason, desired, previous }: Decision): StageEvent {
  const sizes = { desired: desired.instances, previous: previous.instances };
  return { kind: 'decision', id: `decision/${fleet}/${at}`, at, fleet, words: reason, ...sizes };
}

/** A camera that changed twice between two readings tells its last change. */
export function phaseEvent({ fleet, cameraId, phase, phaseReason, phaseSinceMs }: PhaseChange): StageEvent {
  const at = new Date(phaseSinceMs).toISOString();
  const words = `${cameraId} is ${phase}: ${phaseReason}`;
  return { kind: 'phase', id: `phase/${cameraId}/${phaseSinceMs}`, at, fleet, cameraId, phase, words };
}

export function trackEvent({ cameraId, trackId, firstSeenAt, label, score, text, snapshotKey }: SeenTrack): StageEvent {
  const read = text === undefined ? '' : `, reads ${text.value}`;
  return {
    ...{ kind: 'track', id: `track/${cameraId}/${trackId}`, at: firstSeenAt, cameraId, trackId, label },
    ...{
      words: `${label} at ${cameraId}, ${Math.round(score * 100)} % sure${read}`,
      hasPicture: snapshotKey !== undefined,
    },
  };
}

/**
 * @param sources each from `afterMs - lateWritesMs` on.
 * @returns `after`: the place that the next page is asked for with; it stays while nothing happens.
 */
export function eventPage(sources: readonly EventSource[], afterMs: number): EventPage {
  // Nothing is told beyond what has been read of every source.
  const horizonMs = Math.max(
    afterMs + 1,
    Math.min(
      ...sources.map(({ events, isCut }) => (isCut ? Date.parse(events.at(-1)?.at ?? '') : Number.POSITIVE_INFINITY)),
    ),
  );
  const all = sources
    .flatMap(({ events }) => events)
    .filter(({ at }) => Date.parse(at) <= horizonMs)
    .sort((a, b) => Date.parse(a.at) - Date.parse(b.at) || (a.id < b.id ? -1 : 1));
  const newOnes = all.filter(({ at }) => Date.parse(at) > afterMs);
  const lastMs = Date.parse(newOnes[eventsPerPageMax - 1]?.at ?? newOnes.at(-1)?.at ?? new Date(afterMs).toISOString());
  const events = all.filter(({ at }) => Date.parse(at) <= lastMs);
  const isCut = sources.some((source) => source.isCut);
  return { events, after: new Date(lastMs).toISOString(), more: isCut || events.length < all.length };
}
