/**
 * A worker's item holds 400 kB for all that control and the worker write in it. One beyond that is refused as a whole: the worker
 * would lose its lease with every camera that it watches, or be given none. So each side keeps to its share.
 * Invariant: what is small passes as it is; what was cut says so with `…`; what was left out is named to the caller.
 */
import type { Assignment, StandbyOrder } from '../core/fleet-state.ts';
import type { HeartbeatFields } from './heartbeat.ts';
import { packed } from './packed-attributes.ts';

const assignmentsMaxBytes = 160 * 1024;
const standbysMaxBytes = 80 * 1024;
const runningMaxBytes = 80 * 1024;
/** Of a reason in words: long ones hold what AWS or a decoder said; the shorter where many are long. */
const reasonLengths = [500, 100, 20] as const;

const sizeOf = (value: object) => {
  const bytes = packed(value);
  return bytes instanceof Uint8Array ? bytes.length : JSON.stringify(bytes).length;
};

/** @returns lists that fit; the largest rows are left out first, because they alone are why. */
export function listsThatFit(assignments: Record<string, Assignment>, standbys: Record<string, StandbyOrder>) {
  const own = thatFit(assignments, assignmentsMaxBytes);
  const ahead = thatFit(standbys, standbysMaxBytes);
  return { assignments: own.kept, standbys: ahead.kept, leftOut: [...own.leftOut, ...ahead.leftOut] };
}

function thatFit<Entry extends object>(entries: Record<string, Entry>, maxBytes: number) {
  const kept = { ...entries };
  const leftOut: string[] = [];
  if (sizeOf(kept) <= maxBytes) return { kept, leftOut };
  const bySize = Object.keys(kept).sort(
    (one, other) => jsonLength(kept[other]) - jsonLength(kept[one]) || (one < other ? -1 : 1),
  );
  for (const cameraId of bySize) {
    if (sizeOf(kept) <= maxBytes) break;
    delete kept[cameraId];
    leftOut.push(cameraId);
  }
  return { kept, leftOut };
}

const jsonLength = (value: unknown) => JSON.stringify(value).length;

/** A heartbeat whose words are as long as they may be. */
export function heartbeatThatFits(fields: HeartbeatFields): HeartbeatFields {
  for (const length of reasonLengths) {
    const cut = withReasons(fields, length);
    if (length === reasonLengths.at(-1) || sizeOf(cut.running) <= runningMaxBytes) return cut;
  }
  return fields;
}

function withReasons({ running, standingBy, models, ...fields }: HeartbeatFields, length: number): HeartbeatFields {
  return {
    ...fields,
    running: shortened(running, length),
    ...(standingBy === undefined ? {} : { standingBy: shortened(standingBy, length) }),
    ...(models === undefined ? {} : { models: shortened(models, length) }),
  };
}

function shortened<Report extends { reason: string }>(reports: Record<string, Report>, length: number) {
  return Object.fromEntries(
    Object.entries(reports).map(([name, report]) => {
      const { reason } = report;
      return [name, reason.length <= length ? report : { ...report, reason: `${reason.slice(0, length)}…` }];
    }),
  );
}
