/**
 * The worker process: `node worker/main.ts`. Reads the environment, starts the worker, and ends it in order.
 * Invariant: exit code 0 after a drain, 1 when it cannot work (one line on stderr says why), 2 for a wrong environment;
 * a second signal ends it at once.
 */
import { formatError, KvsInferError } from '../core/errors.ts';
import { parseWorkerEnvironment } from './environment.ts';

const leaveTimeoutMs = 5_000;

function fail(error: unknown): never {
  process.stderr.write(`${formatError(error)}\n`);
  process.exit(error instanceof KvsInferError && error.code === 'ENVIRONMENT_INVALID' ? 2 : 1);
}

// A stack trace is for us, not for operators; what nobody foresaw must still end the process, not hang it.
process.on('unhandledRejection', fail);
process.on('uncaughtException', fail);

// What is asked for while the worker starts is done once it has: a process that exits while its threads load native code
// dies of a signal. A second signal still ends it at once.
let askedWhileStarting: (() => void) | null = null;
/** Nobody is left to drain for. */
let leave = () => {
  askedWhileStarting = () => leave();
};

try {
  const environment = parseWorkerEnvironment(process.env);
  if (environment.parentPipe === 'stdin') {
    // The parent holds the other end.
    process.stdin.resume();
    process.stdin.once('end', () => leave());
    process.stdin.once('error', () => leave());
  }
  let isAsked = false;
  let stop = (reason: string) => {
    askedWhileStarting = () => stop(reason);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (isAsked) process.exit(1);
      isAsked = true;
      stop(signal);
    });
  }
  // Timers of the clock do not hold the process; a worker with nothing to do yet must stay.
  const keepAlive = setInterval(() => {}, 2 ** 30);
  // Only now: a wrong environment is told at once, not after the SDKs and the runtimes have loaded.
  const { startWorker } = await import('./worker.ts');
  const worker = await startWorker({ environment });
  stop = (reason) => {
    worker.stop(reason).then(() => {
      clearInterval(keepAlive);
      process.exit(0);
    }, fail);
  };
  // Threads that are inside native code when the process exits crash it: they are closed first, within a limit.
  leave = () => {
    const exit = () => process.exit(0);
    setTimeout(exit, leaveTimeoutMs);
    worker.abandon().then(exit, exit);
  };
  void worker.fatal.then(fail);
  (askedWhileStarting as (() => void) | null)?.();
} catch (error) {
  fail(error);
}
