/**
 * Keeps ECS from stopping a task that watches cameras: on while there are any, renewed well before it ends, off when there
 * are none. Invariant: calls go one after the other and only when something changes; a failed one is repeated by the next
 * wish, which comes with every heartbeat.
 */
import type { EcsAgent } from '../../aws/ecs-agent.ts';
import type { Clock } from '../../core/clock.ts';
import type { Log } from './log.ts';

/** ECS allows 1 to 2880 minutes. Long enough to outlive a control-plane outage, short enough to free a hung task. */
const protectionMinutes = 60;
const renewAfterMs = 20 * 60_000;

export class TaskProtection {
  readonly #agent: EcsAgent;
  readonly #clock: Clock;
  readonly #log: Log;
  #since: number | null = null;
  #hasFailed = false;
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
      try {
        await this.#agent.protect(on, protectionMinutes);
        this.#since = on ? nowMs : null;
        this.#hasFailed = false;
      } catch (error) {
        // Every heartbeat wishes again; one line per trouble is enough.
        if (!this.#hasFailed) this.#log.warn('task protection could not be changed', { on, error });
        this.#hasFailed = true;
      }
    });
    return this.#chain;
  }

  settled(): Promise<void> {
    return this.#chain;
  }
}
