/**
 * Every order in which two workers, control and what goes wrong can meet, up to a depth: no camera has two unfenced owners, and
 * no frame is published under two epochs. `LEASE_FURTHER=2 npx vitest run lease-interleavings` looks two steps further.
 */
import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { LeaseModel } from './lease-model.ts';
import { type Setting, startMs, tickMs, type World } from './lease-world.ts';

type Found = { states: number; transitions: number; takeOvers: number; violation: string | null; path: string[] };

/** Breadth first, each state once, so that the first violation has the shortest way to it. */
function explore(setting: Setting, depthMax: number): Found {
  const model = new LeaseModel(setting);
  const first = model.first();
  const parents = new Map<string, { parent: string | null; step: string }>();
  let transitions = 0;
  let takeOvers = 0;
  let level = new Map([[keyOf(first), first]]);
  for (const key of level.keys()) parents.set(key, { parent: null, step: 'start' });
  for (let depth = 0; depth < depthMax; depth += 1) {
    const deeper = new Map<string, World>();
    for (const [parent, world] of level) {
      for (const [step, after] of model.next(world)) {
        transitions += 1;
        const key = keyOf(after);
        if (parents.has(key)) continue;
        parents.set(key, { parent, step });
        if (Object.values(after.processes.w2?.runs ?? {}).some(({ nextFrame }) => nextFrame > 0)) takeOvers += 1;
        const violation = model.violation(after);
        if (violation !== null)
          return { states: parents.size, transitions, violation, path: pathTo(parents, key), takeOvers };
        deeper.set(key, after);
      }
    }
    level = deeper;
  }
  return { states: parents.size, transitions, violation: null, path: [], takeOvers };
}

/** What an instant counts for is how long ago it was; beyond this no rule tells the difference. */
const ageMaxMs = 40_000;
const frameKeys = new Set(['nextFrame', 'fragmentNumber']);

/**
 * A digest of the state as seen from its own time: the same situation some ticks later is the same state.
 */
function keyOf({ nowMs, published, ...world }: World): string {
  const frame = Math.floor((nowMs - startMs) / tickMs);
  const text = JSON.stringify(world, function (this: unknown, key: string, value: unknown) {
    if (key.endsWith('Ms') && typeof value === 'number') return Math.min(ageMaxMs, nowMs - value);
    if (frameKeys.has(key)) return frame - Number(value);
    return value;
  });
  const newest = Object.values(published).map((one) => frame - one);
  return createHash('sha1').update(text).update(newest.join()).digest('base64');
}

function pathTo(parents: Map<string, { parent: string | null; step: string }>, key: string): string[] {
  const path: string[] = [];
  for (let at: string | null = key; at !== null; ) {
    const entry = parents.get(at);
    if (entry === undefined) break;
    path.unshift(entry.step);
    at = entry.parent;
  }
  return path;
}

const usual = { cameraIds: ['gate'], skewMs: {}, faultsMax: 1, isHandingOver: false, workerDeadAfterMs: 25_000 };
const further = Number(process.env.LEASE_FURTHER ?? 0);

it.each([
  ['one fault', usual, 10],
  ['a handover, and one fault', { ...usual, isHandingOver: true }, 10],
  ['a handover of two cameras, and one fault', { ...usual, isHandingOver: true, cameraIds: ['gate', 'yard'] }, 8],
  [
    'a handover, one fault, clocks 5 s behind and ahead',
    { ...usual, isHandingOver: true, skewMs: { w1: -5_000, w2: 5_000 } },
    10,
  ],
  ['two faults', { ...usual, faultsMax: 2 }, 6],
] as [string, Setting, number][])('%s', { timeout: 1_800_000 }, (name, setting, steps) => {
  const { states, transitions, takeOvers, violation, path } = explore(setting, steps + further);
  console.info(
    `${name}: ${states} states, ${transitions} transitions, every order of ${steps + further} steps; in ${takeOvers} of them the second worker watches`,
  );
  expect({ violation, path }).toEqual({ violation: null, path: [] });
  expect(takeOvers).toBeGreaterThan(100);
});

it('finds the way to two owners where control does not wait for the fence', () => {
  const { violation, path } = explore({ ...usual, workerDeadAfterMs: 10_000 }, 9);
  console.info(`control that waits 10 s: ${violation}, by ${path.join(', ')}`);
  expect(violation).not.toBeNull();
});
