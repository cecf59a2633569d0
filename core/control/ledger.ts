/**
 * The blind-time ledger: of the seconds a camera was scheduled, how many were inferred, and what every other second was
 * lost to. The owner tells in its heartbeats when it watched and what kept it blind (`watch-record.ts`); of other times the
 * camera's phase tells. A slice is accounted when the phase changes and every five minutes (each camera at its own time), up
 * to where the owner's word goes, or up to now when nobody watches.
 * Invariant: scheduled = inferred + the sum of blind seconds, per camera and hour, whatever heartbeats come, are late, come
 * twice or never.
 */
import type { Interval } from '../calendar.ts';
import type { CameraPhase, CameraState, RunningCamera, WatchReport } from '../fleet-state.ts';
import { hashOf } from '../seeded-random.ts';
import { accountablePastMs } from './demand.ts';
import { type AccountedStretch, type JudgedWindows, judgeWindows } from './ready-by.ts';

/** Between phase changes one write per camera and five minutes: 12 an hour, which a thousand cameras can afford. */
export const accountEveryMs = 300_000;
/** A frame this old still counts as watching when nobody will say more: the last heartbeat is up to so old. */
const inferenceFreshMs = 10_000;
/** A hole this short between two owners is the handover. */
const handoverMaxMs = 120_000;
const hourMs = 3_600_000;

/** Table `ledger`, key `cameraId` / `hour`; amounts to add. */
export type LedgerEntry = {
  cameraId: string;
  /** UTC hour, e.g. `2026-11-24T02Z`. */
  hour: string;
  scheduledSeconds: number;
  inferredSeconds: number;
  /** By cause: what the owner said, or the phase that kept it blind; docs/operate.md lists them. */
  blindSeconds: Record<string, number>;
};

export type Accounting = { entries: LedgerEntry[]; throughMs: number } & JudgedWindows;

/** What the present owner last said; `isAlive` false: control calls it dead, and these are its last words. */
export type OwnersWord = { report: RunningCamera; isAlive: boolean };

/**
 * @param nextPhase the phase from now on. @param promisableFromMs windows that opened earlier were not known in time.
 * @param isGiven another worker has it from now on, and will write its own record over that of the last one.
 * @returns what to add, or null when it is not yet time.
 */
export function accountCamera(
  state: CameraState,
  nextPhase: CameraPhase,
  scheduledPast: readonly Interval[],
  word: OwnersWord | null,
  nowMs: number,
  { promisableFromMs = Number.NEGATIVE_INFINITY, isGiven = false } = {},
): Accounting | null {
  const knownFromMs = state.accountedThroughMs ?? Math.min(state.rowChangedAtMs, nowMs);
  const fromMs = Math.max(knownFromMs, nowMs - accountablePastMs);
  const changed = isGiven || nextPhase !== state.phase;
  if (!changed && scheduledPast.length === 0) return null;
  if (!changed && nowMs < accountDueMs(state.cameraId, knownFromMs)) return null;
  const endMs = endOfSlice(state, nextPhase, word, fromMs, nowMs);
  const scheduled = scheduledPast
    .map(({ startMs, endMs: untilMs }) => ({ startMs: Math.max(startMs, fromMs), endMs: Math.min(untilMs, endMs) }))
    .filter(({ startMs, endMs: untilMs }) => startMs < untilMs);
  if (scheduled.length === 0 && !changed) return null;
  const stretches = stretchesOf(state, nextPhase, word, fromMs, endMs, nowMs);
  const entries = new Map<string, LedgerEntry>();
  for (const part of scheduled.flatMap(splitAtHours)) {
    const hour = `${new Date(part.startMs).toISOString().slice(0, 13)}Z`;
    const entry = entries.get(hour) ?? emptyEntry(state.cameraId, hour);
    entries.set(hour, entry);
    entry.scheduledSeconds += (part.endMs - part.startMs) / 1000;
    for (const stretch of stretches) {
      const seconds = overlapMs(part, stretch) / 1000;
      if (seconds === 0) continue;
      if (stretch.cause === null) entry.inferredSeconds += seconds;
      else entry.blindSeconds[stretch.cause] = (entry.blindSeconds[stretch.cause] ?? 0) + seconds;
    }
  }
  const slice = { startMs: fromMs, endMs };
  return {
    entries: [...entries.values()],
    throughMs: Math.max(knownFromMs, endMs),
    ...judgeWindows(state, scheduledPast, stretches, slice, promisableFromMs),
  };
}

/**
 * When the account of a camera whose phase stays asks for its next slice.
 * Windows open for hundreds of cameras at once. Were all of them accounted together from then on, one run in five would
 * make as many writes as there are cameras; by their names they take turns.
 */
export function accountDueMs(cameraId: string, knownFromMs: number): number {
  const offsetMs = hashOf(cameraId) % accountEveryMs;
  const turn = Math.floor((knownFromMs + offsetMs) / accountEveryMs);
  // Known up to just before its turn, by the heartbeat that came before it, a camera has had it.
  return Math.max(knownFromMs + accountEveryMs / 2, (turn + 1) * accountEveryMs - offsetMs);
}

