/**
 * When a worker must heartbeat and when it must fall silent: a state machine without clock or network (design:
 * ownership of a camera). Invariant: publishing is allowed only within `fenceAfterMs` of the moment at which the last
 * SUCCESSFUL heartbeat was SENT — control counts from what the item says, which is never later than that. A worker
 * therefore stops by itself (15 s) well before control gives its cameras away (25 s).
 */
import { heartbeatIntervalMs, workerFencesAfterMs } from '../../core/fleet-state.ts';

export type LeaseLimits = { intervalMs: number; fenceAfterMs: number };

export const leaseLimits: LeaseLimits = { intervalMs: heartbeatIntervalMs, fenceAfterMs: workerFencesAfterMs };

export class Lease {
  readonly #limits: LeaseLimits;
  /** When the last successful heartbeat was sent; null before the first. */
  #confirmedMs: number | null = null;
  #sentMs: number | null = null;
  #inFlight = false;
  #wasFenced = false;

  constructor(limits: LeaseLimits = leaseLimits) {
    if (limits.fenceAfterMs <= limits.intervalMs) throw new RangeError('fenceAfterMs must exceed intervalMs');
    this.#limits = limits;
  }

  /**
   * Milliseconds until the next heartbeat is to be sent; 0 = now; null while one is under way.
   * @param intervalMs shorter than the usual one where an answer is awaited.
   */
  dueInMs(nowMs: number, intervalMs = this.#limits.intervalMs): number | null {
    if (this.#inFlight) return null;
    if (this.#sentMs === null) return 0;
    return Math.max(0, this.#sentMs + Math.min(intervalMs, this.#limits.intervalMs) - nowMs);
  }

  sent(nowMs: number): void {
    this.#inFlight = true;
    this.#sentMs = nowMs;
  }

  /** @returns true when the worker was fenced and may publish again from now on. */
  succeeded(nowMs: number): boolean {
    this.#inFlight = false;
    this.#confirmedMs = this.#sentMs ?? nowMs;
    const recovered = this.#wasFenced && !this.isFenced(nowMs);
    if (recovered) this.#wasFenced = false;
    return recovered;
  }

  failed(): void {
    this.#inFlight = false;
  }

  /** True before the first success, and from `fenceAfterMs` after the last success was sent. */
  isFenced(nowMs: number): boolean {
    return this.#confirmedMs === null || nowMs - this.#confirmedMs >= this.#limits.fenceAfterMs;
  }

  /** Held once, and fenced now. */
  isLost(nowMs: number): boolean {
    return this.#confirmedMs !== null && this.isFenced(nowMs);
  }

  /** @returns true exactly once per loss of the lease: the moment to drop what is buffered. */
  takeFenced(nowMs: number): boolean {
    if (this.#confirmedMs === null || this.#wasFenced || !this.isFenced(nowMs)) return false;
    this.#wasFenced = true;
    return true;
  }

  /** Milliseconds until the fence falls; 0 when it has; null before the first success. */
  fenceInMs(nowMs: number): number | null {
    if (this.#confirmedMs === null) return null;
    return Math.max(0, this.#confirmedMs + this.#limits.fenceAfterMs - nowMs);
  }
}
