/** The ladder by its rungs: what makes it climb, what it remembers, and that Spot instances which are there keep their place. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CapacityLadder, climbLadder, shortageMemoryMs } from './capacity-ladder.ts';
import { noonMs, policy } from './fleet-factories.ts';
import type { GroupInstance, GroupObservation, LaunchFailure } from './observation.ts';

const zones = ['eu-west-1a', 'eu-west-1b'];
const laddered = policy({
  instanceTypes: ['g4dn.xlarge', 'g4dn.2xlarge'],
  fallbackInstanceTypes: ['g5.xlarge'],
  spotPercent: 70,
});
const deployed = { onDemandBase: 0, onDemandPercent: 30, instanceTypes: laddered.instanceTypes, zones };

const group = (desired: number, markets: GroupInstance['market'][], launch = deployed): GroupObservation => ({
  ...{ desired, min: 0, max: 20, launch },
  instances: markets.map((market, index) => ({
    instanceId: `i-${index}`,
    lifecycleState: 'InService',
    ...(market === undefined ? {} : { market }),
  })),
});
const failedIn = (atMs: number, names = zones): LaunchFailure[] =>
  names.map((zone) => ({ atMs, zone, code: 'InsufficientInstanceCapacity' }));

function climb(given: {
  nowMs?: number;
  ladder?: CapacityLadder | undefined;
  seen: GroupObservation;
  failures?: LaunchFailure[];
  using?: typeof laddered;
}) {
  return climbLadder({
    nowMs: given.nowMs ?? noonMs,
    policy: given.using ?? laddered,
    ladder: given.ladder,
    group: given.seen,
    failures: given.failures ?? [],
    desired: given.seen.desired,
  });
}

describe('climbing', () => {
  it('stands still while nothing is missing, and while a zone has not been tried yet', () => {
    expect(climb({ seen: group(2, ['spot', 'spot']), failures: failedIn(noonMs - 1_000) })).toMatchObject({
      ...{ rung: 'as deployed', choice: null, ladder: undefined, isExhausted: false, words: null },
    });
    const one = failedIn(noonMs - 1_000, ['eu-west-1a']);
    expect(climb({ seen: group(2, ['spot']), failures: one }).rung).toBe('as deployed');
    // Unless it has been trying for minutes, whatever it names.
    expect(climb({ seen: group(2, ['spot']), failures: failedIn(noonMs - 181_000, ['']) }).rung).toBe('on demand');
  });

  it('goes from rung to rung, by failures of that rung alone, and says when none is left', () => {
    const seen = group(1, []);
    const first = climb({ seen, failures: failedIn(noonMs - 1_000) });
    expect(first).toMatchObject({
      rung: 'on demand',
      choice: { onDemandBase: 0, onDemandPercent: 100, instanceTypes: ['g4dn.xlarge', 'g4dn.2xlarge'] },
      words:
        'launches on demand, because there was no capacity (as deployed: InsufficientInstanceCapacity in eu-west-1a and eu-west-1b)',
    });
    const old = climb({ nowMs: noonMs + 30_000, ladder: first.ladder, seen, failures: failedIn(noonMs - 1_000) });
    expect(old.rung).toBe('on demand');
    const second = climb({ nowMs: noonMs + 60_000, ladder: old.ladder, seen, failures: failedIn(noonMs + 59_000) });
    expect(second.choice?.instanceTypes).toEqual(['g4dn.xlarge', 'g4dn.2xlarge', 'g5.xlarge']);
    expect(second).toMatchObject({ rung: 'on demand with g5.xlarge', isExhausted: false });
    const third = climb({ nowMs: noonMs + 120_000, ladder: second.ladder, seen, failures: failedIn(noonMs + 119_000) });
    expect(third).toMatchObject({ rung: 'on demand with g5.xlarge', isExhausted: true });
    expect(third.words).toMatch(/^no capacity: 1 instance is missing, and nothing is left to try/);
  });

  it('a policy without types changes nothing, and still says that there is no capacity', () => {
    const step = climb({ seen: group(1, []), failures: failedIn(noonMs - 1_000), using: policy() });
    expect(step).toMatchObject({ choice: null, isExhausted: true });
  });
});

describe('memory', () => {
  it('tries the bottom again after 15 minutes, and only then', () => {
    const ladder = { rung: 1, sinceMs: noonMs, failed: [{ rung: 0, atMs: noonMs, words: 'x' }] };
    const seen = group(2, ['on-demand', 'on-demand'], { ...deployed, onDemandPercent: 100 });
    const before = climb({ nowMs: noonMs + shortageMemoryMs - 1, ladder, seen });
    expect(before).toMatchObject({ rung: 'on demand', choice: null, ladder });
    const after = climb({ nowMs: noonMs + shortageMemoryMs, ladder, seen });
    expect(after).toMatchObject({
      ...{ rung: 'as deployed', choice: { onDemandPercent: 30 } },
      ladder: { rung: 0, sinceMs: noonMs + shortageMemoryMs, failed: [] },
      words: 'launches as deployed again: the shortage is 15 minutes old',
    });
  });

  it('a failure that lies in the future (the clock went back) is not believed', () => {
    const ladder = { rung: 1, sinceMs: noonMs, failed: [{ rung: 0, atMs: noonMs + 3_600_000, words: 'x' }] };
    expect(climb({ ladder, seen: group(1, ['spot']) }).rung).toBe('as deployed');
  });
});

it('what is missing comes on demand, and no Spot instance loses its share', () => {
  const sizes = fc.record({ spot: fc.nat(40), onDemand: fc.nat(20), missing: fc.integer({ min: 1, max: 40 }) });
  fc.assert(
    fc.property(sizes, fc.nat(5), ({ spot, onDemand, missing }, base) => {
      const using = { ...laddered, onDemandBase: base };
      const desired = spot + onDemand + missing;
      const present = [...Array(spot).fill('spot'), ...Array(onDemand).fill('on-demand')];
      const ladder = { rung: 1, sinceMs: noonMs, failed: [{ rung: 0, atMs: noonMs, words: 'x' }] };
      const { choice } = climb({ ladder, seen: group(desired, present), using });
      const percent = choice?.onDemandPercent ?? deployed.onDemandPercent;
      // As Auto Scaling counts: the base first, and the rest rounded up.
      const aboveBase = Math.max(0, desired - base);
      const wantedOnDemand = Math.min(base, desired) + Math.ceil((aboveBase * percent) / 100);
      const deployedOnDemand = Math.min(base, desired) + Math.ceil(aboveBase * 0.3);
      if (deployedOnDemand <= desired - spot) expect(desired - wantedOnDemand).toBeGreaterThanOrEqual(spot);
      // No percentage hits every number of more than a hundred instances.
      if (aboveBase <= 100) expect(wantedOnDemand).toBeGreaterThanOrEqual(Math.min(desired - spot, desired));
    }),
  );
});