/** What a living owner, or the one to whom it is being handed, has not said yet is left for the next slice. */
function endOfSlice(
  state: CameraState,
  nextPhase: CameraPhase,
  word: OwnersWord | null,
  fromMs: number,
  nowMs: number,
): number {
  const throughMs = word === null ? state.watch?.throughMs : word.isAlive ? word.report.watch?.throughMs : undefined;
  if (throughMs === undefined || !isWatched(nextPhase) || nowMs - throughMs >= accountEveryMs) return nowMs;
  return Math.min(nowMs, Math.max(fromMs, throughMs));
}

/** [fromMs, endMs) without a hole: what owners said, and the phase's cause for the rest. */
function stretchesOf(
  state: CameraState,
  nextPhase: CameraPhase,
  word: OwnersWord | null,
  fromMs: number,
  endMs: number,
  nowMs: number,
): AccountedStretch[] {
  const own = word?.report.watch;
  const former = state.watch !== undefined && state.watch.throughMs > fromMs - handoverMaxMs ? state.watch : undefined;
  const said = [former, own].filter((watch) => watch !== undefined).sort((a, b) => a.sinceMs - b.sinceMs);
  const isSaid = own !== undefined || (former !== undefined && word === null);
  const claims = isSaid ? said : [...said, watchByPhase(state, nextPhase, word?.report ?? null, fromMs, nowMs)];
  const stretches: AccountedStretch[] = [];
  let atMs = fromMs;
  let previousThroughMs: number | null = null;
  const add = (untilMs: number, cause: string | null) => {
    const toMs = Math.min(untilMs, endMs);
    if (toMs <= atMs) return;
    stretches.push({ startMs: atMs, endMs: toMs, cause });
    atMs = toMs;
  };
  const byPhase = causeOf(state.phase, nextPhase);
  for (const watch of claims) {
    const isHandover = previousThroughMs !== null && watch.sinceMs - previousThroughMs < handoverMaxMs;
    add(watch.sinceMs, isHandover ? 'handover' : byPhase);
    for (const { fromMs: blindFromMs, toMs, cause } of watch.blind) {
      add(Math.min(blindFromMs, watch.throughMs), null);
      add(Math.min(toMs, watch.throughMs), cause);
    }
    add(watch.throughMs, null);
    previousThroughMs = watch.throughMs;
  }
  const last = claims.at(-1);
  const isUnfinished = last !== undefined && isStillWatching(last) && nowMs - last.throughMs <= inferenceFreshMs;
  if (isUnfinished && word?.isAlive === true) add(nowMs, null);
  const isBetweenOwners = word === null && former !== undefined && atMs - former.throughMs < handoverMaxMs;
  add(endMs, word?.isAlive === false ? 'worker-lost' : isBetweenOwners ? 'handover' : byPhase);
  return stretches;
}

/** For workers that do not tell what they watched: from the first inference, or while it runs, to the last one. */
function watchByPhase(
  { phase, lastInferenceAtMs }: CameraState,
  nextPhase: CameraPhase,
  report: RunningCamera | null,
  fromMs: number,
  nowMs: number,
): WatchReport {
  const lastMs = Math.max(report?.lastInferenceAtMs ?? 0, lastInferenceAtMs ?? 0);
  const throughMs = Math.max(fromMs, nowMs - lastMs <= inferenceFreshMs ? nowMs : Math.min(nowMs, lastMs));
  if (isWatched(phase)) return { sinceMs: fromMs, throughMs, blind: [] };
  const beganMs = isWatched(nextPhase) ? report?.firstInferenceAtMs : undefined;
  // An empty span at the end: it is not watching.
  const nothing = { fromMs, toMs: fromMs, cause: phase };
  if (beganMs === undefined) return { sinceMs: fromMs, throughMs: fromMs, blind: [nothing] };
  return { sinceMs: Math.max(fromMs, beganMs), throughMs, blind: [] };
}

function isStillWatching({ throughMs, blind }: WatchReport): boolean {
  return blind.at(-1)?.toMs !== throughMs;
}

function isWatched(phase: CameraPhase): boolean {
  return phase === 'running' || phase === 'degraded';
}

function emptyEntry(cameraId: string, hour: string): LedgerEntry {
  return { cameraId, hour, scheduledSeconds: 0, inferredSeconds: 0, blindSeconds: {} };
}

function causeOf(phase: CameraPhase, nextPhase: CameraPhase): string {
  switch (phase) {
    case 'off-schedule':
    case 'warming':
    case 'disabled':
    case 'invalid':
      return 'late';
    case 'running':
    case 'degraded':
      return nextPhase === 'running' ? 'interrupted' : nextPhase;
    case 'waiting-capacity':
    case 'silent':
    case 'starting':
    case 'shed':
      return phase;
  }
}

function splitAtHours({ startMs, endMs }: Interval): Interval[] {
  const parts: Interval[] = [];
  for (let from = startMs; from < endMs; ) {
    const to = Math.min(endMs, (Math.floor(from / hourMs) + 1) * hourMs);
    parts.push({ startMs: from, endMs: to });
    from = to;
  }
  return parts;
}

function overlapMs(a: Interval, b: Interval): number {
  return Math.max(0, Math.min(a.endMs, b.endMs) - Math.max(a.startMs, b.startMs));
}
