/**
 * Which faults there are, and in which order a run meets them: drawn from the seed, every fault once before any comes again.
 * Invariant: the same seed gives the same order; pairs are of different rooms, so that one does not undo the other.
 */
import type { SeededRandom } from '../../core/seeded-random.ts';
import type { ChaosFault } from './fault.ts';
import { apiFaults } from './faults/apis.ts';
import { capacityFaults } from './faults/capacity.ts';
import { clockFaults } from './faults/clocks.ts';
import { controlFaults } from './faults/control.ts';
import { diskFaults } from './faults/disk.ts';
import { inputFaults } from './faults/input.ts';
import { mediaFaults } from './faults/media.ts';
import { modelFaults } from './faults/models.ts';
import { workerFaults } from './faults/workers.ts';

export const faults: readonly ChaosFault[] = [
  ...workerFaults,
  ...controlFaults,
  ...apiFaults,
  ...mediaFaults,
  ...clockFaults,
  ...capacityFaults,
  ...inputFaults,
  ...diskFaults,
  ...modelFaults,
];

/** Names of the faults that may lose no frame when they come alone. */
export const losesNothing: ReadonlySet<string> = new Set(
  faults.filter((fault) => fault.losesNothing === true).map(({ name }) => name),
);

/** Endless: every fault in turn, then pairs, and again. */
export function* agenda(random: SeededRandom, only: readonly string[]): Generator<readonly ChaosFault[]> {
  const chosen = faults.filter(({ name }) => only.length === 0 || only.includes(name));
  for (;;) {
    for (const fault of shuffled(chosen, random)) yield [fault];
    const isPairable = new Set(chosen.map(({ room }) => room)).size > 1;
    for (let pair = 0; isPairable && pair < Math.ceil(chosen.length / 4); pair += 1) {
      const first = random.pick(chosen);
      const second = random.pick(chosen.filter(({ room }) => room !== first.room));
      yield [first, second];
    }
  }
}

function shuffled<Item>(items: readonly Item[], random: SeededRandom): Item[] {
  return items
    .map((item) => ({ item, at: random.next() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}
