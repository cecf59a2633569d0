/**
 * All the runs of a question, shared out among as many threads as there are cores.
 * Invariants: the answer has the order of the orders, whichever thread was quicker; on a failure, and when nobody waits
 * for it any more, every thread ends.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { KvsInferError } from '../../core/errors.ts';
import type { FleetRun, RunOrder } from '../../core/simulation/simulate.ts';
import type { RunAnswer } from './run-thread.ts';

/**
 * @param onProgress gets the share of all that is played, 0..1.
 * @param signal ends the threads early. @throws KvsInferError SIMULATION_FAILED, also then
 */
export async function runAll(
  orders: readonly RunOrder[],
  onProgress: (share: number) => void,
  signal?: AbortSignal,
): Promise<FleetRun[]> {
  const shares = orders.map(() => 0);
  const runs: (FleetRun | undefined)[] = orders.map(() => undefined);
  let next = 0;
  const threads = Array.from({ length: Math.min(availableParallelism(), orders.length) }, () => {
    return new Worker(new URL('./run-thread.ts', import.meta.url));
  });
  const played = (index: number, share: number) => {
    shares[index] = share;
    onProgress(shares.reduce((sum, one) => sum + one, 0) / shares.length);
  };
  const work = async (thread: Worker) => {
    for (let index = next++; index < orders.length; index = next++) {
      runs[index] = await runOn(thread, orders[index] as RunOrder, (share) => played(index, share));
      played(index, 1);
    }
  };
  const end = () => void Promise.all(threads.map((thread) => thread.terminate()));
  signal?.addEventListener('abort', end, { once: true });
  try {
    await Promise.all(threads.map(work));
  } finally {
    signal?.removeEventListener('abort', end);
    await Promise.all(threads.map((thread) => thread.terminate()));
  }
  return runs as FleetRun[];
}

function runOn(thread: Worker, order: RunOrder, onShare: (share: number) => void): Promise<FleetRun> {
  return new Promise((resolve, reject) => {
    const settle = (end: () => void) => {
      thread.off('message', onMessage).off('error', onError).off('exit', onExit);
      end();
    };
    const fail = (what: string, cause?: unknown) =>
      settle(() => reject(failure(`${order.runner} of fleet ${order.input.fleet}: ${what}`, cause)));
    const onMessage = (answer: RunAnswer) => {
      if (answer.kind === 'progress') onShare(answer.share);
      else if (answer.kind === 'done') settle(() => resolve(answer.run));
      else fail(answer.message);
    };
    // Out of memory ends a thread without an answer.
    const onError = (cause: Error) => fail(cause.message, cause);
    const onExit = (code: number) => fail(`its thread ended with ${code}`);
    thread.on('message', onMessage).on('error', onError).on('exit', onExit);
    thread.postMessage(order);
  });
}

function failure(what: string, cause: unknown): KvsInferError {
  return new KvsInferError('SIMULATION_FAILED', what, {
    hint: 'the same rows, --from and --seed replay it; report them',
    cause,
  });
}
