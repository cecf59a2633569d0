/**
 * Checks as people read them: a mark, the name, what was found, and the fix under each failure.
 * Invariant: the last line counts passed, failed and skipped, so that a long list needs no scrolling.
 */
import type { Check } from './preflight-checks.ts';

const marks = { passed: 'ok    ', failed: 'FAILED', skipped: 'skip  ' } as const;

export function checkLines(checks: readonly Check[]): string {
  const width = Math.max(...checks.map((check) => check.name.length));
  const indent = ' '.repeat(width + 10);
  const count = (status: Check['status']) => checks.filter((check) => check.status === status).length;
  return [
    ...checks.flatMap(({ name, status, found, fix }) => [
      `${marks[status]}  ${name.padEnd(width)}  ${found.replaceAll('\n', `\n${indent}`)}`,
      ...(fix === undefined ? [] : [`${indent}fix: ${fix}`]),
    ]),
    `${count('passed')} passed, ${count('failed')} failed, ${count('skipped')} skipped`,
  ].join('\n');
}
