/**
 * Runs a task as an async function in this process, for tests that step the clock: no process start-up time, no output pipes.
 * SIGTERM aborts `stopRequested`; SIGKILL ends the task at once, whatever the function does afterwards.
 * Invariant: a function that never returns cannot keep a task alive after SIGKILL.
 */
import { exitCodeOfSignal, type RunningTask, type TaskExit, type TaskLaunch, type TaskRunner } from './task-runner.ts';

export type InProcessTask = TaskLaunch & {
  /** Aborted by SIGTERM. */
  stopRequested: AbortSignal;
  /** Aborted by SIGKILL or any other fatal signal; the function should let go of everything. */
  killed: AbortSignal;
};

/** @param run its return value is the exit code (nothing = 0); a throw is exit code 1. */
// biome-ignore lint/suspicious/noConfusingVoidType: a task function may simply end
export function inProcessRunner(run: (task: InProcessTask) => Promise<number | void>): TaskRunner {
  const running = new Set<RunningTask>();
  return {
    async start(launch) {
      const stop = new AbortController();
      const kill = new AbortController();
      let settle: (exit: TaskExit) => void = () => {};
      const exited = new Promise<TaskExit>((resolve) => {
        settle = resolve;
      });
      const task: RunningTask = {
        pid: null,
        httpPort: null,
        exited,
        signal(signal) {
          if (signal === 'SIGTERM' || signal === 'SIGINT') stop.abort();
          else if (signal === 'SIGKILL' || signal === 'SIGABRT') {
            settle({ exitCode: exitCodeOfSignal[signal] ?? 137, reason: null });
            kill.abort();
          }
        },
      };
      running.add(task);
      void exited.then(() => running.delete(task));
      Promise.resolve()
        .then(() => run({ ...launch, stopRequested: stop.signal, killed: kill.signal }))
        .then(
          (exitCode) => settle({ exitCode: exitCode ?? 0, reason: null }),
          (error: unknown) => settle({ exitCode: 1, reason: error instanceof Error ? error.message : String(error) }),
        );
      return task;
    },
    async close() {
      const open = [...running];
      for (const task of open) task.signal('SIGKILL');
      await Promise.all(open.map((task) => task.exited));
    },
  };
}
