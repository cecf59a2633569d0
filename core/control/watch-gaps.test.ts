import { describe, expect, it } from 'vitest';
import type { WorkerItem } from '../fleet-state.ts';
import type { CameraChange } from './decide.ts';
import { noonMs, observation, state, worker } from './fleet-factories.ts';
import { blindAfterMs, looksAtIdleStreams, unstoredAfterMs, watchGaps } from './watch-gaps.ts';

const deadMs = 25_000;
const seen = (activeAtMs: Map<string, number | null> = new Map(), workers: WorkerItem[] = []) => ({
  streams: { ...observation([], []).streams, activeAtMs },
  workers,
});
const quarterMs = 900_000;
const idleLookMs = noonMs + 7 * 60_000;

function change(from: CameraChange['observed']['phase'], to: CameraChange['next']['phase']): CameraChange {
  const observed = state('dock-1', { phase: from });
  return { cameraId: 'dock-1', observed, next: { ...observed, phase: to }, ownership: null, ledger: [], promises: [] };
}

describe('what wakes a person', () => {
  it('a camera is blind once nobody has watched it for more than two minutes', () => {
    const waiting = (sinceMs: number) => state('dock-1', { phase: 'waiting-capacity', phaseSinceMs: sinceMs });
    const blind = (sinceMs: number) => watchGaps([waiting(sinceMs)], [], seen(), deadMs, noonMs).blind;
    expect(blind(noonMs - blindAfterMs)).toBe(0);
    expect(blind(noonMs - blindAfterMs - 1)).toBe(1);
    const watched = state('dock-1', { phase: 'running', phaseSinceMs: 0 });
    expect(watchGaps([watched], [], seen(), deadMs, noonMs).blind).toBe(0);
  });

  it('a window is missed when it opens with nobody watching, and only then', () => {
    const missed = (one: CameraChange) => watchGaps([], [one], seen(), deadMs, noonMs).windowsMissed;
    expect(missed(change('warming', 'waiting-capacity'))).toBe(1);
    expect(missed(change('off-schedule', 'starting'))).toBe(1);
    expect(missed(change('warming', 'running'))).toBe(0);
    expect(missed(change('warming', 'silent'))).toBe(0);
    expect(missed(change('running', 'starting'))).toBe(0);
  });

  it('results are unstored once a worker has said so for more than a minute', () => {
    const unstored = (unstoredSinceMs?: number | null, more: Partial<WorkerItem> = {}) =>
      watchGaps(
        [],
        [],
        seen(new Map(), [worker('w-1', { ...(unstoredSinceMs === undefined ? {} : { unstoredSinceMs }), ...more })]),
        deadMs,
        noonMs,
      ).unstored;
    expect(unstored(noonMs - unstoredAfterMs)).toBe(0);
    expect(unstored(noonMs - unstoredAfterMs - 1)).toBe(1);
    expect([unstored(null), unstored(undefined)]).toEqual([0, 0]);
    // What a dead one said last is not so any more.
    expect(unstored(0, { heartbeatAtMs: noonMs - deadMs })).toBe(0);
  });

  it('idle streams are looked at four times an hour, and otherwise not known', () => {
    const minutes = Array.from({ length: 60 }, (_, minute) => noonMs + minute * 60_000);
    expect(minutes.filter(looksAtIdleStreams)).toEqual([0, 1, 2, 3].map((quarter) => idleLookMs + quarter * quarterMs));
    const idle = [state('dock-1'), state('dock-2'), state('dock-3', { phase: 'running' })];
    const activeAtMs = new Map([
      ['dock-1', idleLookMs - 180_000],
      ['dock-2', idleLookMs - 600_000],
      ['dock-3', idleLookMs],
    ]);
    expect(watchGaps(idle, [], seen(activeAtMs), deadMs, idleLookMs).liveUnscheduled).toBe(1);
    expect(watchGaps(idle, [], seen(activeAtMs), deadMs, noonMs).liveUnscheduled).toBeNull();
  });
});
