/**
 * Keeps ECS from stopping a task that watches cameras: on while there are any, renewed well before it ends, off when there
 * are none. Invariant: calls go one after the other and only when something changes; a failed one is repeated by a later
 * wish (they come with every heartbeat), less and less often: all workers of an account share 80 calls a second, and ECS may
 * refuse many of them for minutes while it deploys.
 */
import type { EcsAgent } from '../../aws/ecs-agent.ts';
import type { Clock } from '../../core/clock.ts';
import type { Log } from './log.ts';

/** ECS allows 1 to 2880 minutes. Long enough to outlive a control-plane outage, short enough to free a hung task. */
const protectionMinutes = 60;
const renewAfterMs = 20 * 60_000;
const retryBaseMs = 2_500;
const retryCapMs = 30_000;

export class TaskProtection {
  readonly #agent: EcsAgent;
  readonly #clock: Clock;
  readonly #log: Log;
  #since: number | null = null;
  /** Of the wish that failed last; another one is tried at once. */
  #failed: { on: boolean; times: number; atMs: number } | null = null;
  #chain: Promise<void> = Promise.resolve();

  constructor(agent: EcsAgent, clock: Clock, log: Log) {
    this.#agent = agent;
    this.#clock = clock;
    this.#log = log;
  }

  /** Resolves when it is done or has failed. */
  set(on: boolean): Promise<void> {
    this.#chain = this.#chain.then(async () => {
      const nowMs = this.#clock.monotonicMs();
      const isFresh = this.#since !== null && nowMs - this.#since < renewAfterMs;
      if (on ? isFresh : this.#since === null) return;
      const before = this.#failed?.on === on ? this.#failed : null;
      if (before !== null && nowMs - before.atMs < Math.min(retryCapMs, retryBaseMs * 2 ** (before.times - 1))) return;
      try {
        await this.#agent.protect(on, protectionMinutes);
        this.#since = on ? nowMs : null;
        this.#failed = null;
      } catch (error) {
        // Every heartbeat wishes again; one line per trouble is enough.
        if (this.#failed === null) this.#log.warn('task protection could not be changed', { on, error });
        this.#failed = { on, times: (before?.times ?? 0) + 1, atMs: nowMs };
      }
    });
    return this.#chain;
  }

  settled(): Promise<void> {
    return this.#chain;
  }
}
