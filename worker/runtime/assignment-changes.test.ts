import fc from 'fast-check';
import { expect, test } from 'vitest';
import { assignmentChanges } from './assignment-changes.ts';

test('after stopping, restarting and starting, exactly the assigned cameras run, never at an older epoch', () => {
  const epochs = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'constructor'), fc.integer({ min: 1, max: 4 }));
  fc.assert(
    fc.property(epochs, epochs, (before, after) => {
      const running = new Map(Object.entries(before));
      const assigned = Object.fromEntries(Object.entries(after).map(([id, epoch]) => [id, { epoch }]));
      const { start, stop, restart } = assignmentChanges(running, assigned);
      for (const id of stop) running.delete(id);
      for (const id of [...start, ...restart]) running.set(id, after[id] as number);
      expect([...running.keys()].sort()).toEqual(Object.keys(after).sort());
      for (const [id, epoch] of running)
        expect(epoch).toBe(Math.max(after[id] as number, Object.hasOwn(before, id) ? (before[id] as number) : 0));
      expect(new Set([...start, ...stop, ...restart]).size).toBe(start.length + stop.length + restart.length);
    }),
  );
});
