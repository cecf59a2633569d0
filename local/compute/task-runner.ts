/**
 * What the task supervisor needs from the thing that runs a task's code. Two implementations: real child processes
 * (process-runner.ts, used by `npm start`) and functions in this process (in-process-runner.ts, used by stepped-clock tests).
 * Invariant: `exited` settles exactly once, after SIGKILL without further conditions; `close` leaves nothing running.
 */
export type TaskSignal = 'SIGTERM' | 'SIGKILL' | 'SIGINT' | 'SIGSTOP' | 'SIGCONT' | 'SIGABRT';

export type TaskLaunch = {
  taskId: string;
  /** The container's command, e.g. `["node", "worker/main.ts"]`. */
  command: string[];
  environment: Record<string, string>;
};

export type TaskExit = { exitCode: number; reason: string | null };

export type RunningTask = {
  /** Process id, or null when the task is no process of its own. */
  pid: number | null;
  /** Where the task's container port is reachable on loopback, or null when it serves none. */
  httpPort: number | null;
  signal(signal: TaskSignal): void;
  exited: Promise<TaskExit>;
};

export type TaskRunner = {
  /** Rejects when the task's command cannot be started at all. */
  start(launch: TaskLaunch): Promise<RunningTask>;
  /** Kills everything that still runs and waits until it is gone. */
  close(): Promise<void>;
};

/** Receives each line that a task writes. */
export type LogSink = (taskId: string, line: string) => void;

/** What Docker reports for a container that a signal ended: 128 + signal number. */
export const exitCodeOfSignal: Record<string, number> = {
  SIGINT: 130,
  SIGABRT: 134,
  SIGKILL: 137,
  SIGSEGV: 139,
  SIGTERM: 143,
};
