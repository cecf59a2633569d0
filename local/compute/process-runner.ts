/**
 * Runs each task as a child process in its own process group: what a container is to the ECS agent. Signals go to the whole
 * group; output lines go to `onLog` with bounded memory; the child's stdin is a pipe whose end makes it exit
 * (exit-with-parent.ts), so no task outlives the local cloud, even when that is killed with SIGKILL.
 * Invariant: a child's environment holds what the task definition and the local agent give, plus PATH and HOME, nothing else.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { exitCodeOfSignal, type LogSink, type RunningTask, type TaskExit, type TaskRunner } from './task-runner.ts';

/** A longer line is cut: a task that writes without newlines must not grow this process. */
const logLineCharactersMax = 8_192;

const parentGuard = new URL('./exit-with-parent.ts', import.meta.url).href;

export type ProcessRunnerOptions = {
  /** Folder that relative paths of the command start from: the repository root. */
  cwd: string;
  onLog: LogSink;
  /** Names of this process's environment that tasks may see besides PATH and HOME. */
  inheritedEnvironment?: readonly string[];
};

export function processRunner(options: ProcessRunnerOptions): TaskRunner {
  const running = new Set<RunningTask>();
  let closed = false;
  return {
    async start({ taskId, command, environment }) {
      if (closed) throw new Error('the task runner is closed');
      const [program = 'node', ...commandArguments] = command;
      const isNode = program === 'node';
      const httpPort = await freePort();
      const child = spawn(
        isNode ? process.execPath : program,
        isNode ? ['--import', parentGuard, ...commandArguments] : commandArguments,
        {
          cwd: options.cwd,
          detached: true,
          stdio: ['pipe', 'pipe', 'pipe'],
          env: {
            ...inherited(['PATH', 'HOME', ...(options.inheritedEnvironment ?? [])]),
            ...environment,
            // Tasks share one network here: each gets a port of its own, whatever the definition says.
            HTTP_PORT: String(httpPort),
            KVS_INFER_PARENT_PIPE: 'stdin',
          },
        },
      );
      // Not ended and never written to: its end is the message.
      child.stdin?.on('error', () => {});
      const exited = exitOf(child, taskId, options.onLog);
      await Promise.race([once(child, 'spawn'), once(child, 'error').then(([error]) => Promise.reject(error))]);
      const task: RunningTask = {
        pid: child.pid ?? null,
        httpPort,
        exited,
        signal: (signal) => signalGroup(child, signal),
      };
      running.add(task);
      void exited.then(() => running.delete(task));
      if (closed) task.signal('SIGKILL');
      return task;
    },
    async close() {
      closed = true;
      const open = [...running];
      for (const task of open) task.signal('SIGKILL');
      await Promise.all(open.map((task) => task.exited));
    },
  };
}

async function exitOf(child: ChildProcess, taskId: string, onLog: LogSink): Promise<TaskExit> {
  const write = (line: string) => onLog(taskId, line);
  if (child.stdout) readLines(child.stdout, write);
  if (child.stderr) readLines(child.stderr, write);
  return new Promise((resolve) => {
    let settled = false;
    const settle = (exit: TaskExit): void => {
      if (settled) return;
      settled = true;
      resolve(exit);
    };
    child.once('error', (error) => settle({ exitCode: 1, reason: error.message }));
    child.once('exit', (code, signal) => {
      // Grandchildren of a task that ended go with it, as they do when a container ends; they may also hold its pipes open.
      signalGroup(child, 'SIGKILL');
      child.stdin?.destroy();
      settle({ exitCode: code ?? exitCodeOfSignal[signal ?? ''] ?? 137, reason: null });
    });
  });
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    // The group is already gone: what the signal was for.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Splits output into lines; holds at most one line, cut at `logLineCharactersMax`. */
function readLines(stream: Readable, write: (line: string) => void): void {
  const decoder = new StringDecoder('utf8');
  let pending = '';
  stream.on('data', (chunk: Buffer) => {
    const lines = (pending + decoder.write(chunk)).split('\n');
    pending = (lines.pop() ?? '').slice(0, logLineCharactersMax);
    for (const line of lines) write(line.slice(0, logLineCharactersMax));
  });
  stream.on('error', () => {});
  stream.on('end', () => {
    if (pending !== '') write(pending);
    pending = '';
  });
}

function inherited(names: readonly string[]): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const name of names) {
    const value = process.env[name];
    if (value !== undefined) environment[name] = value;
  }
  return environment;
}

/**
 * A port that is free now. Another process may take it before the task listens: the worker then fails to start and the
 * service replaces it, as it would replace any task that failed.
 */
async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no TCP port for the task');
  return address.port;
}
