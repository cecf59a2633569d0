/**
 * Who belongs to whom at the least total cost: the Hungarian method with potentials, one shortest augmenting path per row
 * (Kuhn 1955, Munkres 1957; in the form of Jonker and Volgenant 1987). Pure; O(rows² × columns).
 * Invariant: one row takes at most one column and the reverse; a pair that is not allowed is never made, even when that
 * leaves both alone; the same matrix gives the same answer.
 */

/**
 * @param costs rows × columns, each finite and at most `costMax`, or +Infinity for a pair that is not allowed.
 * @param costMax what it costs to leave a row alone: more than any pair that is worth making.
 * @returns for each row its column, or null.
 */
export function assignAtLeastCost(costs: readonly (readonly number[])[], costMax: number): (number | null)[] {
  const rows = costs.length;
  const columns = costs[0]?.length ?? 0;
  if (rows === 0) return [];
  // Each row also has a column of its own that means "alone", so that a perfect matching always exists.
  const width = columns + rows;
  const cost = (row: number, column: number): number => {
    if (column >= columns) return column - columns === row ? costMax : Number.POSITIVE_INFINITY;
    const given = costs[row]?.[column] ?? Number.POSITIVE_INFINITY;
    return given <= costMax ? given : Number.POSITIVE_INFINITY;
  };
  const rowPotential = new Float64Array(rows + 1);
  const columnPotential = new Float64Array(width + 1);
  /** Row of each column, both counted from 1; 0 is nobody. */
  const rowOf = new Int32Array(width + 1);
  const cameFrom = new Int32Array(width + 1);
  for (let row = 1; row <= rows; row += 1) {
    const shortest = new Float64Array(width + 1).fill(Number.POSITIVE_INFINITY);
    const done = new Uint8Array(width + 1);
    rowOf[0] = row;
    let column = 0;
    do {
      done[column] = 1;
      const current = rowOf[column] as number;
      let next = 0;
      let delta = Number.POSITIVE_INFINITY;
      for (let other = 1; other <= width; other += 1) {
        if (done[other] === 1) continue;
        const reduced =
          cost(current - 1, other - 1) - (rowPotential[current] as number) - (columnPotential[other] as number);
        if (reduced < (shortest[other] as number)) {
          shortest[other] = reduced;
          cameFrom[other] = column;
        }
        if ((shortest[other] as number) < delta) {
          delta = shortest[other] as number;
          next = other;
        }
      }
      for (let other = 0; other <= width; other += 1) {
        if (done[other] === 1) {
          rowPotential[rowOf[other] as number] = (rowPotential[rowOf[other] as number] as number) + delta;
          columnPotential[other] = (columnPotential[other] as number) - delta;
        } else {
          shortest[other] = (shortest[other] as number) - delta;
        }
      }
      column = next;
    } while (rowOf[column] !== 0);
    while (column !== 0) {
      const previous = cameFrom[column] as number;
      rowOf[column] = rowOf[previous] as number;
      column = previous;
    }
  }
  const result = Array.from({ length: rows }, (): number | null => null);
  for (let column = 1; column <= columns; column += 1) {
    const row = rowOf[column] as number;
    if (row > 0) result[row - 1] = column - 1;
  }
  return result;
}
