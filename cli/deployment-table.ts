/**
 * The checks of `kvs-infer validate` as people read them: one table, a block per check, a line per item with the value
 * found. Invariant: it fits in 100 columns whatever was found; a failed item says what was expected; the last line names
 * the failed checks, so that nothing needs scrolling.
 */
import Table from 'cli-table3';
import type { CheckResult, ItemResult } from './deployment-checks/item.ts';

/** With their borders 100: two columns of the widest names, and the rest for what was found. */
const columnWidths = [8, 25, 63];
const foundWidth = 61;
/** An ARN or a digest has no spaces to wrap at. */
const longWord = new RegExp(`\\S{${foundWidth}}`, 'g');

export function deploymentTable(results: readonly CheckResult[]): string {
  const table = new Table({ colWidths: columnWidths, wordWrap: true, style: { head: [], border: [], compact: true } });
  for (const [index, { name, passed, items }] of results.entries()) {
    if (index > 0) table.push([{ colSpan: columnWidths.length, content: '' }]);
    table.push([{ colSpan: columnWidths.length, content: `${passed ? 'passed' : 'FAILED'}  ${name}` }]);
    for (const item of items) table.push([item.passed ? 'ok' : 'FAILED', item.what, wrappable(describe(item))]);
  }
  const failed = results.filter((result) => !result.passed);
  const names = failed.length === 0 ? '' : `: ${failed.map((result) => result.name).join(', ')}`;
  return `${table.toString()}\n${results.length - failed.length} passed, ${failed.length} failed${names}`;
}

function describe({ passed, found, expected }: ItemResult): string {
  return passed ? found : `${found}\nexpected: ${expected}`;
}

function wrappable(text: string): string {
  return text.replaceAll(longWord, '$& ');
}
