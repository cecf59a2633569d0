/**
 * Runs the real worker for each ECS task inside this process, on the clock that the test steps: SIGTERM drains it,
 * SIGKILL takes its clock and its network away. Decode and inference run as they do in production.
 * Invariant: `settled` resolves only when no worker that lives has work under way other than waiting for the clock.
 */
import type { Clock } from '../../core/clock.ts';
import type { InProcessTask } from '../../local/compute/in-process-runner.ts';
import { parseWorkerEnvironment } from '../../worker/environment.ts';
import { jsonLog } from '../../worker/runtime/log.ts';
import { type RunningWorker, startWorker } from '../../worker/worker.ts';
import { MortalClock, ProcessNetwork } from './mortal.ts';

type Entry = { worker: RunningWorker; clock: MortalClock; network: ProcessNetwork; isKilled: boolean };

export class WorkerTasks {
  readonly #clock: Clock;
  readonly #running = new Map<string, Entry>();
  /** What workers log. */
  readonly lines: Record<string, unknown>[] = [];
  /** Starting and ending take real time on threads, which no clock can step. */
  readonly #underWay = new Set<Promise<unknown>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Workers that live, by task id. */
  get alive(): Map<string, RunningWorker> {
    const alive = [...this.#running].filter(([, { isKilled }]) => !isKilled);
    return new Map(alive.map(([taskId, { worker }]) => [taskId, worker]));
  }

  /** For inProcessRunner. */
  readonly run = async (task: InProcessTask): Promise<number> => {
    const environment = parseWorkerEnvironment(task.environment);
    const clock = new MortalClock(this.#clock);
    const network = new ProcessNetwork({ region: environment.region, endpoint: environment.endpoint ?? '' });
    const { clients } = network;
    const log = jsonLog((line) => this.lines.push(JSON.parse(line)), clock, 'INFO', { workerId: task.taskId });
    const worker = await this.#track(startWorker({ environment, clock, clients, log, random: () => 0.5 }));
    const entry: Entry = { worker, clock, network, isKilled: false };
    this.#running.set(task.taskId, entry);
    const die = () => {
      if (!this.#running.has(task.taskId)) return;
      entry.isKilled = true;
      clock.die();
      network.cut();
    };
    task.killed.addEventListener('abort', die);
    if (task.killed.aborted) die();
    await aborted(task.stopRequested);
    await this.#stop(entry);
    this.#running.delete(task.taskId);
    clients.destroy();
    return 0;
  };

  network(taskId: string): ProcessNetwork {
    const entry = this.#running.get(taskId);
    if (entry === undefined) throw new Error(`no worker runs as task ${taskId}`);
    return entry.network;
  }

  async settled(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay);
    await Promise.all([...this.alive.values()].map((worker) => worker.settled()));
  }

  /** Ends what SIGKILL left in this process; the caller steps the clock until this resolves. */
  async buryKilled(): Promise<void> {
    const killed = [...this.#running].filter(([, { isKilled }]) => isKilled);
    await Promise.all(
      killed.map(async ([taskId, { worker, clock }]) => {
        clock.revive();
        await worker.stop('killed');
        this.#running.delete(taskId);
      }),
    );
  }

  async #stop({ worker }: Entry): Promise<void> {
    const stopping = worker.stop('SIGTERM');
    // What is left once all cameras are given back needs threads and sockets, but not the clock.
    void worker.drained.then(() => this.#track(stopping));
    await stopping;
  }

  #track<Result>(work: Promise<Result>): Promise<Result> {
    this.#underWay.add(work);
    const done = () => this.#underWay.delete(work);
    work.then(done, done);
    return work;
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
