/**
 * Keeps the lock of a fleet while a run of the control loop is at work, and says whether that run may still change anything.
 * A run that is killed renews no more, so the next one need not wait for the function's time limit to know that it is gone.
 * Invariant: a run begins no change once `actWithinMs` have passed since the sending of its last renewal that succeeded, by
 * its monotonic clock; the lock outlives that by longer than one attempt of a call lasts.
 */
import { lockMs, renewLock } from '../aws/fleets.ts';
import type { ControlDeps } from './handler-deps.ts';

const renewEveryMs = 3_000;
/**
 * An attempt of a call ends after 6 s (`aws/clients.ts`), and the clocks of two runs may differ by a second. What the SDK
 * sends again after that meets the conditions on states and lists, and sizes that are absolute.
 */
const actWithinMs = lockMs - 7_000;

export class LockRenewal {
  readonly #deps: ControlDeps;
  readonly #fleet: string;
  readonly #holder: string;
  #sentAtMs: number;
  #isLost = false;
  #isStopped = false;
  #cancel = () => {};

  /** @param sentAtMs monotonic time at which the lock was asked for. */
  constructor(deps: ControlDeps, fleet: string, holder: string, sentAtMs: number) {
    this.#deps = deps;
    this.#fleet = fleet;
    this.#holder = holder;
    this.#sentAtMs = sentAtMs;
    this.#renewLater();
  }

  mayAct(): boolean {
    return !this.#isLost && this.#deps.clock.monotonicMs() - this.#sentAtMs < actWithinMs;
  }

  /** The lock was taken or kept by another call. */
  renewed(sentAtMs: number): void {
    this.#sentAtMs = Math.max(this.#sentAtMs, sentAtMs);
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel();
  }

  #renewLater(): void {
    if (!this.#isStopped) this.#cancel = this.#deps.clock.setTimer(renewEveryMs, () => void this.#renew());
  }

  async #renew(): Promise<void> {
    const { clients, clock, environment, telemetry } = this.#deps;
    const sentAtMs = clock.monotonicMs();
    try {
      const table = environment.names.tables.fleets;
      if (await renewLock(clients, table, this.#fleet, this.#holder, clock.nowMs())) this.renewed(sentAtMs);
      else this.#isLost = !this.#isStopped;
    } catch (error) {
      telemetry.logger.warn('the lock could not be renewed', { fleet: this.#fleet, error: String(error) });
    }
    this.#renewLater();
  }
}
