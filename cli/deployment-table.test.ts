/** The table of `kvs-infer validate`: its width, what a failure says, and the last line. */
import { describe, expect, it } from 'vitest';
import { deploymentTable } from './deployment-table.ts';

const item = (what: string, found: string, passed = true) => ({ what, expected: 'something else', found, passed });
const arn = `arn:aws:dynamodb:ap-southeast-1:123456789012:table/${'long-name-'.repeat(12)}end`;

describe('the table of deployment checks', () => {
  const table = deploymentTable([
    {
      name: 'registry',
      passed: true,
      items: [item('tables', arn), item('a name that is longer than its column', 'x')],
    },
    { name: 'network', passed: false, items: [item('way in', '0.0.0.0/0', false)] },
  ]);

  it('fits in 100 columns and loses nothing of a long value', () => {
    const lines = table.split('\n');
    expect(Math.max(...lines.map((line) => line.length))).toBe(100);
    const found = lines.map((line) => line.split('│')[3]?.trim() ?? '').join('');
    expect(found).toContain(arn);
  });

  it('says of each check whether it passed, and of a failed item what was expected', () => {
    expect(table).toMatch(/│ passed {2}registry/);
    expect(table).toMatch(/│ FAILED {2}network/);
    expect(table).toMatch(/│ FAILED │ way in +│ 0\.0\.0\.0\/0 +│\n│ +│ +│ expected: something else +│/);
    expect(table.match(/expected:/g)).toHaveLength(1);
  });

  it('ends with the counts and the names of what failed', () => {
    expect(table.split('\n').at(-1)).toBe('1 passed, 1 failed: network');
  });
});
