/**
 * A table as command lines have them: no borders, a line to a row, as wide as its content. On a terminal it is cut to the
 * width; into a file or a pipe everything goes. Invariant: a column that is kept, as ids are, is never cut, so that what
 * is seen can be typed; the others give way from the last to the first, and a cut cell ends in `…`.
 */
import Table from 'cli-table3';
import stringWidth from 'string-width';

export type Column = {
  head: string;
  /** Never cut. */
  keep?: true;
  align?: 'left' | 'right';
  /** Not cut below. */
  widthMin?: number;
};

/** Between two columns. */
export const gapWidth = 2;
const widthMinDefault = 8;

const noBorders = Object.fromEntries([
  ['middle', ''],
  ...['top', 'bottom', 'left', 'right', 'mid'].flatMap((side) =>
    [side, `${side}-mid`, `${side}-left`, `${side}-right`].map((part) => [part, '']),
  ),
]);

/** Columns of a table of figures, each under its name. */
export function numbersAfterTheFirst(heads: readonly string[]): Column[] {
  return heads.map((head, index) => ({ head, keep: true, align: index === 0 ? 'left' : 'right' }));
}

/** @returns how much of a line can be seen; without limit where nobody looks at a terminal. */
export function outputWidth(): number {
  return process.stdout.isTTY ? process.stdout.columns || 80 : Number.POSITIVE_INFINITY;
}

export function textTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width = outputWidth(),
): string {
  const lines = rows.map((row) => row.map((cell) => cell.replaceAll(/\s*\n\s*/g, ' ')));
  const table = new Table({
    head: columns.map(({ head }) => head),
    colAligns: columns.map(({ align }) => align ?? 'left'),
    colWidths: fitted(columns, lines, width).map((cell) => cell + gapWidth),
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': gapWidth },
    chars: noBorders,
  });
  table.push(...lines.map((line) => [...line]));
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/** @returns what each column gets, without the gap after it. */
function fitted(columns: readonly Column[], rows: readonly (readonly string[])[], width: number): number[] {
  const widths = columns.map(({ head }, index) =>
    Math.max(stringWidth(head), ...rows.map((row) => stringWidth(row[index] ?? ''))),
  );
  let excess = widths.reduce((sum, each) => sum + each, 0) + gapWidth * (widths.length - 1) - width;
  for (const [index, { head, keep, widthMin = widthMinDefault }] of [...columns.entries()].reverse()) {
    const present = widths[index] ?? 0;
    if (excess <= 0 || keep) continue;
    const left = Math.max(Math.min(present, Math.max(widthMin, stringWidth(head))), present - excess);
    excess -= present - left;
    widths[index] = left;
  }
  return widths;
}
