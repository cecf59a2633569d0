/**
 * When a heartbeat is sent and when the fence falls, on the worker's clock: the lease (pure) with its one timer.
 * Invariant: one heartbeat at a time; the fence falls on time also while a heartbeat hangs; nothing happens after `close`.
 */
import type { Clock } from '../../core/clock.ts';
import { Lease } from './lease.ts';

/** While a camera that is ready to be taken over waits for its owner to let go. */
const awaitingIntervalMs = 1_000;

export type HeartbeatPorts = {
  clock: Clock;
  /** Sends one. @throws when it did not get through. @param succeeded call with the answer in hand, before it is followed. */
  beat(succeeded: () => { wasFenced: boolean; recovered: boolean }): Promise<void>;
  /** A camera may be given at any moment: heartbeats come closer together. */
  isAwaiting(): boolean;
  onFenced(): void;
};

export class Heartbeats {
  readonly #ports: HeartbeatPorts;
  readonly #lease = new Lease();
  #cancelTimer = () => {};
  #beating: Promise<void> | null = null;
  #isClosed = false;

  constructor(ports: HeartbeatPorts) {
    this.#ports = ports;
  }

  /** None has been sent, or the last one that got through is too old. */
  get isFenced(): boolean {
    return this.#lease.isFenced(this.#ports.clock.monotonicMs());
  }

  /** It was held once and is lost. */
  get isLost(): boolean {
    return this.#lease.isLost(this.#ports.clock.monotonicMs());
  }

  get underWay(): Promise<void> | null {
    return this.#beating;
  }

  start(): void {
    this.#schedule();
  }

  /** Without waiting for the interval, unless one is under way. */
  now(): void {
    if (this.#beating === null && !this.#isClosed) this.#beat();
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelTimer();
  }

  #schedule(): void {
    if (this.#isClosed) return;
    const { clock } = this.#ports;
    const nowMs = clock.monotonicMs();
    const due = this.#dueInMs(nowMs);
    const fence = this.#lease.isFenced(nowMs) ? null : this.#lease.fenceInMs(nowMs);
    const waits = [due, fence].filter((wait): wait is number => wait !== null);
    this.#cancelTimer();
    if (waits.length > 0) this.#cancelTimer = clock.setTimer(Math.min(...waits), () => this.#wake());
  }

  #wake(): void {
    const nowMs = this.#ports.clock.monotonicMs();
    if (this.#lease.takeFenced(nowMs)) this.#ports.onFenced();
    if (this.#dueInMs(nowMs) === 0) this.#beat();
    else this.#schedule();
  }

  #dueInMs(nowMs: number): number | null {
    return this.#lease.dueInMs(nowMs, this.#ports.isAwaiting() ? awaitingIntervalMs : undefined);
  }

  #beat(): void {
    const { clock, beat } = this.#ports;
    this.#lease.sent(clock.monotonicMs());
    // The fence must fall on time also while this call hangs.
    this.#schedule();
    const succeeded = () => {
      // An answer that comes too late to hold the lease still says who owns what.
      const wasFenced = this.#lease.isFenced(clock.monotonicMs());
      return { wasFenced, recovered: this.#lease.succeeded(clock.monotonicMs()) };
    };
    this.#beating = beat(succeeded)
      .catch(() => this.#lease.failed())
      .finally(() => {
        this.#beating = null;
        this.#schedule();
      });
  }
}
