/**
 * What dies with a process when a task is killed: its timers and its network. Given to a worker that runs in this
 * process, these make SIGKILL mean what it means: from then on nothing the worker does is seen outside.
 * Invariant: after `die` no timer fires and no AWS call leaves; `revive` exists so that a test can close what is left.
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

/** SDK clients whose every call fails, and whose connections are gone, once `die` was called. */
export function mortalClients(options: { region: string; endpoint: string }): AwsClients & { die(): void } {
  const clients = awsClients(options);
  const guarded = new WeakSet<object>();
  let isDead = false;
  const guard = <Client extends object>(client: Client): Client => {
    const { middlewareStack } = client as unknown as AnyClient;
    if (guarded.has(middlewareStack)) return client;
    guarded.add(middlewareStack);
    const refuseWhenDead = (next: (args: unknown) => Promise<unknown>) => async (args: unknown) => {
      if (isDead) throw new Error('this process was killed');
      return next(args);
    };
    middlewareStack.add(refuseWhenDead, { step: 'initialize', name: 'refuseWhenDead' });
    return client;
  };
  const die = () => {
    isDead = true;
    clients.destroy();
  };
  return new Proxy(clients, {
    get(_target, name) {
      if (name === 'die') return die;
      if (name === 'kinesisVideoMedia') return (endpoint: string) => guard(clients.kinesisVideoMedia(endpoint));
      const member = clients[name as keyof AwsClients];
      return typeof member === 'object' ? guard(member) : member;
    },
  }) as AwsClients & { die(): void };
}
