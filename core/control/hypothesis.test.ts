/** The same decision at another instant: what time alone changes, and what it does not. */
import { expect, it } from 'vitest';
import { decide } from './decide.ts';
import { noonMs, observation, policy, report, state, worker } from './fleet-factories.ts';
import { atInstant, plannedActions } from './hypothesis.ts';

const hourMs = 3_600_000;
const afternoon = { schedule: { timeZone: 'UTC', windows: [{ start: '15:00', end: '18:00' }] } };
const running = { ownerWorkerId: 'w1', epoch: 1, phase: 'running' as const, accountedThroughMs: noonMs };
const seen = observation(
  [state('now', running), state('later', {}, { ...afternoon, detect: { fps: 18 } })],
  [worker('w1', { running: { now: report() } })],
);

it('at the instant of the observation changes nothing', () => {
  expect(atInstant(seen, noonMs, noonMs)).toEqual(seen);
});

it('hours later the worker still lives, its camera still sends, and the window opens', () => {
  const before = structuredClone(seen);
  const early = decide(atInstant(seen, noonMs, noonMs + 2 * hourMs), policy(), noonMs + 2 * hourMs);
  expect(early.plan.inputs).toMatchObject({ workersServing: 1, workersNeeded: 1, camerasWantedSoon: 0 });
  const atMs = noonMs + 3 * hourMs - 420_000;
  const late = decide(atInstant(seen, noonMs, atMs), policy(), atMs);
  expect(late.plan.reason).toContain('the window of later opens at 2026-11-24T15:00:00Z');
  expect(plannedActions(late)).toEqual(['the Auto Scaling group would go from 1 to 2']);
  expect(late.changes.filter(({ ownership }) => ownership !== null)).toEqual([]);
  expect(seen).toEqual(before);
});

it('tells cameras that would be given', () => {
  const opensMs = noonMs + 3 * hourMs;
  const grown = observation(seen.cameras, [worker('w1', { running: { now: report() } }), worker('w2')]);
  const then = decide(atInstant(grown, noonMs, opensMs), policy(), opensMs);
  expect(plannedActions(then)).toEqual(['1 camera would be given to workers']);
});
