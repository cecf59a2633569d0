/** What must hold for every packing, whatever the cameras and workers: found by random search, not by example. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { headcount } from './headcount.ts';
import { type Bin, byPriority, type Load, placeCameras, ranked } from './pack.ts';

const binIds = ['a', 'b', 'c', 'd'];
const bins = fc
  .uniqueArray(fc.constantFrom(...binIds), { maxLength: 4 })
  .chain((ids) =>
    fc.tuple(
      ...ids.map((id) =>
        fc.integer({ min: 5, max: 40 }).map((capacity): Bin => ({ id, capacity, target: capacity * 0.75 })),
      ),
    ),
  );
const loads = fc.uniqueArray(
  fc.record({
    cameraId: fc.integer({ min: 0, max: 30 }).map((number) => `camera-${number}`),
    priority: fc.integer({ min: 0, max: 4 }).map((step) => step * 25),
    load: fc.integer({ min: 1, max: 24 }).map((half) => half / 2),
    binId: fc.option(fc.constantFrom(...binIds, 'gone')),
  }),
  { selector: (load) => load.cameraId, maxLength: 20 },
);

/** By camera. */
function placed(all: readonly Load[], bins: readonly Bin[]): { binOf: Map<string, string>; unplaced: Load[] } {
  const { places } = placeCameras(all, bins);
  const binOf = new Map<string, string>();
  for (const [at, { cameraId }] of all.entries()) {
    const binId = places[at];
    if (binId !== undefined) binOf.set(cameraId, binId);
  }
  return { binOf, unplaced: all.filter(({ cameraId }) => !binOf.has(cameraId)) };
}

function loadIn(bin: Bin, all: readonly Load[], binOf: ReadonlyMap<string, string>): { sum: number; count: number } {
  const inside = all.filter((load) => binOf.get(load.cameraId) === bin.id);
  return { sum: inside.reduce((total, load) => total + load.load, 0), count: inside.length };
}

it('ranked is the order of byPriority, whichever order comes in', () => {
  const orders = [
    (all: Load[]) => all,
    (all: Load[]) => all.toSorted((a, b) => (a.cameraId < b.cameraId ? -1 : 1)),
    (all: Load[]) => all.toSorted(byPriority),
  ];
  fc.assert(
    fc.property(loads, fc.constantFrom(...orders), (all, arrange) => {
      expect(ranked(arrange(all))).toEqual(all.toSorted(byPriority));
    }),
  );
});

