/**
 * What consumers receive of cameras that change their worker: holes in the time of capture, and pauses between results.
 * Invariant: cameras of these tests send and are sampled once a second.
 */
import { expect } from 'vitest';
import type { SteppedSystem } from './stepped-system.ts';

const samplingMs = 1_000;
/** A release, a run of control, a heartbeat: by the machine's clock they take some seconds, by the stepped one hardly any. */
const pauseMaxMs = 5_000;

/** What the moves of these cameras since `fromMs` did to their results. */
export async function moves(system: SteppedSystem, cameraIds: string[], fromMs: number) {
  const { frames } = await system.results();
  return cameraIds.map((id) => {
    const own = frames
      .filter(({ cameraId, capturedAt }) => cameraId === id && Date.parse(capturedAt) >= fromMs)
      .map(({ epoch, workerId, capturedAt, inferredAt }) => ({
        ...{ epoch, workerId },
        capturedMs: Date.parse(capturedAt),
        inferredMs: Date.parse(inferredAt),
      }))
      .sort((a, b) => a.capturedMs - b.capturedMs);
    const pairs = own.slice(1).map((frame, index) => ({ before: own[index] ?? frame, frame }));
    const changes = pairs.filter(({ before, frame }) => before.epoch !== frame.epoch);
    return {
      cameraId: id,
      frames: own.length,
      epochs: [...new Set(own.map(({ epoch }) => epoch))],
      workers: [...new Set(own.map(({ workerId }) => workerId))],
      longestHoleMs: Math.max(...pairs.map(({ before, frame }) => frame.capturedMs - before.capturedMs)),
      /** Longest time between two results of one camera, across a change of owner. */
      pauseMs: Math.max(0, ...changes.map(({ before, frame }) => frame.inferredMs - before.inferredMs)),
    };
  });
}

/** @throws when a result is missing or late, or an id comes twice (`system.results`); prints the figures. */
export function expectSeamless(kind: string, moved: Awaited<ReturnType<typeof moves>>) {
  const longestHoleMs = Math.max(...moved.map((camera) => camera.longestHoleMs));
  const pauseMs = Math.max(...moved.map((camera) => camera.pauseMs));
  const frames = moved.reduce((sum, camera) => sum + camera.frames, 0);
  console.info(
    `${kind}: ${moved.length} cameras moved, ${frames} frames, no id twice, longest hole ${longestHoleMs} ms, results paused for at most ${pauseMs} ms`,
  );
  expect(longestHoleMs).toBe(samplingMs);
  expect(pauseMs).toBeLessThanOrEqual(pauseMaxMs);
}
