/**
 * Outlines of regions in fractions of the frame, as one draws them: corners set, moved and taken out.
 * Invariant: corners stay within the frame, at a thousandth; what is typed and no corner is left out of the picture.
 */
export type Corner = [number, number];

export function cornersOf(polygon: unknown): Corner[] {
  if (!Array.isArray(polygon)) return [];
  return polygon.filter(
    (point): point is Corner =>
      Array.isArray(point) && point.length === 2 && point.every((one) => typeof one === 'number'),
  );
}

export function within([x, y]: Corner): Corner {
  const inside = (value: number) => Math.round(Math.min(1, Math.max(0, value)) * 1_000) / 1_000;
  return [inside(x), inside(y)];
}

export function withCorner(corners: readonly Corner[], index: number, corner: Corner): Corner[] {
  return corners.map((one, other) => (other === index ? within(corner) : one));
}

/** A further corner in the middle of the longest side, for who has no pointer. */
export function withOneMore(corners: readonly Corner[]): Corner[] {
  if (corners.length < 2) return [...corners, corners.length === 0 ? [0.4, 0.5] : [0.6, 0.5]];
  const sides = corners.map((from, index) => {
    const to = corners[(index + 1) % corners.length] ?? from;
    return { index, from, to, length: Math.hypot(to[0] - from[0], to[1] - from[1]) };
  });
  // A line has one side; its third corner makes it an area.
  if (corners.length === 2) return [...corners, within([corners[1]?.[0] ?? 0.5, (corners[1]?.[1] ?? 0.5) + 0.2])];
  const longest = sides.reduce((best, side) => (side.length > best.length ? side : best));
  const middle = within([(longest.from[0] + longest.to[0]) / 2, (longest.from[1] + longest.to[1]) / 2]);
  return corners.toSpliced(longest.index + 1, 0, middle);
}
