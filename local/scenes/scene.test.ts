import { createCanvas } from '@napi-rs/canvas';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type SceneKind, sceneKinds } from './layout.ts';
import { createScene, type Scene, type SceneState } from './scene.ts';
import { countsAsTruth, READABLE_PLATE_WIDTH_PX_MIN, truthLabels } from './truth.ts';

const SIZE = { width: 320, height: 180 };
const ASPECT = 16 / 9;

function pixelsOf(scene: Scene, state: SceneState): Buffer {
  const canvas = createCanvas(scene.settings.width, scene.settings.height);
  scene.draw(canvas.getContext('2d'), state);
  return canvas.data();
}

/** Times at which something moves in most scenes, spread over the period. */
const instants = [1000, 9000, 17_000, 25_000, 33_000, 41_000];

describe('a scene', () => {
  test('is the same for the same seed, whatever was asked before, and another for another seed', () => {
    const first = createScene({ ...SIZE, seed: 7, kind: 'street' });
    const second = createScene({ ...SIZE, seed: 7, kind: 'street' });
    second.state(31_234);
    expect(second.state(5000).objects).toEqual(first.state(5000).objects);
    expect(pixelsOf(second, second.state(5000)).equals(pixelsOf(first, first.state(5000)))).toBe(true);
    const other = createScene({ ...SIZE, seed: 8, kind: 'street' });
    expect(pixelsOf(other, other.state(5000)).equals(pixelsOf(first, first.state(5000)))).toBe(false);
  });

  test('does not change its place when the frame is larger: boxes are shares of the frame', () => {
    const small = createScene({ ...SIZE, seed: 21, kind: 'crossing' }).state(9000).objects;
    const large = createScene({ width: 1280, height: 720, seed: 21, kind: 'crossing' }).state(9000).objects;
    const find = (id: string) => large.find((object) => object.objectId === id);
    for (const object of small.filter((one) => countsAsTruth(one, ASPECT))) {
      const twin = find(object.objectId);
      expect(twin?.label).toBe(object.label);
      for (const [index, value] of object.box.entries()) expect(twin?.box[index]).toBeCloseTo(value, 1);
    }
  });

  test('loops: the instant after a period is the instant before it', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...sceneKinds),
        fc.integer({ min: 1, max: 500 }),
        fc.nat(47_999),
        (kind, seed, timeMs) => {
          const scene = createScene({ ...SIZE, seed, kind });
          expect(scene.state(timeMs + scene.periodMs).objects.map(withoutRounding)).toEqual(
            scene.state(timeMs).objects.map(withoutRounding),
          );
        },
      ),
      { numRuns: 12 },
    );
  });

  test('tells truths that are boxes inside the frame, of known labels, each object once', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...sceneKinds),
        fc.integer({ min: 1, max: 500 }),
        fc.nat(47_999),
        (kind, seed, timeMs) => {
          const { objects } = createScene({ ...SIZE, seed, kind }).state(timeMs);
          for (const { box, label, visibleFraction, plate } of objects) {
            expect(truthLabels).toContain(label);
            expect(visibleFraction).toBeGreaterThan(0);
            expect(visibleFraction).toBeLessThanOrEqual(1);
            expect(box[0] < box[2] && box[1] < box[3] && Math.min(...box) >= 0 && Math.max(...box) <= 1).toBe(true);
            if (plate === undefined) continue;
            expect(plate.value).toMatch(/^[A-Z0-9-]{6,9}$/);
            expect(
              plate.box[0] >= box[0] - 0.01 && plate.box[2] <= box[2] + 0.01 && plate.box[3] <= box[3] + 0.01,
            ).toBe(true);
          }
          expect(new Set(objects.map((object) => object.objectId)).size).toBe(objects.length);
        },
      ),
      { numRuns: 25 },
    );
  });

  test.each(sceneKinds)('draws in a %s what its truth says, and where', (kind: SceneKind) => {
    let judged = 0;
    const scene = createScene({ ...SIZE, seed: 3, kind, backdrop: 'hills' });
    for (const timeMs of instants) {
      const state = scene.state(timeMs);
      const drawn = pixelsOf(scene, state);
      const empty = pixelsOf(scene, { ...state, placed: [], objects: [] });
      for (const object of state.objects) {
        if (object.visibleFraction < 0.7 || !countsAsTruth(object, ASPECT)) continue;
        judged += 1;
        expect(changedShare(drawn, empty, object.box), `${object.objectId} at ${timeMs}`).toBeGreaterThan(
          object.label === 'bicycle' ? 0.12 : 0.25,
        );
      }
    }
    expect(judged).toBeGreaterThan(5);
  });

  test('has an instant with nothing in view when it is quiet, and every kind of object otherwise', () => {
    const quiet = createScene({ ...SIZE, seed: 12, kind: 'street', quiet: true });
    const counts = Array.from({ length: 96 }, (_, index) => quiet.state(index * 500).objects.length);
    expect(Math.min(...counts)).toBe(0);
    expect(Math.max(...counts)).toBeGreaterThan(3);
    const labels = new Set(
      sceneKinds.flatMap((kind) =>
        instants.flatMap((timeMs) =>
          createScene({ ...SIZE, seed: 5, kind, quiet: false })
            .state(timeMs)
            .objects.map((object) => object.label),
        ),
      ),
    );
    expect([...labels].sort()).toEqual([...truthLabels].sort());
  });

  test('hides what stands behind: the farther of two that overlap loses what the nearer takes', () => {
    const partly = [1, 2, 3, 4]
      .flatMap((seed) =>
        instants.flatMap(
          (timeMs) => createScene({ ...SIZE, seed, kind: 'parking', density: 1.5 }).state(timeMs).objects,
        ),
      )
      .filter((object) => object.visibleFraction > 0.1 && object.visibleFraction < 0.9);
    expect(partly.length).toBeGreaterThan(10);
  });

  test('shows readable plates at 1280×720', () => {
    const scene = createScene({ width: 1280, height: 720, seed: 101, kind: 'street' });
    const widths = Array.from({ length: 40 }, (_, index) =>
      scene.state(index * 1200).objects.map((object) => object.plate?.widthPx ?? 0),
    ).flat();
    expect(widths.filter((width) => width >= READABLE_PLATE_WIDTH_PX_MIN).length).toBeGreaterThan(5);
  });
});

/** Share of a box's pixels that differ clearly between two frames. */
function changedShare(a: Buffer, b: Buffer, [x1, y1, x2, y2]: readonly number[]): number {
  let changed = 0;
  let all = 0;
  for (let y = Math.ceil((y1 as number) * SIZE.height); y < Math.floor((y2 as number) * SIZE.height); y += 1) {
    for (let x = Math.ceil((x1 as number) * SIZE.width); x < Math.floor((x2 as number) * SIZE.width); x += 1) {
      const at = (y * SIZE.width + x) * 4;
      const difference = [0, 1, 2].reduce(
        (sum, channel) => sum + Math.abs((a[at + channel] as number) - (b[at + channel] as number)),
        0,
      );
      all += 1;
      if (difference > 12) changed += 1;
    }
  }
  return all === 0 ? 1 : changed / all;
}

/** The shake's sine is not exactly periodic in floating point. */
function withoutRounding(object: { objectId: string; box: readonly number[]; visibleFraction: number }) {
  return { objectId: object.objectId, box: object.box.map((value) => Math.round(value * 100) / 100 + 0) };
}
