/**
 * Single writes beside the record stream: pictures to S3 and track items to DynamoDB. A bounded queue, a few at a time.
 * Invariant: adding never waits; the gate is asked right before each write; every delivery that does not happen is
 * counted by reason. A failed delivery is tried again a few times, then given up: the next one matters more.
 */
import type { Clock } from '../../core/clock.ts';
import { ConditionWaiters } from './condition-waiters.ts';
import type { DiscardReason, PublishGate } from './record-publisher.ts';

/** Pictures are some hundred kilobytes each, items under one: this bounds the memory at about 60 MB. */
const queuedMax: Record<Delivery['kind'], number> = { snapshot: 200, 'snapshot-text': 1_000, 'track-item': 5_000 };
const concurrency = 4;
const attemptsMax = 4;
const retryBaseMs = 500;
/** A single failure is no outage: so long after the first of a kind must another have come, with no success between. */
const outageAfterMs = 60_000;
/** So long after its newest failure a kind that nothing is delivered of any more is no longer called failing. */
const faultStandsMs = 15 * 60_000;

type Fault = { error: unknown; sinceMs: number; newestMs: number };

export type Delivery = {
  kind: 'snapshot' | 'snapshot-text' | 'track-item';
  cameraId: string;
  epoch: number;
  /** Deliveries of one lane go one after the other: a later state of an item never loses to an earlier one. */
  lane: string;
  send(): Promise<void>;
  /** Called once when it has arrived. */
  onDelivered?(): void;
};

export type DeliveryOptions = {
  gate: PublishGate;
  clock: Clock;
  random: () => number;
  onDelivered?(kind: Delivery['kind']): void;
  onDiscarded?(kind: Delivery['kind'], reason: DiscardReason): void;
  onError?(delivery: Delivery, error: unknown): void;
};

export class DeliveryQueue {
  readonly #options: DeliveryOptions;
  readonly #queue: Delivery[] = [];
  readonly #queued: Record<Delivery['kind'], number> = { snapshot: 0, 'snapshot-text': 0, 'track-item': 0 };
  readonly #active = new Set<Delivery>();
  readonly #sending = new Set<Promise<void>>();
  readonly #waiters: ConditionWaiters;
  /** Gone with the next success of their kind. */
  readonly #faults = new Map<Delivery['kind'], Fault>();
  readonly #lost = new Map<string, number>();
  #isClosed = false;
  #retrying = 0;

  constructor(options: DeliveryOptions) {
    this.#options = options;
    this.#waiters = new ConditionWaiters(options.clock);
  }

  get size(): number {
    return this.#queue.length + this.#active.size;
  }

  /** Deliveries of a camera that were tried and given up. */
  lost(cameraId: string, kind: Delivery['kind']): number {
    return this.#lost.get(`${kind} ${cameraId}`) ?? 0;
  }

  /** The newest failure of each kind that fails. */
  get faults(): Map<Delivery['kind'], unknown> {
    return new Map(this.#standing().map(([kind, { error }]) => [kind, error]));
  }

  /** Since when the deliveries of a kind fail, one and all; null when they succeed, or one alone failed. */
  get failingSinceMs(): number | null {
    const outages = this.#standing().filter(([, { sinceMs, newestMs }]) => newestMs - sinceMs >= outageAfterMs);
    return outages.reduce<number | null>((first, [, { sinceMs }]) => Math.min(first ?? sinceMs, sinceMs), null);
  }

  /** A write is under way; waiting for a retry does not count. */
  get isSending(): boolean {
    return this.#active.size > this.#retrying;
  }

  /** Waits for the writes under way. */
  async settled(): Promise<void> {
    while (this.isSending) await Promise.allSettled(this.#sending);
  }

  add(delivery: Delivery): void {
    this.#queue.push(delivery);
    const { kind } = delivery;
    const same = this.#queued[kind] + 1;
    this.#queued[kind] = same;
    if (same > queuedMax[kind]) {
      this.#take(this.#queue.findIndex((other) => other.kind === kind));
      this.#options.onDiscarded?.(kind, 'buffer-full');
    }
    this.#pump();
  }

  /** Resolves when nothing of this camera is queued or under way, or after `timeoutMs`. */
  flush(cameraId: string, timeoutMs: number): Promise<void> {
    const isOf = (delivery: Delivery) => delivery.cameraId === cameraId;
    return this.#waiters.until(() => !this.#queue.some(isOf) && ![...this.#active].some(isOf), timeoutMs);
  }

  idle(timeoutMs: number): Promise<void> {
    return this.#waiters.until(() => this.size === 0, timeoutMs);
  }

  close(): void {
    this.#isClosed = true;
    for (let next = this.#take(0); next !== undefined; next = this.#take(0)) {
      this.#options.onDiscarded?.(next.kind, 'given-up');
    }
    this.#waiters.changed();
  }

  #standing(only?: Delivery['kind']): [Delivery['kind'], Fault][] {
    const nowMs = this.#options.clock.nowMs();
    return [...this.#faults].filter(
      ([kind, { newestMs }]) => (only === undefined || kind === only) && nowMs - newestMs <= faultStandsMs,
    );
  }

  #take(index: number): Delivery | undefined {
    const [taken] = this.#queue.splice(index, 1);
    if (taken !== undefined) this.#queued[taken.kind] -= 1;
    return taken;
  }

  #pump(): void {
    while (this.#active.size < concurrency) {
      const index = this.#queue.findIndex(({ lane }) => ![...this.#active].some((active) => active.lane === lane));
      if (index < 0) return;
      const next = this.#take(index);
      if (next === undefined) return;
      this.#active.add(next);
      void this.#deliver(next).finally(() => {
        this.#active.delete(next);
        this.#waiters.changed();
        this.#pump();
      });
    }
  }

  #send(delivery: Delivery): Promise<void> {
    const sending = delivery.send();
    this.#sending.add(sending);
    return sending.finally(() => this.#sending.delete(sending));
  }

  async #deliver(delivery: Delivery): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      const verdict = this.#isClosed ? 'given-up' : this.#options.gate(delivery.cameraId, delivery.epoch);
      if (verdict !== 'open') {
        this.#options.onDiscarded?.(delivery.kind, verdict);
        return;
      }
      try {
        await this.#send(delivery);
        this.#faults.delete(delivery.kind);
        this.#options.onDelivered?.(delivery.kind);
        delivery.onDelivered?.();
        return;
      } catch (error) {
        this.#options.onError?.(delivery, error);
        const nowMs = this.#options.clock.nowMs();
        const { sinceMs = nowMs } = this.#standing(delivery.kind)[0]?.[1] ?? {};
        this.#faults.set(delivery.kind, { error, sinceMs, newestMs: nowMs });
        if (attempt >= attemptsMax) {
          const { kind, cameraId } = delivery;
          this.#lost.set(`${kind} ${cameraId}`, this.lost(cameraId, kind) + 1);
          this.#options.onDiscarded?.(delivery.kind, 'given-up');
          return;
        }
        const delayMs = retryBaseMs * 2 ** (attempt - 1) * (0.5 + this.#options.random() / 2);
        this.#retrying += 1;
        await new Promise<void>((resolve) => {
          this.#options.clock.setTimer(delayMs, resolve);
        });
        this.#retrying -= 1;
      }
    }
  }
}
