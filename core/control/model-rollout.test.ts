import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { CameraState, FleetItem, WorkerItem } from '../fleet-state.ts';
import { chooseCanaries } from './canary-cameras.ts';
import { noonMs, report, state, worker } from './fleet-factories.ts';
import type { ModelReport } from './model-evidence.ts';
import { noCounts } from './model-evidence.ts';
import { isUnderWay, type ModelRollout, modelOrderOf, type RolloutStep, stepModelRollout } from './model-rollout.ts';

const minuteMs = 60_000;
const version = 'default@2';
const order = (given: Partial<ModelRollout> = {}): ModelRollout => ({
  ...{ schemaVersion: 1, id: 'a', version, canary: { percent: 25 }, bakeMs: 15 * minuteMs, maxErrorRate: 0.01 },
  ...{ maxSlowdown: 2, orderedAtMs: noonMs, orderedBy: 'ann', until: '2026-11-25T12:00:00Z', reason: '' },
  ...given,
});
const running = { phase: 'running', ownerWorkerId: 'w1', epoch: 1 } as const;
const fleetOf = (count: number) => Array.from({ length: count }, (_, index) => state(`dock-${index}`, running));

/** A worker that does what it is told, and reports so. */
function obedient(
  cameras: readonly CameraState[],
  step: RolloutStep,
  counts: Partial<ModelReport['counts']> = {},
  of: Partial<ModelReport> = {},
): WorkerItem {
  const orders = cameras.map((one) => modelOrderOf(one, step));
  return worker('w1', {
    running: Object.fromEntries(
      cameras.map(({ cameraId }, index) => [
        cameraId,
        report({ model: of.state === 'failed' ? 'default' : (orders[index]?.name ?? 'default') }),
      ]),
    ),
    models: {
      [version]: { trial: 'a', state: 'running', reason: '', counts: { ...noCounts, ...counts }, ...of },
    },
  });
}

/** Steps a fleet through time; each step sees what the one before stored. */
function world(cameras: CameraState[], item: Partial<FleetItem>) {
  let stored: FleetItem = { fleet: 'default', schemaVersion: 1, ...item };
  return {
    get item() {
      return stored;
    },
    order: (change: Partial<FleetItem>) => {
      stored = { ...stored, ...change };
    },
    step(workers: WorkerItem[], nowMs: number): RolloutStep {
      const seen = workers.map((one) => ({ ...one, heartbeatAtMs: nowMs }));
      const step = stepModelRollout({ item: stored, cameras, workers: seen, workerDeadAfterMs: 25_000 }, nowMs);
      stored = {
        ...stored,
        ...(step.state === null ? {} : { modelRolloutState: step.state }),
        modelVersions: step.versions,
      };
      return step;
    },
  };
}

const orders = (cameras: CameraState[], step: RolloutStep) =>
  cameras.map((one) => modelOrderOf(one, step)?.name ?? null);

describe('the way of a good version', () => {
  const cameras = fleetOf(8);
  const fleet = world(cameras, { modelRollout: order() });
  const enough = { frames: 500, batches: 500, sightings: 40, missed: 2 };

  test('canary, baking, complete; the former version is the fallback all along', () => {
    const first = fleet.step([worker('w1')], noonMs);
    expect(first).toMatchObject({ isNew: true, problem: null, state: { phase: 'canary', former: 'default' } });
    expect(orders(cameras, first).filter((name) => name === version)).toHaveLength(2);
    const waiting = fleet.step([worker('w1', { running: {} })], noonMs + 1_000);
    expect(waiting.state?.reason).toMatch(/^waits for dock-\d, dock-\d to run it$/);
    const baking = fleet.step([obedient(cameras, first)], noonMs + 5_000);
    expect(baking).toMatchObject({ isNew: true, state: { phase: 'baking' } });
    const early = fleet.step([obedient(cameras, first, enough)], noonMs + 10 * minuteMs);
    expect(early).toMatchObject({ isNew: false, state: { phase: 'baking' } });
    const done = fleet.step([obedient(cameras, first, enough)], noonMs + 16 * minuteMs);
    expect(done).toMatchObject({ isNew: true, state: { phase: 'complete' }, versions: { default: version } });
    expect(done.state?.reason).toBe('500 frames on 2 cameras, 38 of 40 sightings of the version before confirmed');
    expect(cameras.map((one) => modelOrderOf(one, done))).toEqual(
      cameras.map(() => ({ name: version, fallback: 'default' })),
    );
    expect(isUnderWay(fleet.item)).toBe(false);
  });

  test('and back by a person, hours later', () => {
    fleet.order({ modelRollout: order({ rollback: { atMs: noonMs, by: 'bob', reason: 'too many cats' } }) });
    const back = fleet.step([worker('w1')], noonMs + 300 * minuteMs);
    expect(back).toMatchObject({
      ...{ isNew: true, problem: null, versions: {} },
      state: { phase: 'reverted', reason: 'rolled back by bob: too many cats' },
    });
    expect(orders(cameras, back)).toEqual(cameras.map(() => null));
    expect(fleet.step([worker('w1')], noonMs + 301 * minuteMs).isNew).toBe(false);
  });
});

