/** From where and from when on a new owner watches a camera. */
import { expect, it } from 'vitest';
import type { CameraState } from '../fleet-state.ts';
import { decide } from './decide.ts';
import { noonMs, observation, policy, report, state, worker } from './fleet-factories.ts';

const checkpoint = { fragmentNumber: '17', producerTimestampMs: noonMs - 5_000 };
const released = { epoch: 3, releasedEpoch: 3, checkpoint };

function given(camera: CameraState) {
  const { changes } = decide(observation([camera], [worker('w1'), worker('w2')]), policy(), noonMs);
  const [change] = changes;
  if (change?.ownership?.kind !== 'give') throw new Error(`not given: ${JSON.stringify(change)}`);
  return { ownership: change.ownership, next: change.next };
}

it('a camera that goes from owner to owner continues after its checkpoint', () => {
  const handedOver = state('gate', { ...released, ownerWorkerId: 'gone', releaseRequestedAtMs: noonMs - 2_000 });
  expect(given(handedOver).ownership).toMatchObject({ epoch: 4, clean: true });
});

it('a camera that nobody had in between begins at the live edge: its last checkpoint may be of yesterday', () => {
  expect(given(state('gate', released)).ownership).toMatchObject({ epoch: 4, clean: false });
});

it('a camera given ahead of its window is watched from the start of the window on', () => {
  const schedule = { timeZone: 'UTC', windows: [{ start: '12:01', end: '13:00' }] };
  expect(given(state('gate', {}, { schedule })).next.ownedSinceMs).toBe(noonMs + 60_000);
  expect(given(state('gate')).next.ownedSinceMs).toBe(noonMs);
});

it('a camera is not moved for room before its owner has begun: what was never run is never released', () => {
  const crowd = ['a', 'b', 'c'].map((id) => state(id, { ownerWorkerId: 'w1', epoch: 1 }, { detect: { fps: 6 } }));
  const epochs = (ids: string[]) => Object.fromEntries(ids.map((id) => [id, report()]));
  const movesWhen = (begun: string[]) =>
    decide(
      observation(crowd, [worker('w1', { running: epochs(begun) }), worker('w2')]),
      policy(),
      noonMs,
    ).changes.flatMap(({ ownership }) => (ownership?.kind === 'release' ? [ownership.cameraId] : []));
  expect(movesWhen([])).toEqual([]);
  expect(movesWhen(['a', 'b', 'c'])).toHaveLength(1);
});
