/**
 * Loaded into a worker before its own code (`--import`), in every thread of it: bends the wall clock, fills the heap, or
 * collects it regularly and tells what is compiled code, as a file says, and touches nothing else. Without the file all is as ever.
 * Invariant: the monotonic clock and timers are left alone, as they are on a machine whose clock is set.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { isMainThread, threadId } from 'node:worker_threads';
import { compiledCodeBytes, fullCollection } from './own-heap.ts';
import type { Levers } from './worker-processes.ts';

const lookEveryMs = 100;
const file = process.env.CHAOS_LEVERS_FILE ?? '';
const trueNow = Date.now.bind(Date);
let levers: Levers = {};
const hoard: unknown[] = [];
let collectedAtMs = 0;
let collect: (() => void) | null = null;

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
  // Each thread has a heap of its own.
  if (levers.collectsEveryMs !== undefined && performance.now() - collectedAtMs >= levers.collectsEveryMs) {
    collectedAtMs = performance.now();
    collect ??= fullCollection();
    collect();
    const told = `${file}.code-${threadId}`;
    writeFileSync(`${told}.new`, String(compiledCodeBytes()));
    renameSync(`${told}.new`, told);
  }
}, lookEveryMs).unref();
