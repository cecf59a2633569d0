/**
 * The story of one trace id (docs/decisions/0038), told from what is stored: the row that changed, the decisions that answered
 * it, the worker that has the camera, its first frame. A camera that had to wait is given by a later run with an id of its own;
 * that run belongs to the story too.
 * Invariant: nothing is guessed: each step is in a table, and a step without a time in it stands last.
 */
import type { Decision } from '../control/record.ts';
import type { CameraState, WorkerItem } from '../fleet-state.ts';

export type TracedDecision = Pick<
  Decision,
  'fleet' | 'at' | 'trigger' | 'traceId' | 'traceLinks' | 'reason' | 'actions'
>;
export type TraceStep = {
  /** ISO 8601; null where the table does not tell when. */
  at: string | null;
  kind: 'row' | 'decision' | 'given' | 'stands by' | 'drains' | 'first frame' | 'watched';
  fleet: string;
  cameraId: string | null;
  workerId: string | null;
  /** Under which it is stored: the one asked for, or that of the run that went on for it. */
  traceId: string;
  words: string;
  /** Of a decision. */
  actions: readonly string[];
};

export type Traced = {
  states: readonly CameraState[];
  workers: readonly WorkerItem[];
  /** Of every id in `idsOfStory`. */
  decisions: readonly TracedDecision[];
};

/** @returns the id itself, then those of the runs that gave the cameras whose row has it. */
export function idsOfStory(traceId: string, { states, workers }: Pick<Traced, 'states' | 'workers'>): string[] {
  const ids = new Set([traceId]);
  for (const { rowTraceId, watchTraceId } of states)
    if (rowTraceId === traceId && watchTraceId !== undefined) ids.add(watchTraceId);
  for (const { assignments = {} } of workers) {
    for (const given of Object.values(assignments))
      if (given.rowTraceId === traceId && given.traceId !== undefined) ids.add(given.traceId);
  }
  return [...ids];
}

export function traceStory(traceId: string, { states, workers, decisions }: Traced): TraceStep[] {
  const rows = new Set(states.filter(({ rowTraceId }) => rowTraceId === traceId).map(({ cameraId }) => cameraId));
  const steps = [
    ...states.flatMap((state) => stepsOfState(traceId, state, workers)),
    ...decisions.map((decision) => stepOfDecision(traceId, decision, rows)),
    ...workers.flatMap((worker) => stepsOfWorker(traceId, worker)),
  ];
  // Sorting keeps the order of what comes at one instant: row, decision, worker.
  return steps.sort(byTime);
}

export function byTime(a: TraceStep, b: TraceStep): number {
  return timeOf(a) - timeOf(b);
}

function timeOf({ at }: TraceStep): number {
  return at === null ? Number.MAX_SAFE_INTEGER : Date.parse(at);
}

function stepsOfState(traceId: string, state: CameraState, workers: readonly WorkerItem[]): TraceStep[] {
  const { fleet, cameraId, rowTraceId, watchTraceId, phase, phaseReason, leaving } = state;
  const own = { fleet, cameraId, actions: [] };
  const steps: TraceStep[] = [];
  if (rowTraceId === traceId) {
    const what = leaving === undefined ? 'changed' : leaving.toFleet === null ? 'was removed' : 'names another fleet';
    const words = `the row of camera ${cameraId} ${what}; it is ${phase} now: ${phaseReason}`;
    steps.push({ ...own, at: iso(state.rowChangedAtMs), kind: 'row', workerId: null, traceId, words });
  }
  // Who has it still is told by the worker's own list.
  const isListed = workers.some(({ assignments }) => assignments?.[cameraId]?.epoch === state.epoch);
  if (watchTraceId === traceId && !isListed) {
    const words = `camera ${cameraId} was watched under it; last inference ${iso(state.lastInferenceAtMs) ?? 'never'}`;
    steps.push({ ...own, at: null, kind: 'watched', workerId: null, traceId, words });
  }
  return steps;
}

function stepOfDecision(traceId: string, decision: TracedDecision, rows: ReadonlySet<string>): TraceStep {
  const { fleet, at, trigger, traceId: own = traceId, reason, actions } = decision;
  const isOwn = own === traceId || (decision.traceLinks ?? []).includes(traceId);
  const how = own === traceId ? '' : isOwn ? ' answered it too' : ' went on with it';
  return {
    ...{ at, kind: 'decision', fleet, cameraId: null, workerId: null, traceId: own },
    words: `the run for "${trigger}"${how}: ${reason}`,
    // Of a later run only what became of the cameras of this story.
    actions: isOwn ? actions : actions.filter((action) => action.split(/[\s,]+/).some((word) => rows.has(word))),
  };
}

function stepsOfWorker(traceId: string, worker: WorkerItem): TraceStep[] {
  const { fleet, workerId, assignments = {}, standbys = {}, running = {}, drain } = worker;
  const own = { fleet, workerId, actions: [] };
  const steps: TraceStep[] = [];
  for (const [cameraId, given] of Object.entries(assignments)) {
    if (given.traceId !== traceId && given.rowTraceId !== traceId) continue;
    const of = { ...own, cameraId, traceId: given.traceId ?? traceId };
    const words = `worker ${workerId} was given camera ${cameraId}, epoch ${given.epoch}`;
    steps.push({ ...of, at: iso(given.assignedAtMs), kind: 'given', words });
    const watched = running[cameraId];
    if (watched?.epoch !== given.epoch) continue;
    const { firstInferenceAtMs, state, reason, framesInferred } = watched;
    const now = `${framesInferred} frames since; it is ${state} now${reason === '' ? '' : `: ${reason}`}`;
    steps.push({
      ...{ ...of, at: iso(firstInferenceAtMs), kind: firstInferenceAtMs === undefined ? 'watched' : 'first frame' },
      words:
        firstInferenceAtMs === undefined
          ? `worker ${workerId} has inferred no frame of camera ${cameraId} yet; it is ${state}: ${reason}`
          : `worker ${workerId} inferred the first frame of camera ${cameraId}; ${now}`,
    });
  }
  for (const [cameraId, { sinceMs, traceId: ordered }] of Object.entries(standbys)) {
    if (ordered !== traceId) continue;
    const words = `worker ${workerId} is to stand by for camera ${cameraId}`;
    steps.push({ ...own, cameraId, at: iso(sinceMs), kind: 'stands by', traceId, words });
  }
  if (drain?.traceId === traceId) {
    const words = `worker ${workerId} is to hand its cameras over: ${drain.reason}`;
    steps.push({ ...own, cameraId: null, at: iso(drain.sinceMs), kind: 'drains', traceId, words });
  }
  return steps;
}

function iso(ms: number): string;
function iso(ms: number | undefined): string | null;
function iso(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString();
}
