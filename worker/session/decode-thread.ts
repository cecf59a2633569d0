/**
 * Entry of a decode thread: its own AWS clients and the machine's clock around the decode host.
 * Invariant: an error that nobody caught ends the thread, and main hears of it; no camera is left unread in silence.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { awsClients } from '../../aws/clients.ts';
import { kinesisVideoMedia } from '../../aws/media.ts';
import { systemClock } from '../../core/clock.ts';
import type { HardwareDecoders } from '../decode/codec-device.ts';
import { runDecodeHost } from './decode-host.ts';

export type DecodeThreadData = {
  region: string;
  endpoint?: string;
  hardware: HardwareDecoders | null;
};

if (parentPort === null) throw new Error('decode-thread.ts runs as a worker thread only');
const port = parentPort;
const { hardware, ...clientOptions } = workerData as DecodeThreadData;
const clients = awsClients(clientOptions);
const media = kinesisVideoMedia(clients);
const busyMs = () => performance.eventLoopUtilization().active;
runDecodeHost(port as never, { media, clock: systemClock, random: Math.random, hardware, busyMs }, () => {
  clients.destroy();
  port.close();
});