describe('placeCameras', () => {
  it('loads no worker beyond its capacity, unless by a single camera', () => {
    fc.assert(
      fc.property(loads, bins, (all, workers) => {
        const { binOf } = placed(all, workers);
        for (const bin of workers) {
          const { sum, count } = loadIn(bin, all, binOf);
          expect(sum <= bin.capacity + 1e-6 || count === 1).toBe(true);
        }
      }),
    );
  });

  it('places every camera or names it as unplaced', () => {
    fc.assert(
      fc.property(loads, bins, (all, workers) => {
        const { binOf, unplaced } = placed(all, workers);
        expect(binOf.size + unplaced.length).toBe(all.length);
        for (const binId of binOf.values()) expect(workers.map((bin) => bin.id)).toContain(binId);
      }),
    );
  });

  it('does not depend on the order of its input', () => {
    fc.assert(
      fc.property(loads, bins, (all, workers) => {
        const forwards = placed(all, workers);
        const backwards = placed([...all].reverse(), [...workers].reverse());
        expect(new Map([...backwards.binOf].sort())).toEqual(new Map([...forwards.binOf].sort()));
      }),
    );
  });

  it('moves nothing when it is given its own answer', () => {
    fc.assert(
      fc.property(loads, bins, (all, workers) => {
        const { binOf } = placed(all, workers);
        const again = placed(
          all.map((load) => ({ ...load, binId: binOf.get(load.cameraId) ?? null })),
          workers,
        );
        expect(again.binOf).toEqual(binOf);
      }),
      { numRuns: 500 },
    );
  });

  it('leaves a camera out only where those of at least its priority leave it no room', () => {
    fc.assert(
      fc.property(loads, bins, (all, workers) => {
        const { binOf, unplaced } = placed(all, workers);
        for (const left of unplaced) {
          const atLeast = all.filter(({ priority }) => priority >= left.priority);
          for (const bin of workers) {
            const { sum, count } = loadIn(bin, atLeast, binOf);
            expect(count > 0 && sum + left.load > bin.capacity).toBe(true);
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  it('takes nobody’s place for an equal, nor for one that is watched elsewhere for the time being', () => {
    const carried = fc.record({ load: fc.integer({ min: 1, max: 10 }), priority: fc.constantFrom(0, 50, 100) });
    fc.assert(
      fc.property(loads, bins, fc.array(carried, { maxLength: 5 }), (all, workers, elsewhere) => {
        // Everybody who has a place has room in it.
        const sums = new Map<string | null, number>(workers.map(({ id }) => [id, 0]));
        const equals = all.map((load): Load => {
          const bin = workers.find(({ id }) => id === load.binId);
          const sum = (sums.get(load.binId) ?? 0) + load.load;
          const hasRoom = bin !== undefined && sum <= bin.capacity;
          if (hasRoom) sums.set(load.binId, sum);
          return { ...load, priority: 50, binId: hasRoom ? load.binId : null };
        });
        const others = elsewhere.map((one, index): Load => {
          return { ...one, cameraId: `a-${index}`, binId: null, isCarried: true };
        });
        const kept = workers.map((bin) => ({ ...bin, target: bin.capacity }));
        const { binOf } = placed([...equals, ...others], kept);
        for (const { cameraId, binId } of equals) if (binId !== null) expect(binOf.get(cameraId)).toBe(binId);
      }),
      { numRuns: 500 },
    );
  });

  it('leaves everybody where they are while every worker is within its target', () => {
    const workers: Bin[] = [
      { id: 'a', capacity: 20, target: 15 },
      { id: 'b', capacity: 20, target: 15 },
    ];
    const all: Load[] = [
      { cameraId: 'one', priority: 50, load: 5, binId: 'a' },
      { cameraId: 'two', priority: 50, load: 5, binId: 'b' },
      { cameraId: 'new', priority: 50, load: 5, binId: null },
    ];
    const { binOf } = placed(all, workers);
    expect(binOf.get('one')).toBe('a');
    expect(binOf.get('two')).toBe('b');
  });

  it('relieves a worker beyond its target once another has room', () => {
    const all: Load[] = ['one', 'two', 'three', 'four'].map((cameraId) => ({
      cameraId,
      priority: 50,
      load: 5,
      binId: 'a',
    }));
    const { binOf } = placed(all, [
      { id: 'a', capacity: 20, target: 15 },
      { id: 'b', capacity: 20, target: 15 },
    ]);
    expect([...binOf.values()].sort()).toEqual(['a', 'a', 'a', 'b']);
  });
});

describe('how many workers', () => {
  const newBin = { capacity: 20, target: 15 };

  it('adding what is missing is enough, and one fewer is not what the same packing would use', () => {
    fc.assert(
      fc.property(loads, bins, (all, workers) => {
        const missing = headcount(all, workers, newBin).missing;
        const more = Array.from({ length: missing }, (_, index): Bin => ({ id: `new-${index}`, ...newBin }));
        expect(headcount(all, [...workers, ...more], newBin).missing).toBe(0);
      }),
    );
  });

  it('spares only workers whose cameras fit on the others, emptiest first', () => {
    fc.assert(
      fc.property(loads, bins, (all, workers) => {
        const spared = headcount(all, workers, newBin).spare;
        const rest = workers.filter((bin) => !spared.includes(bin.id));
        if (spared.length === 0) return;
        expect(all.length === 0 || rest.length > 0).toBe(true);
        expect(headcount(all, rest, newBin).missing).toBe(0);
      }),
    );
  });

  it('spares nobody whom the next run would miss: step by step there is room, packed from their homes there is not', () => {
    const all: Load[] = [
      { cameraId: 'camera-0', priority: 0, load: 6.5, binId: 'a' },
      { cameraId: 'camera-1', priority: 0, load: 10.5, binId: 'd' },
      ...['camera-2', 'camera-3', 'camera-4'].map((cameraId) => ({ cameraId, priority: 0, load: 6, binId: null })),
    ];
    const workers: Bin[] = [
      { id: 'a', capacity: 5, target: 3.75 },
      { id: 'b', capacity: 17, target: 12.75 },
      { id: 'c', capacity: 5, target: 3.75 },
      { id: 'd', capacity: 30, target: 22.5 },
    ];
    const spared = headcount(all, workers, newBin).spare;
    const rest = workers.filter((bin) => !spared.includes(bin.id));
    expect(headcount(all, rest, newBin).missing).toBe(0);
  });

  it('spares nobody while somebody is missing', () => {
    const all: Load[] = [0, 1, 2].map((number) => ({ cameraId: `${number}`, priority: 50, load: 15, binId: null }));
    const workers: Bin[] = [{ id: 'a', ...newBin }];
    expect(headcount(all, workers, newBin).missing).toBe(2);
    expect(headcount(all, workers, newBin).spare).toEqual([]);
  });
});
