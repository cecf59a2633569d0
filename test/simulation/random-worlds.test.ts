/**
 * The control loop in worlds drawn at random, with faults from none to absurd: its invariants, watched from outside.
 * `SIMULATION_WORLDS=5000 SIMULATION_FIRST_SEED=1000 npx vitest run random-worlds` plays others; the seed replays one.
 */
import { expect, it } from 'vitest';
import { blindCauses } from '../../core/simulation/model-camera.ts';
import { InvariantWatch } from './invariants.ts';
import { randomWorld } from './random-world.ts';

const worlds = Number(process.env.SIMULATION_WORLDS ?? 300);
const firstSeed = Number(process.env.SIMULATION_FIRST_SEED ?? 1);
/** A world in so many is played twice. */
const replayEvery = 20;
const maxMs = 60_000 + worlds * 1_000;

it(`holds its invariants in ${worlds} random worlds`, { timeout: maxMs }, () => {
  const faults: Record<string, number> = {};
  const broken: string[] = [];
  const sums = { decisions: 0, ownersDue: 0, inferredHours: 0 };
  for (let seed = firstSeed; seed < firstSeed + worlds; seed += 1) {
    const watch = new InvariantWatch(randomWorld(String(seed)));
    watch.play();
    const { world, loop, violations, ownersDue } = watch;
    for (const what of violations) broken.push(`seed ${seed}: ${what}`);
    const { time } = world.account;
    const accountedMs = blindCauses.reduce((sum, cause) => sum + time[cause], time.inferred);
    const scheduledMs = scheduledWithin(watch);
    if (accountedMs !== scheduledMs)
      broken.push(`seed ${seed}: accounted ${accountedMs} ms of ${scheduledMs} scheduled`);
    if (seed % replayEvery === 0) {
      const again = new InvariantWatch(randomWorld(String(seed)));
      again.play();
      expect({ seed, time: again.world.account.time, states: [...again.world.states] }).toEqual({
        seed,
        time,
        states: [...world.states],
      });
    }
    for (const [name, count] of Object.entries(world.faults)) faults[name] = (faults[name] ?? 0) + count;
    sums.decisions += loop.decisions;
    sums.ownersDue += ownersDue;
    sums.inferredHours += time.inferred / 3_600_000;
  }
  console.info(
    `seeds ${firstSeed} to ${firstSeed + worlds - 1}: ${sums.decisions} decisions, ${sums.inferredHours.toFixed(0)} camera hours watched; faults: ${Object.entries(
      faults,
    )
      .map(([name, count]) => `${count} ${name}`)
      .join(', ')}`,
  );
  expect(broken).toEqual([]);
  // The watch had something to watch.
  expect(sums.ownersDue).toBeGreaterThan(worlds / 10);
  expect(Object.keys(faults).length).toBeGreaterThan(10);
});

function scheduledWithin({ world }: InvariantWatch): number {
  const { fromMs, toMs } = world.input;
  let sumMs = 0;
  for (const { intervals } of world.cameras.values()) {
    for (const { startMs, endMs } of intervals) sumMs += Math.max(0, Math.min(endMs, toMs) - Math.max(startMs, fromMs));
  }
  return sumMs;
}
