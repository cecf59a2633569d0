/** The minute of many fleets: each has its run, and only a few are under way at once. */
import { expect, test } from 'vitest';
import { startControlStage } from './control-loop-stage.test-factory.ts';

test('twelve fleets have their minute, at most five at once', { timeout: 60_000 }, async () => {
  const fleets = Array.from({ length: 12 }, (_, index) => `fleet-${index + 1}`);
  const stage = await startControlStage({ startMs: Date.parse('2026-11-24T12:00:00Z'), policy: {}, fleets });
  try {
    const operations: string[] = [];
    const watch = ({ operation }: { operation: string }) => {
      operations.push(operation);
      return false;
    };
    stage.cloud.context.faults.inject(watch, { status: 500, code: 'never', message: '' });
    await stage.advance(60);
    const count = (of: string, among: readonly string[]) => among.filter((operation) => operation === of).length;
    // The first run of a fleet stores its decision, whatever it is; before that it writes nothing but its lock.
    expect(count('PutItem', operations)).toBe(12);
    expect(count('UpdateItem', operations.slice(0, operations.indexOf('PutItem')))).toBe(5);
  } finally {
    await stage.close();
  }
});
