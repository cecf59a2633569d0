/**
 * A stretch of network between a client and the local cloud, for tests that break it: a real TCP proxy on loopback which
 * can stand still, cut what is open or is answered, and refuse what is new. Invariant: bytes pass unchanged, in order.
 */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export class NetworkPath {
  readonly #targetPort: number;
  readonly #sockets = new Set<Socket>();
  #server: Server | null = null;
  #port = 0;
  #isStalled = false;
  /** Every answer is cut off behind its headers. */
  cutsAnswers = false;

  constructor(target: string) {
    this.#targetPort = Number(new URL(target).port);
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Listens on the port that it had, or on a free one at first. */
  async open(): Promise<void> {
    const server = createServer((near) => this.#join(near));
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (server.address() as AddressInfo).port;
  }

  /** Cuts every connection in the middle of what it carries. @returns how many. */
  cut(): number {
    const open = [...this.#sockets];
    for (const socket of open) socket.destroy();
    this.#sockets.clear();
    return open.length / 2;
  }

  /** From now on connections are refused; those that are open are cut. */
  async close(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    const closed = new Promise<void>((resolve) => {
      if (server === null) resolve();
      else server.close(() => resolve());
    });
    this.cut();
    await closed;
  }

  /** Nothing passes, and nobody is told. */
  stall(): void {
    this.#isStalled = true;
    for (const socket of this.#sockets) socket.pause();
  }

  resume(): void {
    this.#isStalled = false;
    for (const socket of this.#sockets) socket.resume();
  }

  #join(near: Socket): void {
    const far = connect(this.#targetPort, '127.0.0.1');
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(from);
      from.setNoDelay(true);
      from.on('error', () => {});
      from.on('data', (bytes) => {
        const headersEnd = this.cutsAnswers && from === far ? bytes.indexOf('\r\n\r\n') : -1;
        if (headersEnd < 0) to.write(bytes);
        else to.write(bytes.subarray(0, headersEnd + 4), () => from.destroy());
      });
      from.on('end', () => to.end());
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
      if (this.#isStalled) from.pause();
    }
  }
}