describe('what is reverted', () => {
  const cameras = fleetOf(8);
  const begun = () => {
    const fleet = world(cameras, { modelRollout: order() });
    return { fleet, first: fleet.step([worker('w1')], noonMs) };
  };

  test('a version that a worker cannot load, at once', () => {
    const { fleet, first } = begun();
    const failed = obedient(cameras, first, {}, { state: 'failed', reason: 'MODEL_UNUSABLE: not an ONNX file' });
    const step = fleet.step([failed], noonMs + 3_000);
    expect(step.state).toMatchObject({ phase: 'reverted', fault: 'load' });
    expect(step.problem).toBe(
      'model default@2 was reverted to default: worker w1 cannot run it: MODEL_UNUSABLE: not an ONNX file',
    );
    expect(orders(cameras, step)).toEqual(cameras.map(() => null));
    expect(fleet.step([failed], noonMs + 26 * 60 * minuteMs).problem).toBeNull();
  });

  test.each([
    ['errors', { frames: 3, batches: 3, failedBatches: 3 }],
    ['detections', { frames: 90, batches: 90, sightings: 14, missed: 14 }],
    ['latency', { frames: 90, batches: 90, timed: 10, slow: 10 }],
  ])('%s', (fault, counts) => {
    const { fleet, first } = begun();
    expect(fleet.step([obedient(cameras, first, counts)], noonMs + 3_000).state).toMatchObject({
      ...{ phase: 'reverted', fault },
    });
  });

  test('by what a worker told before it died', () => {
    const { fleet, first } = begun();
    fleet.step([obedient(cameras, first, { batches: 2, failedBatches: 2 })], noonMs + 3_000);
    const other = { ...obedient(cameras, first, { batches: 1, failedBatches: 1 }), workerId: 'w2' };
    expect(fleet.step([other], noonMs + 60_000).state).toMatchObject({ phase: 'reverted', fault: 'errors' });
  });

  test('what nobody could try until its time was over, and not what another rollout counted', () => {
    const { fleet, first } = begun();
    const stale = obedient(cameras, first, { batches: 9, failedBatches: 9 }, { trial: 'an earlier one' });
    expect(fleet.step([stale], noonMs + minuteMs).state?.phase).not.toBe('reverted');
    expect(fleet.step([], noonMs + 1_441 * minuteMs).state).toMatchObject({ phase: 'reverted', fault: 'expired' });
  });
});

test('the first cameras: at least one, those that are watched, never a pinned one, the same for the same fleet', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.stringMatching(/^[a-z0-9-]{1,8}$/), { minLength: 1, maxLength: 40 }),
      fc.integer({ min: 1, max: 100 }),
      fc.integer({ min: 0, max: 2 }),
      (ids, percent, offset) => {
        const cameras = ids.map((id, index) =>
          state(
            id,
            index % 2 === 0 ? running : {},
            (index + offset) % 3 === 0 ? { detect: { model: 'default@1' } } : {},
          ),
        );
        const following = cameras.filter(({ camera }) => camera?.detect.model === 'default');
        const chosen = chooseCanaries(cameras, 'default', percent);
        expect(chosen).toHaveLength(Math.ceil((following.length * percent) / 100));
        expect(chosen).toEqual(chooseCanaries([...cameras].reverse(), 'default', percent));
        const isWatched = (id: string) => cameras.find(({ cameraId }) => cameraId === id)?.phase === 'running';
        const watched = following.filter(({ phase }) => phase === 'running').length;
        expect(chosen.filter(isWatched)).toHaveLength(Math.min(watched, chosen.length));
        expect(following.map(({ cameraId }) => cameraId)).toEqual(expect.arrayContaining(chosen));
      },
    ),
  );
});

test('a pinned row is left alone in every phase', () => {
  const pinned = state('dock-9', running, { detect: { model: 'default@1' } });
  const step = { state: null, versions: { default: version } };
  expect(modelOrderOf(pinned, step)).toBeNull();
  expect(modelOrderOf(state('dock-1', running), step)).toEqual({ name: version, fallback: 'default' });
});
