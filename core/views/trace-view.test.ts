/** The steps of a trace id, from what tables hold. */
import { describe, expect, it } from 'vitest';
import { camera } from '../control/fleet-factories.ts';
import type { CameraState, WorkerItem } from '../fleet-state.ts';
import { idsOfStory, type TracedDecision, traceStory } from './trace-view.ts';

const id = (digit: string) => `1-69256f2a-${digit.repeat(24)}`;
const [row, tick, other] = [id('a'), id('b'), id('c')];
const at = (second: number) => new Date(Date.UTC(2026, 10, 24, 9, 0, second)).toISOString();
const ms = (second: number) => Date.parse(at(second));

const state = (cameraId: string, more: Partial<CameraState>): CameraState => ({
  ...{ fleet: 'default', cameraId, schemaVersion: 1, camera: camera(cameraId), issues: [], rowSequenceNumber: '1' },
  ...{ rowChangedAtMs: ms(1), phase: 'running', phaseReason: 'a worker watches it', phaseSinceMs: 0, epoch: 3 },
  ...more,
});
const worker = (more: Partial<WorkerItem>): WorkerItem => ({
  ...{ fleet: 'default', workerId: 'w-1', schemaVersion: 1, heartbeatAtMs: 0, startedAtMs: 0, lifecycle: 'ready' },
  ...{ running: {}, expiresAt: 0 },
  ...more,
});
const given = (cameraId: string, more: object = {}) => ({
  [cameraId]: {
    ...{ epoch: 3, camera: camera(cameraId), assignedAtMs: ms(30), traceId: tick, rowTraceId: row, ...more },
  },
});
const running = (cameraId: string, more: object = {}) => ({
  [cameraId]: {
    ...{ epoch: 3, state: 'running' as const, reason: '', fps: 1, framesInferred: 12, detections: 0, tracks: 0 },
    ...{ dropped: {}, firstInferenceAtMs: ms(33), ...more },
  },
});
const decision = (second: number, traceId: string, more: Partial<TracedDecision> = {}): TracedDecision => ({
  ...{ fleet: 'default', at: at(second), trigger: 'schedule', traceId, reason: 'enough workers', actions: [], ...more },
});

describe('the story of a trace id', () => {
  it('of a row that had to wait: its change, the run that knew of it, the later run that gave it, the first frame', () => {
    const states = [state('dock-1', { rowTraceId: row, watchTraceId: tick }), state('dock-2', { rowTraceId: other })];
    const workers = [
      worker({
        assignments: { ...given('dock-1'), ...given('dock-2', { rowTraceId: other }) },
        running: { ...running('dock-1'), ...running('dock-2') },
      }),
    ];
    expect(idsOfStory(row, { states, workers })).toEqual([row, tick]);
    const decisions = [
      decision(30, tick, { actions: ['gives camera dock-1 to worker w-1', 'gives camera dock-2 to worker w-1'] }),
      decision(2, row, { trigger: 'camera changed', actions: ['set the Auto Scaling group from 0 to 1'] }),
      decision(3, other, { traceLinks: [row] }),
    ];
    const steps = traceStory(row, { states, workers, decisions });
    expect(steps.map((step) => [step.at, step.kind, step.traceId])).toEqual([
      [at(1), 'row', row],
      [at(2), 'decision', row],
      [at(3), 'decision', other],
      [at(30), 'decision', tick],
      [at(30), 'given', tick],
      [at(33), 'first frame', tick],
    ]);
    expect(steps[2]?.words).toContain('answered it too');
    expect(steps[3]).toMatchObject({ words: expect.stringContaining('went on with it') });
    expect(steps[3]?.actions).toEqual(['gives camera dock-1 to worker w-1']);
    expect(steps[5]?.words).toContain('12 frames since; it is running now');
  });

  it('of a tick: what it decided, and every camera that it gave', () => {
    const workers = [
      worker({
        assignments: { ...given('dock-1'), ...given('dock-2', { rowTraceId: other }) },
        running: running('dock-1', { state: 'starting', reason: 'opens its stream', firstInferenceAtMs: undefined }),
      }),
    ];
    const states = [state('dock-1', { rowTraceId: row })];
    expect(idsOfStory(tick, { states, workers })).toEqual([tick]);
    const steps = traceStory(tick, { states, workers, decisions: [decision(30, tick)] });
    expect(steps.map(({ kind, cameraId }) => [kind, cameraId])).toEqual([
      ['decision', null],
      ['given', 'dock-1'],
      ['given', 'dock-2'],
      ['watched', 'dock-1'],
    ]);
    expect(steps.at(-1)).toMatchObject({ at: null, words: expect.stringContaining('no frame of camera dock-1 yet') });
  });

  it('of an order to a worker: it stands by, it hands over, it was the last to watch', () => {
    const drain = { sinceMs: ms(5), reason: 'EC2 takes its instance back', traceId: tick };
    const standby = { streamName: 'dock-1', model: 'default', sinceMs: ms(6), traceId: tick };
    const workers = [worker({ drain }), worker({ workerId: 'w-2', standbys: { 'dock-1': standby } })];
    const states = [state('dock-9', { watchTraceId: tick, lastInferenceAtMs: ms(4) })];
    const steps = traceStory(tick, { states, workers, decisions: [] });
    expect(steps.map(({ at: when, kind, workerId }) => [when, kind, workerId])).toEqual([
      [at(5), 'drains', 'w-1'],
      [at(6), 'stands by', 'w-2'],
      [null, 'watched', null],
    ]);
    expect(steps[2]?.words).toContain(`last inference ${at(4)}`);
  });

  it('of a row that is gone, or of nothing', () => {
    const leaving = { toFleet: null, sinceMs: ms(1) };
    const states = [state('dock-1', { rowTraceId: row, leaving })];
    expect(traceStory(row, { states, workers: [], decisions: [] })).toMatchObject([
      { kind: 'row', words: expect.stringContaining('was removed') },
    ]);
    expect(traceStory(id('d'), { states, workers: [worker({})], decisions: [] })).toEqual([]);
  });
});
