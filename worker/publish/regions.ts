/**
 * Which regions of a camera a detection is in, and whether it counts at all. Pure.
 * Invariant: a detection counts when no exclude region holds its anchor point and, where the camera has include regions
 * with polygons, at least one of them does; a two-point polygon is a rectangle given by its corners.
 */
import type { Camera } from '../../core/camera.ts';

type Region = Camera['regions'][number];
type Box = readonly [number, number, number, number];

/** @returns the names of the include regions that hold the detection, or null when it does not count. */
export function regionsOf(regions: readonly Region[], label: string, box: Box): string[] | null {
  const holding = regions.filter((region) => isInRegion(region, label, box));
  if (holding.some((region) => region.mode === 'exclude')) return null;
  const names = holding.map((region) => region.name);
  const isLimited = regions.some((region) => region.mode === 'include' && concerns(region, label));
  return isLimited && names.length === 0 ? null : names;
}

function isInRegion(region: Region, label: string, box: Box): boolean {
  if (!concerns(region, label)) return false;
  const [x1, y1, x2, y2] = box;
  const y = region.anchor === 'bottom-center' ? y2 : region.anchor === 'top-center' ? y1 : (y1 + y2) / 2;
  return isInPolygon(region.polygon, (x1 + x2) / 2, y);
}

/** A region with classes says nothing about other classes. */
function concerns(region: Region, label: string): boolean {
  return region.classes.length === 0 || region.classes.includes(label);
}

/** Ray casting; points of the left and upper edges are inside. */
export function isInPolygon(polygon: readonly (readonly [number, number])[], x: number, y: number): boolean {
  const [first, second] = polygon;
  if (polygon.length === 2 && first !== undefined && second !== undefined) {
    const [left, right] = first[0] < second[0] ? [first[0], second[0]] : [second[0], first[0]];
    const [top, bottom] = first[1] < second[1] ? [first[1], second[1]] : [second[1], first[1]];
    return x >= left && x <= right && y >= top && y <= bottom;
  }
  let isInside = false;
  for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i, i += 1) {
    const [xi, yi] = polygon[i] as readonly [number, number];
    const [xj, yj] = polygon[j] as readonly [number, number];
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) isInside = !isInside;
  }
  return isInside;
}
