/** Workers let go for what they save, moves kept within a minute's budget, and emergencies that know no budget. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FleetItem } from '../fleet-state.ts';
import { movesMade } from './consolidation.ts';
import { type ControlDecision, decide } from './decide.ts';
import { noonMs, observation, policy, report, state, worker } from './fleet-factories.ts';

const dayMs = 86_400_000;
const always = { rowChangedAtMs: noonMs - dayMs, accountedThroughMs: noonMs };
type Row = Record<string, unknown>;

/** Workers of 20 inferences/s, each with the cameras of its list; demand has been lower for long enough. */
function fleet(lists: Row[][], item: Partial<FleetItem> = {}, extra: Row[] = []) {
  const cameras = [
    ...lists.flatMap((rows, index) =>
      rows.map((row, place) =>
        state(`c${index}-${place}`, { ...always, ownerWorkerId: `w${index}`, epoch: 1, phase: 'running' }, row),
      ),
    ),
    ...extra.map((row, place) => state(`x-${place}`, always, row)),
  ];
  const workers = lists.map((rows, index) => {
    const running = Object.fromEntries(rows.map((_, place) => [`c${index}-${place}`, report()]));
    return worker(`w${index}`, { running });
  });
  const seen = observation(cameras, workers);
  return { ...seen, fleet: { ...seen.fleet, lowerDemandSinceMs: noonMs - 600_000, ...item } };
}
const fps = (value: number, more: Row = {}): Row => ({ detect: { fps: value }, ...more });
const run = (seen: ReturnType<typeof fleet>, given = {}) => decide(seen, policy(given), noonMs);
const chosenMoves = ({ changes, plan }: ControlDecision) =>
  plan.moves +
  changes.filter(({ ownership }) => ownership !== null && 'isChoice' in ownership && ownership.isChoice).length;

describe('consolidation', () => {
  it('lets a nearly empty worker go, with score and reason', () => {
    const { plan } = run(fleet([[fps(5), fps(5)], [fps(1)]]));
    expect(plan.consolidations).toEqual([
      { workerId: 'w1', moves: 1, savedSeconds: 3_600, score: 3_570, verdict: 'drained' },
    ]);
    expect(plan.drains).toEqual([
      {
        workerId: 'w1',
        reason: 'its cameras fit on fewer workers: saves 3600 s of an instance, moves 1 camera (score 3570)',
      },
    ]);
  });

  it('keeps it where the calendars need it again too soon for the moves', () => {
    // Ten cameras open in 12 minutes and take a worker more, which would boot 7 minutes before.
    const soon = { timeZone: 'UTC', windows: [{ start: '12:12', end: '18:00' }] };
    const coming = Array.from({ length: 10 }, () => fps(1, { schedule: soon }));
    const cameras = Array.from({ length: 12 }, () => fps(0.5));
    const seen = fleet([[fps(5), fps(3)], cameras], {}, coming);
    const { plan } = run(seen);
    expect(plan.drains).toEqual([]);
    expect(plan.desired.instances).toBe(2);
    expect(plan.consolidations).toMatchObject([{ workerId: 'w1', moves: 12, score: -60, verdict: 'not worth it' }]);
    expect(plan.reason).toContain(
      'worker w1 stays, not worth it: saves 300 s of an instance, moves 12 cameras (score -60)',
    );
  });

  it('waits for the next minute when the moves of this one are spent', () => {
    const lists = [
      [fps(5), fps(5)],
      [fps(1), fps(1)],
    ];
    const spent = { moves: { sinceMs: noonMs - 30_000, count: 3 } };
    const held = run(fleet(lists, spent), { movesPerMinuteMax: 4 });
    expect(held.plan.consolidations).toMatchObject([{ verdict: 'too many moves a minute' }]);
    expect(held.plan.drains).toEqual([]);
    const old = { moves: { sinceMs: noonMs - 60_000, count: 3 } };
    expect(run(fleet(lists, old), { movesPerMinuteMax: 4 }).plan.drains).toHaveLength(1);
  });

  it('a worker without cameras costs no moves and is not weighed', () => {
    const { plan } = run(fleet([[fps(5)], []]), { movesPerMinuteMax: 0 });
    expect(plan).toMatchObject({ moves: 0, consolidations: [], drains: [{ workerId: 'w1' }] });
  });
});

describe('the budget of moves', () => {
  it('bounds rebalancing and consolidation together, whatever the fleet', () => {
    const lists = fc.array(fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 8 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(lists, fc.nat(6), fc.nat(6), (loads, max, count) => {
        const item = { moves: { sinceMs: noonMs - 1_000, count } };
        const decision = run(
          fleet(
            loads.map((list) => list.map((load) => fps(load))),
            item,
          ),
          { movesPerMinuteMax: max },
        );
        const moves = chosenMoves(decision);
        // One worker may go alone in a fresh minute, with all its cameras.
        const alone = count === 0 && max > 0 && decision.plan.consolidations.filter((one) => one.verdict === 'drained');
        const bound = alone && alone.length === 1 ? Math.max(max, alone[0]?.moves ?? 0) : Math.max(0, max - count);
        expect(moves).toBeLessThanOrEqual(bound);
        expect(decision.moves).toEqual({ sinceMs: noonMs - 1_000, count: count + moves });
      }),
    );
  });

  it('does not bound an emergency: cameras of a dead worker go at once', () => {
    const seen = fleet([[fps(1), fps(1), fps(1)], []]);
    const [first, second] = seen.workers;
    if (first === undefined || second === undefined) throw new Error('there are two workers');
    const dead = { ...seen, workers: [{ ...first, stoppedAtMs: noonMs - 1_000 }, second] };
    const decision = decide(dead, policy({ movesPerMinuteMax: 0 }), noonMs);
    expect(decision.changes.map(({ ownership }) => ownership?.kind)).toEqual(['give', 'give', 'give']);
    expect(decision.moves.count).toBe(0);
  });

  it('of a clock that went back begins anew', () => {
    const item = { fleet: 'f', schemaVersion: 1 as const, moves: { sinceMs: noonMs + 5_000, count: 9 } };
    expect(movesMade(item, noonMs)).toEqual({ sinceMs: noonMs, count: 0 });
  });
});
