/**
 * Where a camera's tracks are: which regions hold them, when they come and go, and which lines they cross.
 * A polygon is entered when the track's anchor point is inside, and left only when it is a margin outside, so that a box
 * that trembles on the edge does not come and go with every frame. A region of two points is a line.
 * Invariant: per track and region, enters and exits alternate and the last is an exit, with at most one dwell between an
 * enter and its exit; no track is known after its end.
 */
import type { Camera } from '../../core/camera.ts';
import {
  distanceToOutline,
  distanceToSegment,
  isInPolygon,
  type Point,
  passesBetween,
  sideOf,
} from '../../core/geometry.ts';

type Region = Camera['regions'][number];
type Box = readonly [number, number, number, number];

export type RegionEvent = {
  event: 'region-enter' | 'region-dwell' | 'region-exit' | 'line-cross';
  region: string;
  atMs: number;
  /** 1 for a track's first event of this kind in this region, then 2, … */
  ordinal: number;
  /** How long the track was inside: on exit in all, on dwell until then. */
  dwellMs?: number;
  /** Of a crossing, as seen by who walks the line from its first point to its second. */
  direction?: 'left-to-right' | 'right-to-left';
};

/** A hundredth of the frame: detectors tremble by less, and nobody draws finer. */
const MARGIN = 0.01;

type Stay = { sinceMs: number | null; enters: number; isDwellTold: boolean };
type Crossing = { side: -1 | 0 | 1; from: Point; count: number };
type TrackPlace = { stays: Map<string, Stay>; crossings: Map<string, Crossing>; lastSeenAtMs: number };

export class RegionWatch {
  readonly #excluded: readonly Region[];
  readonly #areas: readonly Region[];
  readonly #lines: readonly Region[];
  readonly #tracks = new Map<string, TrackPlace>();

  constructor(regions: readonly Region[]) {
    this.#excluded = regions.filter(({ mode }) => mode === 'exclude');
    this.#areas = regions.filter(({ mode, polygon }) => mode === 'include' && polygon.length > 2);
    this.#lines = regions.filter(({ mode, polygon }) => mode === 'include' && polygon.length === 2);
  }

  /** Lies its anchor point in a region that excludes it? Such a detection does not exist for this camera. */
  isExcluded(label: string, box: Box): boolean {
    return this.#excluded.some(
      (region) => concerns(region, label) && isInPolygon(region.polygon, anchorOf(region, box)),
    );
  }

  /** Names of the areas that hold a box, by its anchor point alone. */
  areasOf(label: string, box: Box): string[] {
    return this.#areas
      .filter((region) => concerns(region, label) && isInPolygon(region.polygon, anchorOf(region, box)))
      .map(({ name }) => name);
  }

  /** Where there are areas for a label, only what is in one of them counts. */
  counts(label: string, areas: readonly string[]): boolean {
    return areas.length > 0 || !this.#areas.some((region) => concerns(region, label));
  }

  /** A told track was seen. @returns the areas that it is in now, and what happened. */
  seen(trackId: string, label: string, box: Box, atMs: number): { areas: string[]; events: RegionEvent[] } {
    const place = this.#tracks.get(trackId) ?? { stays: new Map(), crossings: new Map(), lastSeenAtMs: atMs };
    this.#tracks.set(trackId, place);
    place.lastSeenAtMs = Math.max(place.lastSeenAtMs, atMs);
    const events: RegionEvent[] = [];
    const areas: string[] = [];
    for (const region of this.#areas) {
      const stay = place.stays.get(region.name) ?? { sinceMs: null, enters: 0, isDwellTold: false };
      const isInside = concerns(region, label) && isWithin(region, box, stay.sinceMs !== null);
      if (isInside) areas.push(region.name);
      place.stays.set(region.name, stay);
      if (isInside !== (stay.sinceMs !== null)) {
        events.push(isInside ? entered(region.name, stay, atMs) : left(region.name, stay, atMs));
      } else if (isInside) events.push(...dwelt(region, stay, atMs));
    }
    for (const line of this.#lines) {
      const crossing = concerns(line, label) ? crossed(line, place.crossings, box, atMs) : null;
      if (crossing !== null) events.push(crossing);
    }
    return { areas, events };
  }

  /** A track is over: it leaves whatever it was in when it was last seen. */
  ended(trackId: string): RegionEvent[] {
    const place = this.#tracks.get(trackId);
    this.#tracks.delete(trackId);
    if (place === undefined) return [];
    return [...place.stays].flatMap(([region, stay]) =>
      stay.sinceMs === null ? [] : [left(region, stay, place.lastSeenAtMs)],
    );
  }
}

function entered(region: string, stay: Stay, atMs: number): RegionEvent {
  stay.sinceMs = atMs;
  stay.enters += 1;
  stay.isDwellTold = false;
  return { event: 'region-enter', region, atMs, ordinal: stay.enters };
}

function dwelt({ name: region, dwellMs: askedMs }: Region, stay: Stay, atMs: number): RegionEvent[] {
  const dwellMs = atMs - (stay.sinceMs ?? atMs);
  if (askedMs === undefined || stay.isDwellTold || dwellMs < askedMs) return [];
  stay.isDwellTold = true;
  return [{ event: 'region-dwell', region, atMs, ordinal: stay.enters, dwellMs }];
}

function left(region: string, stay: Stay, atMs: number): RegionEvent {
  const dwellMs = Math.max(0, atMs - (stay.sinceMs ?? atMs));
  stay.sinceMs = null;
  return { event: 'region-exit', region, atMs, ordinal: stay.enters, dwellMs };
}

function isWithin(region: Region, box: Box, wasInside: boolean): boolean {
  const point = anchorOf(region, box);
  if (isInPolygon(region.polygon, point)) return true;
  return wasInside && distanceToOutline(region.polygon, point) <= MARGIN;
}

/** A line is crossed when the anchor point has come a margin beyond it, on a way that passes between its ends. */
function crossed(line: Region, crossings: Map<string, Crossing>, box: Box, atMs: number): RegionEvent | null {
  const [a, b] = line.polygon;
  if (a === undefined || b === undefined) return null;
  const point = anchorOf(line, box);
  const known = crossings.get(line.name);
  const side = distanceToSegment(a, b, point) < MARGIN ? 0 : sideOf(a, b, point);
  if (known === undefined) {
    crossings.set(line.name, { side, from: point, count: 0 });
    return null;
  }
  if (side === 0) return null;
  const isCrossed = known.side !== 0 && side !== known.side && passesBetween(a, b, known.from, point);
  known.side = side;
  known.from = point;
  if (!isCrossed) return null;
  known.count += 1;
  const direction = side === 1 ? 'left-to-right' : 'right-to-left';
  return { event: 'line-cross', region: line.name, atMs, ordinal: known.count, direction };
}

function anchorOf({ anchor }: Region, [x1, y1, x2, y2]: Box): Point {
  const y = anchor === 'bottom-center' ? y2 : anchor === 'top-center' ? y1 : (y1 + y2) / 2;
  return [(x1 + x2) / 2, y];
}

/** A region with classes says nothing about other classes. */
function concerns({ classes }: Region, label: string): boolean {
  return classes.length === 0 || classes.includes(label);
}
