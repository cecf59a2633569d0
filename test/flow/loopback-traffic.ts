/**
 * Is anything on its way inside this process? Every client and server of a flow test lives here, so each connection has
 * both of its ends at hand: what one end wrote and the other has not read is in flight, however slow the machine is.
 * Invariant: `busy` is null only when every byte written was read, every request but the endless media ones has been
 * answered, and no connection is half open.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Uploads and downloads that last as long as their camera: they count by their bytes alone. */
const endlessPaths = new Set(['/putmedia', '/getmedia']);

type End = { socket: Socket; pair: string | null };

export class LoopbackTraffic {
  readonly #clients = new Set<End>();
  readonly #servers = new Map<string, Socket>();
  readonly #requests = new Map<object, string>();

  constructor() {
    subscribe('net.client.socket', this.#clientSocket);
    subscribe('net.server.socket', this.#serverSocket);
    subscribe('http.client.request.created', this.#clientRequest);
    subscribe('http.server.request.start', this.#serverRequest);
  }

  stop(): void {
    unsubscribe('net.client.socket', this.#clientSocket);
    unsubscribe('net.server.socket', this.#serverSocket);
    unsubscribe('http.client.request.created', this.#clientRequest);
    unsubscribe('http.server.request.start', this.#serverRequest);
  }

  /** What is in flight, in words; null when nothing is. */
  busy(): string | null {
    for (const request of this.#requests.values()) return request;
    const paired = new Set<string>();
    for (const { socket, pair } of this.#clients) {
      if (pair === null) return 'a connection is being made';
      paired.add(pair);
      const server = this.#servers.get(pair);
      if (server === undefined) return `connection ${pair} is not accepted yet, or is closed at the server's end alone`;
      if (socket.bytesWritten !== server.bytesRead) return `connection ${pair}: bytes on their way to the server`;
      if (server.bytesWritten !== socket.bytesRead) return `connection ${pair}: bytes on their way to the client`;
    }
    for (const pair of this.#servers.keys()) {
      if (!paired.has(pair)) return `connection ${pair} is closed at the client's end alone`;
    }
    return null;
  }

  readonly #clientSocket = (message: unknown): void => {
    const { socket } = message as { socket: Socket };
    const end: End = { socket, pair: null };
    this.#clients.add(end);
    socket.once('connect', () => {
      end.pair = `${socket.localPort}-${socket.remotePort}`;
    });
    socket.once('close', () => this.#clients.delete(end));
  };

  readonly #serverSocket = (message: unknown): void => {
    const { socket } = message as { socket: Socket };
    const pair = `${socket.remotePort}-${socket.localPort}`;
    this.#servers.set(pair, socket);
    socket.once('close', () => {
      if (this.#servers.get(pair) === socket) this.#servers.delete(pair);
    });
  };

  readonly #clientRequest = (message: unknown): void => {
    const { request } = message as { request: ClientRequest };
    if (endlessPaths.has(request.path.toLowerCase())) return;
    this.#requests.set(request, `${request.method} ${request.path} is not answered`);
    request.once('close', () => this.#requests.delete(request));
  };

  readonly #serverRequest = (message: unknown): void => {
    const { request, response } = message as { request: IncomingMessage; response: ServerResponse };
    if (endlessPaths.has((request.url ?? '').split('?')[0]?.toLowerCase() ?? '')) return;
    this.#requests.set(response, `${request.method} ${request.url} is not answered`);
    response.once('close', () => this.#requests.delete(response));
  };
}
