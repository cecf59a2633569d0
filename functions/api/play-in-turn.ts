/**
 * Simulated runs one after another where there is one processor and nobody else to serve: inside Lambda.
 * Invariant: between two slices of a run others may do something, and it ends when nobody waits for it any more.
 */
import { setImmediate } from 'node:timers/promises';
import { type FleetRun, type RunOrder, simulate } from '../../core/simulation/simulate.ts';

/** @throws the signal's reason once it is given. */
export type PlayRuns = (orders: readonly RunOrder[], signal: AbortSignal) => Promise<FleetRun[]>;

export const playInTurn: PlayRuns = async (orders, signal) => {
  const runs: FleetRun[] = [];
  for (const { input, runner } of orders) {
    const steps = simulate(input, runner);
    for (let step = steps.next(); ; step = steps.next()) {
      if (step.done) {
        runs.push(step.value);
        break;
      }
      await setImmediate();
      signal.throwIfAborted();
    }
  }
  return runs;
};
