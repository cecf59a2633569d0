/**
 * A full collection of the calling thread's heap, for measurements: what the collector has not taken yet is no growth.
 * Invariant: it changes nothing but when memory is given back.
 */
import v8 from 'node:v8';
import vm from 'node:vm';

/** How often processes collect whose memory is judged. */
export const collectsEveryMs = 15_000;

/** @returns collects everything that can be, and gives back what was free. */
export function fullCollection(): () => void {
  v8.setFlagsFromString('--expose-gc');
  const collect = vm.runInNewContext('gc') as (options: object) => void;
  return () => collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}
