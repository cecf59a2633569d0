/** Items of a later version: what they use is taken, what is theirs is left, and nothing shrinks meanwhile. */
import { expect, it } from 'vitest';
import { refuseLostStates } from './believable.ts';
import { decide } from './decide.ts';
import { camera, noonMs, observation, policy, report, state, worker } from './fleet-factories.ts';
import { heldEntries, withoutHeld } from './held-items.ts';
import type { FleetObservation } from './observation.ts';

const heartbeatAtMs = noonMs - 1_000;
const assignment = { epoch: 1, camera: camera('held', {}), assignedAtMs: 0 };
/** One worker with room for two cameras of 5 inferences per second; `held` is one of them. */
const workerWithHeld = worker('w1', {
  ...{ heartbeatAtMs, capacityInferencesPerSecond: 12, running: { held: report() }, assignments: { held: assignment } },
});
const heldCamera = { cameras: [{ id: 'held', version: '2' }], workers: [] };

it('nothing held: the very same observation', () => {
  const seen = observation([], [workerWithHeld]);
  expect(withoutHeld(seen, policy(), noonMs)).toEqual({ observation: seen, problems: [] });
  const none = { ...seen, held: { cameras: [], workers: [] } };
  expect(withoutHeld(none, policy(), noonMs).observation).toBe(none);
});

it('a held camera takes its room on the worker that has it, and stays on its list', () => {
  const gives = (given: Partial<FleetObservation>) => {
    const seen = observation([state('a'), state('b')], [workerWithHeld], given);
    return decide(seen, policy({ targetUtilization: 0.9 }), noonMs).changes.filter(
      ({ ownership }) => ownership?.kind === 'give',
    );
  };
  expect(gives({})).toHaveLength(2);
  expect(gives({ held: heldCamera })).toHaveLength(1);
  expect(heldEntries({ ...workerWithHeld.assignments, a: assignment }, heldCamera)).toEqual({ held: assignment });
});

it('a held worker lives however silent, and its cameras stay; one that ECS ended does not', () => {
  const owned = state('a', { ownerWorkerId: 'w2', epoch: 1, phase: 'running' });
  const run = (hasStopped: boolean) =>
    decide(
      observation([owned], [worker('w1', { heartbeatAtMs })], {
        held: { cameras: [], workers: [{ id: 'w2', version: '2', hasStopped, instanceId: 'i-w2' }] },
      }),
      policy(),
      noonMs,
    );
  const living = run(false);
  expect(living).toMatchObject({ changes: [], departures: [], buried: [], plan: { drains: [], terminations: [] } });
  expect(living.problems).toMatchObject([{ kind: 'input', words: expect.stringContaining('keep what they run: a') }]);
  expect(run(true).changes).toMatchObject([{ ownership: { kind: 'give', workerId: 'w1', epoch: 2 } }]);
});

it('states that are all held are not lost', () => {
  const seen = observation([], [workerWithHeld]);
  expect(() => refuseLostStates(seen, 25_000, noonMs)).toThrow(/no camera state/);
  expect(() => refuseLostStates({ ...seen, held: heldCamera }, 25_000, noonMs)).not.toThrow();
});
