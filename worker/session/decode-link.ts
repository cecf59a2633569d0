/**
 * Main's end of a decode host, in a thread or, for a clock that is stepped, in this process.
 * Invariant: a thread that dies unasked is told to the owner once, with a named error; messages to it go nowhere then.
 */
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import type { MediaSource } from '../../aws/media.ts';
import type { Clock } from '../../core/clock.ts';
import { KvsInferError } from '../../core/errors.ts';
import type { HardwareDecoders } from '../decode/codec-device.ts';
import { runDecodeHost } from './decode-host.ts';
import type { DecodeThreadData } from './decode-thread.ts';
import type { FromDecodeHost, ToDecodeHost } from './messages.ts';

export type DecodeLink = {
  send(message: ToDecodeHost, transfer?: ArrayBuffer[]): void;
  close(): Promise<void>;
};

export type DecodeLinkPorts = {
  message(message: FromDecodeHost): void;
  died(error: KvsInferError): void;
};

export function startDecodeThread(data: DecodeThreadData, ports: DecodeLinkPorts): DecodeLink {
  const worker = new Worker(new URL('./decode-thread.ts', import.meta.url), { workerData: data, name: 'decode' });
  const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  let isClosing = false;
  let cause: unknown;
  worker.on('message', (message: FromDecodeHost) => ports.message(message));
  worker.once('error', (error) => {
    cause = error;
  });
  worker.once('exit', (code) => {
    if (isClosing) return;
    const why = cause instanceof Error ? cause.message : `exit code ${code}`;
    ports.died(
      new KvsInferError('DECODE_THREAD_DIED', `a decode thread ended: ${why}`, {
        hint: 'the worker exits and is replaced; report the cause',
        cause,
      }),
    );
  });
  return {
    send: (message, transfer = []) => worker.postMessage(message, transfer),
    async close() {
      isClosing = true;
      worker.postMessage({ type: 'close' } satisfies ToDecodeHost);
      await exited;
    },
  };
}

export function startDecodeHere(
  options: { media: MediaSource; clock: Clock; random: () => number; hardware: HardwareDecoders | null },
  ports: DecodeLinkPorts,
): DecodeLink {
  const { port1, port2 } = new MessageChannel();
  let closed = () => {};
  const exited = new Promise<void>((resolve) => {
    closed = resolve;
  });
  // Under a clock that is stepped, work takes no time.
  runDecodeHost(port2, { ...options, busyMs: () => 0 }, () => {
    port1.close();
    closed();
  });
  port1.on('message', (message: FromDecodeHost) => ports.message(message));
  return {
    send: (message, transfer = []) => (port1 as MessagePort).postMessage(message, transfer),
    async close() {
      port1.postMessage({ type: 'close' } satisfies ToDecodeHost);
      await exited;
    },
  };
}
