/**
 * The Lambdas as processes that can die: an invocation that is killed never comes back from the call it is in, so what
 * comes after (the rest of apply, the lock's release) does not happen. Their triggers can lose, repeat and shuffle events.
 * Invariant: killing one invocation touches no other; what is not disturbed runs as it would without this file.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { type AwsClients, awsClients } from '../../aws/clients.ts';
import type { LambdaHandler, LambdaHost } from '../../local/lambda/host.ts';

type Invocation = { writes: number; isDead: boolean; die: (why: Error) => void };
type AnyClient = {
  config: { credentials: unknown };
  middlewareStack: { add(middleware: unknown, options: object): void };
};
type Next = (args: { input: unknown }) => Promise<unknown>;
/** What happens to one event on its way to a function; `deliver` may be called never, later, or twice. */
export type Courier = (deliver: () => void) => void;

/** The commands that change something, by how their names begin. */
const writing = /^(Update|Put|Delete|Set|Terminate|TransactWrite|BatchWrite|Create)/;

export class ControlProcess {
  readonly clients: AwsClients;
  /** Invocations that were killed. */
  killed = 0;
  readonly #storage = new AsyncLocalStorage<Invocation>();
  #killAtWrite: number | null = null;
  #isGone = false;
  #courier: Courier | null = null;

  constructor(region: string, endpoint: string) {
    this.clients = namedClients({ region, endpoint }, 'control', (next, context) => this.#guard(next, context));
  }

  /** Before the stage registers its functions. */
  attach(lambda: LambdaHost): void {
    const register = lambda.register.bind(lambda);
    lambda.register = (definition) => register({ ...definition, handler: this.#mortal(definition.handler) });
    const invokeAsync = lambda.invokeAsync.bind(lambda);
    lambda.invokeAsync = (functionName, event) => {
      const deliver = () => invokeAsync(functionName, event);
      // The tick comes from the Scheduler, not over the bus.
      if (this.#courier === null || !functionName.endsWith('capacity-changed')) deliver();
      else this.#courier(deliver);
    };
  }

  /** The next invocation that writes so often is killed at that write, before it is sent. */
  killAtWrite(count: number): void {
    this.#killAtWrite = count;
  }

  /** Whether a kill that was ordered is still to come. */
  get isKillPending(): boolean {
    return this.#killAtWrite !== null;
  }

  /** Every invocation dies at its first call until the returned function is called. */
  goAway(): () => void {
    this.#isGone = true;
    return () => {
      this.#isGone = false;
    };
  }

  handEventsTo(courier: Courier): () => void {
    this.#courier = courier;
    return () => {
      this.#courier = null;
    };
  }

  #mortal(handler: LambdaHandler): LambdaHandler {
    return (event, context) => {
      const death = Promise.withResolvers<never>();
      const invocation: Invocation = { writes: 0, isDead: false, die: death.reject };
      return this.#storage.run(invocation, () => Promise.race([handler(event, context), death.promise]));
    };
  }

  async #guard(next: () => Promise<unknown>, commandName: string): Promise<unknown> {
    const invocation = this.#storage.getStore();
    if (invocation === undefined) return next();
    if (writing.test(commandName)) invocation.writes += 1;
    if (!invocation.isDead && (this.#isGone || invocation.writes === this.#killAtWrite)) {
      this.#killAtWrite = null;
      this.killed += 1;
      invocation.isDead = true;
      invocation.die(new Error('Runtime exited with error: signal: killed'));
    }
    if (invocation.isDead) return new Promise(() => {});
    return next();
  }
}

/**
 * Clients that sign as `caller`, so that faults can tell who calls.
 * @param around called instead of each call, with the way to make it and the command's name.
 */
export function namedClients(
  options: { region: string; endpoint: string },
  caller: string,
  around: (next: () => Promise<unknown>, commandName: string) => Promise<unknown> = (next) => next(),
): AwsClients {
  const real = awsClients(options);
  const prepared = new WeakSet<object>();
  const prepare = (client: unknown) => {
    const { config, middlewareStack } = client as AnyClient;
    if (prepared.has(middlewareStack)) return client;
    prepared.add(middlewareStack);
    config.credentials = async () => ({ accessKeyId: caller, secretAccessKey: 'local' });
    const middleware =
      (next: Next, { commandName }: { commandName: string }) =>
      (args: { input: unknown }) =>
        around(() => next(args), commandName.replace(/Command$/, ''));
    middlewareStack.add(middleware, { step: 'initialize', name: 'aroundEachCall' });
    return client;
  };
  return new Proxy(real, {
    get: (_target, name) => {
      if (name === 'kinesisVideoMedia') return (endpoint: string) => prepare(real.kinesisVideoMedia(endpoint));
      const member = real[name as keyof AwsClients];
      return typeof member === 'object' ? prepare(member) : member;
    },
  });
}
