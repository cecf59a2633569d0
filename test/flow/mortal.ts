/**
 * What dies with a process when a task is killed: its timers and its network. Given to a worker that runs in this
 * process, these make SIGKILL mean what it means: from then on nothing the worker does is seen outside.
 * Invariant: after `die` no timer fires and after `cut` no AWS call leaves; `revive` exists so that a test can close
 * what is left.
 */
import { type AwsClients, awsClients } from '../../aws/clients.ts';
import type { Clock } from '../../core/clock.ts';

export class MortalClock implements Clock {
  readonly #base: Clock;
  readonly #parked = new Set<() => void>();
  #isDead = false;

  constructor(base: Clock) {
    this.#base = base;
  }

  nowMs(): number {
    return this.#base.nowMs();
  }

  monotonicMs(): number {
    return this.#base.monotonicMs();
  }

  setTimer(delayMs: number, callback: () => void): () => void {
    const due = () => {
      if (this.#isDead) this.#parked.add(callback);
      else callback();
    };
    const cancel = this.#base.setTimer(delayMs, due);
    return () => {
      cancel();
      this.#parked.delete(callback);
    };
  }

  die(): void {
    this.#isDead = true;
  }

  revive(): void {
    this.#isDead = false;
    for (const callback of this.#parked) {
      this.#parked.delete(callback);
      callback();
    }
  }
}

type AnyClient = { middlewareStack: { add(middleware: unknown, options: object): void } };

/** The AWS calls of one process: its network can be cut, as by SIGKILL for good or by a broken route for a while. */
export class ProcessNetwork {
  readonly clients: AwsClients;
  readonly #real: AwsClients;
  readonly #guarded = new WeakSet<object>();
  #isCut = false;

  constructor(options: { region: string; endpoint: string }) {
    const real = awsClients({ ...options, retryWaitMs: () => 0 });
    this.#real = real;
    this.clients = new Proxy(real, {
      get: (_target, name) => {
        if (name === 'kinesisVideoMedia') return (endpoint: string) => this.#guard(real.kinesisVideoMedia(endpoint));
        const member = real[name as keyof AwsClients];
        return typeof member === 'object' ? this.#guard(member) : member;
      },
    });
  }

  /** Connections break, and no call leaves until `heal`. */
  cut(): void {
    this.#isCut = true;
    this.#real.destroy();
  }

  heal(): void {
    this.#isCut = false;
  }

  #guard<Client extends object>(client: Client): Client {
    const { middlewareStack } = client as unknown as AnyClient;
    if (this.#guarded.has(middlewareStack)) return client;
    this.#guarded.add(middlewareStack);
    const refuseWhenCut = (next: (args: unknown) => Promise<unknown>) => async (args: unknown) => {
      if (this.#isCut) throw Object.assign(new Error('connect ENETUNREACH'), { code: 'ENETUNREACH' });
      return next(args);
    };
    middlewareStack.add(refuseWhenCut, { step: 'initialize', name: 'refuseWhenCut' });
    return client;
  }
}
