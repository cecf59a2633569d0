/**
 * Number plates: drawn as sharp vector text through the plate's own perspective (a parallelogram is near enough at this
 * size), so that a plate 60 px wide can be read back. Invariant: the outline reported is the paper that was painted, and
 * every letter lies within it, on one line: what the font lets hang below (J, Q) is drawn as high as the others.
 */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { GlobalFonts, type SKRSContext2D } from '@napi-rs/canvas';
import { type CameraView, type Point2, type Point3, projectPolygon } from './camera-view.ts';
import { css, fillPolygon } from './solid.ts';
import type { PlateMount } from './vehicle.ts';

const PLATE_FONT = 'Scene Plate';
/** The plate's own coordinate system, in which text is laid out. */
const PLATE_UNITS = { width: 310, height: 85, fontSize: 78, margin: 12 };
/** Of a letter on its left, where the font gives less: its J reaches under the letter before it. */
const BEARING_UNITS_MIN = 3;
/** Round letters reach so far below the line, as the eye wants it. */
const OVERSHOOT_UNITS_MAX = 2;
/** Narrower plates are a pale patch; text on them would be a smear. */
const TEXT_WIDTH_PX_MIN = 20;

const fontFolder = join(dirname(createRequire(import.meta.url).resolve('dejavu-fonts-ttf/package.json')), 'ttf');
GlobalFonts.registerFromPath(join(fontFolder, 'DejaVuSansCondensed-Bold.ttf'), PLATE_FONT);

/** The four corners in the frame, from the reader's top left clockwise; null when it faces away or is cut off. */
export function plateOutline(
  view: CameraView,
  plate: PlateMount,
  x: number,
  y: number,
  heading: number,
): { value: string; points: Point2[]; widthPx: number } | null {
  const sine = Math.sin(heading);
  const cosine = Math.cos(heading);
  const corners = plate.corners.map(
    ([cx, cy, cz]): Point3 => [x + cx * cosine + cy * sine, y + cy * cosine - cx * sine, cz],
  );
  const [first] = corners as [Point3, ...Point3[]];
  const towardsCamera = plate.facing * (-first[0] * sine - first[1] * cosine);
  if (towardsCamera <= 0.15 * Math.hypot(first[0], first[1])) return null;
  const points = projectPolygon(view, corners);
  if (points.length !== 4) return null;
  const [topLeft, topRight, , bottomLeft] = points as [Point2, Point2, Point2, Point2];
  const widthPx = Math.hypot(topRight[0] - topLeft[0], topRight[1] - topLeft[1]);
  return widthPx < 4 || Math.hypot(bottomLeft[0] - topLeft[0], bottomLeft[1] - topLeft[1]) < 2
    ? null
    : { value: plate.value, points, widthPx };
}

export function drawPlate(
  context: SKRSContext2D,
  view: CameraView,
  plate: PlateMount,
  x: number,
  y: number,
  heading: number,
): void {
  const outline = plateOutline(view, plate, x, y, heading);
  if (outline === null) return;
  const [topLeft, topRight, , bottomLeft] = outline.points as [Point2, Point2, Point2, Point2];
  fillPolygon(context, outline.points, css(plate.paper));
  if (outline.widthPx < TEXT_WIDTH_PX_MIN) return;
  const { width, height, fontSize, margin } = PLATE_UNITS;
  context.save();
  context.transform(
    (topRight[0] - topLeft[0]) / width,
    (topRight[1] - topLeft[1]) / width,
    (bottomLeft[0] - topLeft[0]) / height,
    (bottomLeft[1] - topLeft[1]) / height,
    topLeft[0],
    topLeft[1],
  );
  context.font = `${fontSize}px "${PLATE_FONT}"`;
  context.fillStyle = css(plate.ink);
  const glyphs = [...plate.value].map((letter) => ({ letter, ...glyphOf(context, letter) }));
  const natural = glyphs.reduce((sum, { lead, advance }) => sum + lead + advance, 0);
  const squeeze = Math.min(1, (width - 2 * margin) / natural);
  context.translate(width / 2, (height + glyphOf(context, 'H').above) / 2);
  context.scale(squeeze, 1);
  let at = -natural / 2;
  for (const { letter, lead, advance, rise } of glyphs) {
    context.save();
    context.translate(at + lead, 0);
    context.scale(1, rise.scale);
    context.fillText(letter, 0, -rise.units);
    context.restore();
    at += lead + advance;
  }
  context.restore();
}

type Glyph = {
  lead: number;
  advance: number;
  /** Of its top above the line. */
  above: number;
  /** By how much it is lifted, and then how much of its height is left, so that it ends at the line and at the same top. */
  rise: { units: number; scale: number };
};
const knownGlyphs = new Map<string, Glyph>();

/** @param context with the plate's font. */
function glyphOf(context: SKRSContext2D, letter: string): Glyph {
  let glyph = knownGlyphs.get(letter);
  if (glyph === undefined) {
    const { width, actualBoundingBoxLeft, actualBoundingBoxAscent, actualBoundingBoxDescent } =
      context.measureText(letter);
    const units = actualBoundingBoxDescent > OVERSHOOT_UNITS_MAX ? actualBoundingBoxDescent : 0;
    const rise = { units, scale: actualBoundingBoxAscent / (actualBoundingBoxAscent + units) };
    const lead = Math.max(0, BEARING_UNITS_MIN + actualBoundingBoxLeft);
    glyph = { lead, advance: width, above: actualBoundingBoxAscent, rise };
    knownGlyphs.set(letter, glyph);
  }
  return glyph;
}
