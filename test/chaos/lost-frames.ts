/**
 * Frames that a camera sent and no record tells of, each with what is known of it: what was on when it was taken, and who
 * published the frames around it, under which epoch and when. Whoever reads the report sees at once at whose end it was lost.
 * Invariant: a frame counts as lost only when its camera sent it and a later one of the same camera was published.
 */
import type { FaultRun } from './fault.ts';
import type { SeenFrame } from './watch.ts';

/** One frame a second. */
const frameMs = 1_000;
/** A frame that was taken shortly before the blow was still on its way. */
const onItsWayMs = 5_000;
/** What was on when nothing was. */
export const nothing = 'nothing';

export type LostFrame = {
  cameraId: string;
  capturedAtMs: number;
  /** Names of the faults, joined by ` + `; or `nothing`. */
  during: string;
  /** Since the first of these faults began; null: none was on. */
  sinceBlowMs: number | null;
  /** The published frames next to it. */
  before: SeenFrame;
  after: SeenFrame;
  /** What the owner of the next frame says it left out under that epoch, by reason. */
  dropped: Readonly<Record<string, number>>;
};

export function lostFrames(
  cameraId: string,
  seen: readonly SeenFrame[],
  wasSent: (capturedAtMs: number) => boolean,
  runs: readonly Pick<FaultRun, 'name' | 'fromMs' | 'toMs'>[],
  droppedBy: (lease: string) => Readonly<Record<string, number>> = () => ({}),
): LostFrame[] {
  const frames = [...seen].sort((a, b) => a.capturedAtMs - b.capturedAtMs);
  return frames.slice(1).flatMap((after, index) => {
    const before = frames[index] as SeenFrame;
    const lost: LostFrame[] = [];
    for (let atMs = before.capturedAtMs + frameMs; atMs < after.capturedAtMs - frameMs / 2; atMs += frameMs) {
      if (!wasSent(atMs)) continue;
      const on = runs.filter(({ fromMs, toMs }) => atMs >= fromMs - onItsWayMs && atMs <= toMs);
      const during = on.map(({ name }) => name).join(' + ') || nothing;
      const sinceBlowMs = on.length === 0 ? null : atMs - Math.min(...on.map(({ fromMs }) => fromMs));
      const dropped = droppedBy(`${cameraId}#${after.epoch}`);
      lost.push({ cameraId, capturedAtMs: atMs, during, sinceBlowMs, before, after, dropped });
    }
    return lost;
  });
}

export function inWords({ cameraId, capturedAtMs, during, sinceBlowMs, before, after, dropped }: LostFrame): string {
  const when = sinceBlowMs === null ? 'while nothing was wrong' : `${seconds(sinceBlowMs)} after ${during} began`;
  const of = ({ capturedAtMs: atMs, seenAtMs, epoch, workerId }: SeenFrame) =>
    `${workerId.slice(0, 6)} in epoch ${epoch}, ${timeOf(atMs)}, seen ${seconds(seenAtMs - atMs)} later`;
  const left = Object.entries(dropped).map(([reason, count]) => `${count} ${reason}`);
  const said = left.length === 0 ? '' : `, who left out ${left.join(', ')}`;
  return `${cameraId}: the frame of ${timeOf(capturedAtMs)}, ${when}; before it ${of(before)}; after it ${of(after)}${said}`;
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString().slice(11, 23);
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
