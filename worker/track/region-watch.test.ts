/** Areas are entered and left as a person would say it; lines are crossed where they are. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { rigCamera } from '../worker-rig.test-factory.ts';
import { type RegionEvent, RegionWatch } from './region-watch.ts';

const square = (left: number, right: number, top = 0, bottom = 1) => [
  [left, top],
  [right, top],
  [right, bottom],
  [left, bottom],
];
const watchOf = (...regions: Record<string, unknown>[]) => new RegionWatch(rigCamera({ regions }).regions);
/** A box whose bottom centre is at x, y. */
const standing = (x: number, y: number) => [x - 0.02, y - 0.1, x + 0.02, y] as [number, number, number, number];
const play = (watch: RegionWatch, ways: [number, number][], label = 'car') =>
  ways.flatMap(([x, y], index) => watch.seen('t', label, standing(x, y), index * 1_000).events);
const words = (events: RegionEvent[]) => events.map(({ event, region, ordinal }) => `${event} ${region} ${ordinal}`);

test('include regions limit, exclude regions remove, the anchor decides, classes narrow', () => {
  const watch = watchOf(
    { name: 'road', polygon: square(0, 1, 0.5, 1) },
    { name: 'tree', polygon: square(0, 0.2), mode: 'exclude' },
    { name: 'door', polygon: square(0.4, 0.6), anchor: 'center', classes: ['person'] },
  );
  expect(watch.areasOf('car', [0.3, 0.4, 0.5, 0.6])).toEqual(['road']);
  expect(watch.areasOf('car', [0.3, 0.1, 0.5, 0.4])).toEqual([]);
  expect(watch.counts('car', [])).toBe(false);
  expect(watch.isExcluded('car', [0, 0.4, 0.2, 0.9])).toBe(true);
  expect(watch.isExcluded('car', [0.3, 0.4, 0.5, 0.9])).toBe(false);
  expect(watch.areasOf('person', [0.45, 0.1, 0.55, 0.3])).toEqual(['door']);
  expect(watchOf().counts('car', [])).toBe(true);
  expect(watchOf({ name: 'door', polygon: square(0, 1), classes: ['person'] }).counts('car', [])).toBe(true);
});

describe('an area', () => {
  test('is entered, dwelt in and left, as often as it happens', () => {
    const watch = watchOf({ name: 'gate', polygon: square(0.4, 0.6) });
    const ways: [number, number][] = [0.1, 0.5, 0.55, 0.8, 0.5, 0.5].map((x) => [x, 0.5]);
    const events = play(watch, ways);
    expect(words(events)).toEqual(['region-enter gate 1', 'region-exit gate 1', 'region-enter gate 2']);
    expect(events[1]).toMatchObject({ atMs: 3_000, dwellMs: 2_000 });
    expect(watch.ended('t')).toEqual([
      { event: 'region-exit', region: 'gate', atMs: 5_000, ordinal: 2, dwellMs: 1_000 },
    ]);
    expect(watch.ended('t')).toEqual([]);
  });

  test('tells once of each stay that lasts as long as its row asks', () => {
    const watch = watchOf({ name: 'gate', polygon: square(0.4, 0.6), dwellMs: 2_000 });
    const ways: [number, number][] = [0.5, 0.5, 0.5, 0.5, 0.8, 0.5, 0.5, 0.8, 0.5, 0.5, 0.5].map((x) => [x, 0.5]);
    const events = play(watch, ways);
    expect(words(events)).toEqual([
      'region-enter gate 1',
      'region-dwell gate 1',
      'region-exit gate 1',
      'region-enter gate 2',
      'region-exit gate 2',
      'region-enter gate 3',
      'region-dwell gate 3',
    ]);
    expect(events[1]).toMatchObject({ atMs: 2_000, dwellMs: 2_000 });
    expect(watch.ended('t')).toMatchObject([{ event: 'region-exit', ordinal: 3, dwellMs: 2_000 }]);
  });

  test('is not left by what trembles on its edge', () => {
    const watch = watchOf({ name: 'gate', polygon: square(0.4, 0.6) });
    const ways: [number, number][] = [0.45, 0.402, 0.396, 0.402, 0.395, 0.401].map((x) => [x, 0.5]);
    expect(words(play(watch, ways))).toEqual(['region-enter gate 1']);
  });
});

