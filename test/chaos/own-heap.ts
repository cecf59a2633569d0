/**
 * The heap of the calling thread, for measurements: what the collector has not taken yet is no growth, and what V8 has compiled
 * is known. Invariant: it changes nothing but when memory is given back.
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

/** V8 compiles what runs often, and again once it knows more of it; what runs seldom takes its time to run often. */
export function compiledCodeBytes(): number {
  return v8
    .getHeapSpaceStatistics()
    .filter(({ space_name }) => /^(code|trusted)_/.test(space_name))
    .reduce((sum, { space_used_size }) => sum + space_used_size, 0);
}
