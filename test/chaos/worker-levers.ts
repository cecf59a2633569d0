/**
 * Loaded into a worker before its own code (`--import`), in every thread of it: bends the wall clock and fills the heap as
 * a file says, and touches nothing else. The file is `{ aheadMs, frozenAtMs, isGreedy }`; without it all is as ever.
 * Invariant: the monotonic clock and timers are left alone, as they are on a machine whose clock is set.
 */
import { readFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const lookEveryMs = 100;
const file = process.env.CHAOS_LEVERS_FILE ?? '';
const trueNow = Date.now.bind(Date);
let levers: { aheadMs?: number; frozenAtMs?: number; isGreedy?: boolean } = {};
const hoard: unknown[] = [];

Date.now = () => levers.frozenAtMs ?? trueNow() + (levers.aheadMs ?? 0);
// A bare `new Date()` reads the machine's clock by itself, not `Date.now`.
globalThis.Date = new Proxy(Date, {
  construct: (target, given: unknown[], self) =>
    Reflect.construct(target, given.length === 0 ? [Date.now()] : given, self),
});

setInterval(() => {
  try {
    levers = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    // Not there, or being written: as before.
  }
  // On the heap, where the limit is: a million numbers at a time until the process dies of it.
  while (levers.isGreedy === true && isMainThread)
    hoard.push(Array.from({ length: 1_000_000 }, (_, index) => ({ index })));
}, lookEveryMs).unref();
