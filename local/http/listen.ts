/**
 * Binds the local cloud's port on 127.0.0.1: the one that was asked for, or the next free one when searching is allowed.
 * Invariant: never another interface, since nothing here verifies a signature.
 */
import type { AddressInfo, Server } from 'node:net';
import { KvsInferError } from '../../core/errors.ts';

/** How far the search goes; more busy ports in a row than this is a machine to look at, not to search on. */
const PORTS_TRIED_MAX = 100;

/** @returns the bound port. Port 0 takes any free one. Throws KvsInferError PORT_BUSY. */
export async function listenOnLoopback(server: Server, port: number, portSearch: boolean): Promise<number> {
  const lastPort = portSearch && port !== 0 ? Math.min(port + PORTS_TRIED_MAX - 1, 65_535) : port;
  for (let candidate = port; candidate <= lastPort; candidate++) {
    const failure = await tryListen(server, candidate);
    if (failure === null) return (server.address() as AddressInfo).port;
    if (failure.code !== 'EADDRINUSE' && failure.code !== 'EACCES') throw failure;
  }
  throw new KvsInferError(
    'PORT_BUSY',
    portSearch
      ? `no free port between ${port} and ${lastPort} on 127.0.0.1`
      : `port ${port} on 127.0.0.1 is taken by another process`,
    { hint: 'stop what listens there, or choose another with --port' },
  );
}

function tryListen(server: Server, port: number): Promise<NodeJS.ErrnoException | null> {
  return new Promise((resolve) => {
    const onError = (error: NodeJS.ErrnoException) => {
      server.off('listening', onListening);
      resolve(error);
    };
    const onListening = () => {
      server.off('error', onError);
      resolve(null);
    };
    server.once('error', onError);
    server.once('listening', onListening);
    server.listen({ host: '127.0.0.1', port, exclusive: true });
  });
}