describe('a line', () => {
  const line = { name: 'stop', polygon: [[0.5, 0.9], [0.5, 0.1]] }; // biome-ignore format: one line reads better

  test('is crossed in a direction, once per crossing, and trembling on it is no crossing', () => {
    const ways = [0.3, 0.45, 0.499, 0.501, 0.498, 0.52, 0.6, 0.504, 0.48].map((x): [number, number] => [x, 0.5]);
    const events = play(watchOf(line), ways);
    expect(words(events)).toEqual(['line-cross stop 1', 'line-cross stop 2']);
    // Walking up the line, what comes from the left of the picture comes from the left.
    expect(events.map(({ direction }) => direction)).toEqual(['left-to-right', 'right-to-left']);
    expect(events[0]?.atMs).toBe(5_000);
  });

  test('is not crossed by who goes around it, and limits nothing', () => {
    const around: [number, number][] = [[0.3, 0.98], [0.7, 0.98]]; // biome-ignore format: one line reads better
    expect(play(watchOf(line), around)).toEqual([]);
    expect(watchOf(line).counts('car', [])).toBe(true);
    expect(watchOf(line).areasOf('car', standing(0.5, 0.5))).toEqual([]);
  });
});

test('whatever tracks do, enters and exits alternate per area, dwell lies between them, and the end closes all', () => {
  const unit = fc.double({ min: 0, max: 1, noNaN: true });
  const steps = fc.array(fc.tuple(fc.constantFrom('a', 'b'), unit, unit, fc.integer({ min: -500, max: 3_000 })));
  fc.assert(
    fc.property(steps, (ways) => {
      const watch = watchOf(
        { name: 'left', polygon: square(0, 0.5), dwellMs: 1_500 },
        { name: 'low', polygon: square(0.2, 1, 0.5, 1), anchor: 'center' },
        { name: 'line', polygon: [[0.1, 0.1], [0.9, 0.8]] }, // biome-ignore format: one line reads better
      );
      const told = new Map<string, RegionEvent[]>();
      let atMs = 0;
      const take = (id: string, events: RegionEvent[]) => told.set(id, [...(told.get(id) ?? []), ...events]);
      for (const [id, x, y, elapsedMs] of ways) {
        atMs += elapsedMs;
        take(id, watch.seen(id, 'car', standing(x, y), atMs).events);
      }
      for (const id of ['a', 'b']) take(id, watch.ended(id));
      for (const events of told.values()) {
        for (const name of ['left', 'low']) {
          const own = events.filter(({ region, event }) => region === name && event !== 'region-dwell');
          own.forEach(({ event, ordinal, dwellMs }, index) => {
            expect(event).toBe(index % 2 === 0 ? 'region-enter' : 'region-exit');
            expect(ordinal).toBe(Math.floor(index / 2) + 1);
            expect(dwellMs ?? 0).toBeGreaterThanOrEqual(0);
          });
          expect(own.length % 2).toBe(0);
          const dwells = events.filter(({ region, event }) => region === name && event === 'region-dwell');
          expect(new Set(dwells.map(({ ordinal }) => ordinal)).size).toBe(dwells.length);
          for (const dwell of dwells) {
            expect([name, (dwell.dwellMs ?? 0) >= 1_500]).toEqual(['left', true]);
            const stay = events.filter(({ region, ordinal }) => region === name && ordinal === dwell.ordinal);
            expect(stay.map(({ event }) => event)).toEqual(['region-enter', 'region-dwell', 'region-exit']);
          }
        }
      }
    }),
  );
});
