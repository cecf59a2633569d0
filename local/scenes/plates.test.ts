import { createCanvas } from '@napi-rs/canvas';
import { expect, test } from 'vitest';
import type { CameraView } from './camera-view.ts';
import { drawPlate, plateOutline } from './plates.ts';
import type { PlateMount } from './vehicle.ts';

/** Straight in front of a camera that looks along the ground: the plate is about 620 by 170 px. */
const view: CameraView = { width: 800, height: 300, focalPx: 4500, heightMeters: 1, pitch: 0 };
const characters = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-'];
const [ink, paper] = [255, 0];

function plateOf(value: string): PlateMount {
  const corners: PlateMount['corners'] = [
    [-0.35, 0, 1.095],
    [0.35, 0, 1.095],
    [0.35, 0, 0.905],
    [-0.35, 0, 0.905],
  ];
  return { value, ink: [ink, ink, ink], paper: [paper, paper, paper], facing: -1, corners };
}

/** The box around what is painted brighter than grey, on a black frame; edges of the plate in the same pixels. */
function drawn(value: string) {
  const canvas = createCanvas(view.width, view.height);
  const plate = plateOf(value);
  drawPlate(canvas.getContext('2d'), view, plate, 0, 5, 0);
  const points = plateOutline(view, plate, 0, 5, 0)?.points ?? [];
  const pixels = canvas.data();
  const box = { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity };
  const columns = new Set<number>();
  for (let y = 0; y < view.height; y += 1) {
    for (let x = 0; x < view.width; x += 1) {
      if ((pixels[(y * view.width + x) * 4] as number) < 128) continue;
      columns.add(x);
      box.left = Math.min(box.left, x);
      box.right = Math.max(box.right, x + 1);
      box.top = Math.min(box.top, y);
      box.bottom = Math.max(box.bottom, y + 1);
    }
  }
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  const edge = { left: Math.min(...xs), right: Math.max(...xs), top: Math.min(...ys), bottom: Math.max(...ys) };
  return { box, edge, columns };
}

test('every letter lies within the plate, with a margin, as a plate of metal has it', () => {
  for (const character of characters) {
    for (const value of [character, character.repeat(8)]) {
      const { box, edge } = drawn(value);
      const margin = (edge.bottom - edge.top) * 0.08;
      expect(box.top, `top of ${value}`).toBeGreaterThan(edge.top + margin);
      expect(box.bottom, `bottom of ${value}`).toBeLessThan(edge.bottom - margin);
      expect(box.left, `left of ${value}`).toBeGreaterThan(edge.left + margin);
      expect(box.right, `right of ${value}`).toBeLessThan(edge.right - margin);
    }
  }
});

test('letters and digits stand on one line and are of one height', () => {
  const { box: upright } = drawn('H');
  for (const character of characters.filter((one) => one !== '-')) {
    const { box } = drawn(character);
    const round = (upright.bottom - upright.top) * 0.04;
    expect(Math.abs(box.bottom - upright.bottom), `bottom of ${character}`).toBeLessThan(round);
    expect(Math.abs(box.top - upright.top), `top of ${character}`).toBeLessThan(round);
  }
});

test('no letter touches the one before it', () => {
  for (const character of characters) {
    const { box, columns } = drawn(`${character}J${character}`);
    const gaps = Array.from({ length: box.right - box.left }, (_, index) => box.left + index).filter(
      (x) => !columns.has(x) && columns.has(x - 1),
    );
    expect(gaps.length, `gaps around J between ${character}`).toBe(2);
  }
});
