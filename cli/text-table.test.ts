import * as fc from 'fast-check';
import stringWidth from 'string-width';
import { expect, it } from 'vitest';
import { textTable } from './text-table.ts';

const columns = [{ head: 'camera', keep: true as const }, { head: 'phase', keep: true as const }, { head: 'why' }];
const long = 'a-camera-with-a-very-long-name-at-the-north-gate-of-the-old-yard';

it('gives everything where there is no terminal', () => {
  const why = 'no media since '.repeat(40).trim();
  expect(textTable(columns, [[long, 'silent', why]])).toBe(
    `camera${' '.repeat(long.length - 6)}  phase   why\n${long}  silent  ${why}`,
  );
});

it('cuts the last column with an ellipsis, and never an id', () => {
  const [, row = ''] = textTable(columns, [[long, 'waiting-capacity', 'waits for a worker']], 100).split('\n');
  expect(row).toContain(`${long}  waiting-capacity  waits for a wor…`);
  expect(stringWidth(row)).toBe(100);
});

it('whatever is in it: ids are whole, rows are lines, and nothing is wider than it has to be', () => {
  const word = fc.string({ minLength: 0, maxLength: 60 });
  const id = fc.stringMatching(/^[A-Za-z0-9._-]{1,64}$/);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(id, word, word), { maxLength: 8 }),
      fc.integer({ min: 20, max: 200 }),
      (rows, width) => {
        const shown = [{ head: 'camera', keep: true as const }, { head: 'phase' }, { head: 'why' }];
        const lines = textTable(shown, rows, width).split('\n');
        expect(lines).toHaveLength(rows.length + 1);
        const idWidth = Math.max(6, ...rows.map(([name]) => name.length));
        for (const [index, [name]] of rows.entries()) expect(lines[index + 1]?.startsWith(name)).toBe(true);
        for (const line of lines)
          expect(stringWidth(line)).toBeLessThanOrEqual(Math.max(width, idWidth + 2 + 8 + 2 + 8));
      },
    ),
    { seed: 7, numRuns: 300 },
  );
});
