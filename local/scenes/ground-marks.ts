/** Painted marks on the ground, given in road coordinates: filled patches, solid lines and dashes, in world metres. */
import type { Point2 } from './camera-view.ts';
import type { Layout, Marking } from './layout.ts';

export function patch(layout: Layout, along0: number, along1: number, across0: number, across1: number): Point2[] {
  return [
    layout.toWorld(along0, across0),
    layout.toWorld(along1, across0),
    layout.toWorld(along1, across1),
    layout.toWorld(along0, across1),
  ];
}

export function line(layout: Layout, across: number, start: number, end: number): Marking {
  return { polygon: patch(layout, start - 40, end + 200, across - 0.06, across + 0.06), faint: false };
}

export function dashes(layout: Layout, across: number, start: number, end: number): Marking[] {
  const result: Marking[] = [];
  for (let along = start - 20; along < end + 40; along += 7)
    result.push({ polygon: patch(layout, along, along + 3, across - 0.07, across + 0.07), faint: false });
  return result;
}
