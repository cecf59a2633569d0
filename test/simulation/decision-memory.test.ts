/** A decision that remembers is the decision that does not, to the letter: in random worlds, run by run. */
import { expect, it } from 'vitest';
import { type ControlDecision, decide } from '../../core/control/decide.ts';
import type { FleetObservation } from '../../core/control/observation.ts';
import { ControlLoop } from '../../core/simulation/control-loop.ts';
import type { FleetWorldInput } from '../../core/simulation/fleet-input.ts';
import { FleetWorld } from '../../core/simulation/fleet-world.ts';
import { randomWorld } from './random-world.ts';

const worlds = 60;

/** All that is carried out and recorded; what was looked at on the way there differs. */
function outcomeOf({ awake: _, demands: _demands, crowd: _crowd, ...outcome }: ControlDecision) {
  return outcome;
}

function play(input: FleetWorldInput) {
  const world = new FleetWorld(input);
  const counts = { decisions: 0, settled: 0, closeToWindows: 0, lookedAt: 0 };
  const onDecision = (decision: ControlDecision, observation: FleetObservation) => {
    counts.decisions += 1;
    counts.settled += decision.crowd.members.length;
    counts.closeToWindows += decision.crowd.members.filter(({ state }) => state.phase === 'warming').length;
    counts.lookedAt += decision.awake.length;
    const anew = decide(observation, input.policy, world.nowMs);
    expect(outcomeOf(decision)).toEqual(outcomeOf(anew));
  };
  new ControlLoop(world, { skipQuietRuns: true, onDecision });
  world.playUntil(input.toMs);
  return counts;
}

it(`${worlds} random worlds, each decision with a memory and without`, { timeout: 120_000 }, () => {
  const sums = { decisions: 0, settled: 0, closeToWindows: 0, lookedAt: 0 };
  for (let seed = 1; seed <= worlds; seed += 1) {
    const counts = play(randomWorld(`memory/${seed}`));
    for (const key of Object.keys(sums) as (keyof typeof sums)[]) sums[key] += counts[key];
  }
  const { decisions, settled, closeToWindows, lookedAt } = sums;
  console.info(
    `${decisions} decisions; ${settled} cameras settled, ${closeToWindows} of them close to windows, ${lookedAt} looked at`,
  );
  expect(decisions).toBeGreaterThan(10_000);
  expect(settled).toBeGreaterThan(5_000);
  expect(closeToWindows).toBeGreaterThan(50);
});
