/**
 * /healthz, /readyz and /metrics. Invariant: `/healthz` fails when restarting the worker is the cure — a dead inference
 * thread, a lost lease, a GPU that was promised and is not there — and for nothing that a restart would not mend.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import { KvsInferError } from '../../core/errors.ts';

export type Health = { healthy: boolean; ready: boolean; problems: string[]; about: Record<string, unknown> };

export type WorkerHttpServer = { port: number; close(): Promise<void> };

/** @throws KvsInferError HTTP_PORT_BUSY */
export async function startHttpServer(options: {
  host: string;
  port: number;
  health: () => Health;
  registry: Registry;
}): Promise<WorkerHttpServer> {
  const server = createServer((request, response) => {
    const answer = (status: number, type: string, body: string) => {
      response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
      response.end(request.method === 'HEAD' ? undefined : body);
    };
    const json = (status: number, body: unknown) => answer(status, 'application/json', `${JSON.stringify(body)}\n`);
    const path = new URL(request.url ?? '/', 'http://worker').pathname;
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      json(405, { error: 'only GET and HEAD' });
    } else if (path === '/healthz') {
      const { healthy, problems, about } = options.health();
      json(healthy ? 200 : 503, { status: healthy ? 'ok' : 'failing', problems, ...about });
    } else if (path === '/readyz') {
      const { ready, problems } = options.health();
      json(ready ? 200 : 503, { status: ready ? 'ready' : 'not-ready', problems });
    } else if (path === '/metrics') {
      options.registry.metrics().then(
        (text) => answer(200, options.registry.contentType, text),
        (error: Error) => json(500, { error: error.message }),
      );
    } else {
      json(404, { error: 'try /healthz, /readyz or /metrics' });
    }
  });
  await listen(server, options.port, options.host);
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const isBusy = cause.code === 'EADDRINUSE';
      reject(
        new KvsInferError(
          isBusy ? 'HTTP_PORT_BUSY' : 'HTTP_PORT_UNUSABLE',
          `could not listen on ${host}:${port}: ${cause.message}`,
          { hint: 'set HTTP_PORT to a free port; 0 takes any', cause },
        ),
      );
    });
    server.listen(port, host, resolve);
  });
}
