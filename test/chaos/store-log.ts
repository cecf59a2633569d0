/**
 * What the process of control and local cloud holds, part by part, four times a minute: each store of the local cloud, what the
 * watch of this run remembers, the code that V8 has compiled, and the live memory after a full collection. Resident memory tells too late and too little:
 * it hides a leak behind what the collector has not taken yet, and keeps what a store has long let go.
 * Invariant: what is told of a store is what the store itself counts; the rest is live memory that no store answers for. What
 * stays until somebody deletes it grows with the run by right; the rest must not.
 */
import { systemClock } from '../../core/clock.ts';
import type { HeldStore } from '../../local/service.ts';
import type { ChaosWorld } from './chaos-world.ts';
import { collectsEveryMs, compiledCodeBytes, fullCollection } from './own-heap.ts';
import { type Slope, slopeOf } from './slope.ts';
import type { Watch } from './watch.ts';

const sampleEveryMs = collectsEveryMs;
const megabyte = 1024 * 1024;

export type StoreSample = { atMs: number; liveBytes: number; stores: HeldStore[] };
export type StoreUse = Omit<HeldStore, 'items' | 'bytes'> & {
  items: { first: number; last: number };
  megabytes: { first: number; last: number };
  slope: Slope | null;
};
export type StoreUses = {
  /** After a full collection: JavaScript objects and buffers. */
  live: Omit<StoreUse, 'items' | 'bound' | 'store'>;
  /** Live, less what the stores count. */
  rest: Omit<StoreUse, 'items' | 'bound' | 'store'>;
  stores: StoreUse[];
  livedSeconds: number;
};

export class StoreLog {
  readonly #samples: StoreSample[] = [];
  readonly #collect = fullCollection();
  #isStopped = false;
  #cancel = () => {};

  constructor(world: ChaosWorld, watch: Watch) {
    const look = async () => {
      const kept = [...(await world.cloud.held()), ...watch.held()];
      this.#collect();
      const compiled = { store: 'V8: compiled code', items: 1, bytes: compiledCodeBytes(), bound: 'the program' };
      const stores = [...kept, compiled];
      const { heapUsed, external } = process.memoryUsage();
      this.#samples.push({ atMs: systemClock.monotonicMs(), liveBytes: heapUsed + external, stores });
      if (!this.#isStopped) this.#cancel = systemClock.setTimer(sampleEveryMs, () => void look());
    };
    void look();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel();
  }

  uses(): StoreUses {
    return storeUses(this.#samples);
  }
}

export function storeUses(samples: readonly StoreSample[]): StoreUses {
  const names = [...new Set(samples.flatMap(({ stores }) => stores.map(({ store }) => store)))];
  const counted = (stores: readonly HeldStore[]) => stores.reduce((sum, { bytes }) => sum + bytes, 0);
  return {
    live: useOf(samples.map(({ atMs, liveBytes }) => ({ atMs, bytes: liveBytes }))),
    rest: useOf(samples.map(({ atMs, liveBytes, stores }) => ({ atMs, bytes: liveBytes - counted(stores) }))),
    stores: names.map((name) => {
      const held = samples.flatMap(({ atMs, stores }) =>
        stores.filter(({ store }) => store === name).map((store) => ({ atMs, ...store })),
      );
      const { items: first = 0, bound = '' } = held[0] ?? {};
      return { store: name, bound, items: { first, last: held.at(-1)?.items ?? 0 }, ...useOf(held) };
    }),
    livedSeconds: ((samples.at(-1)?.atMs ?? 0) - (samples[0]?.atMs ?? 0)) / 1_000,
  };
}

function useOf(samples: readonly { atMs: number; bytes: number }[]) {
  const sizes = samples.map(({ atMs, bytes }) => ({ atMs, value: bytes / megabyte }));
  return {
    megabytes: { first: sizes[0]?.value ?? 0, last: sizes.at(-1)?.value ?? 0 },
    slope: slopeOf(sizes),
  };
}
