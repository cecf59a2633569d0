/**
 * Plays simulated runs one after another, off the main thread of the command or of the local stage.
 * Invariant: one answer per order: the run, or what it failed of.
 */
import { parentPort } from 'node:worker_threads';
import { type FleetRun, type RunOrder, simulate } from '../../core/simulation/simulate.ts';

export type RunAnswer =
  | { kind: 'progress'; share: number }
  | { kind: 'done'; run: FleetRun }
  | { kind: 'failed'; message: string };

function answer(message: RunAnswer): void {
  parentPort?.postMessage(message);
}

parentPort?.on('message', ({ input, runner }: RunOrder) => {
  try {
    const steps = simulate(input, runner);
    for (;;) {
      const step = steps.next();
      if (step.done) return answer({ kind: 'done', run: step.value });
      answer({ kind: 'progress', share: step.value });
    }
  } catch (error) {
    answer({ kind: 'failed', message: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
});
