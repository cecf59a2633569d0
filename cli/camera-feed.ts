/**
 * `kvs-infer camera feed`: a recording as a camera of the local cloud, again and again until Ctrl-C, so that a newcomer can
 * try a video of theirs without a camera or an account. Contract: it sends to a cloud on this machine alone; Ctrl-C and the
 * end of `--for` are exit code 0.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { systemClock } from '../core/clock.ts';
import { KvsInferError } from '../core/errors.ts';
import { connectionFor } from './aws-options.ts';
import { numberIn } from './cameras-to-forecast.ts';
import { localStage } from './local-endpoint.ts';

const retentionHours = 1;
/** How often it is looked at whether fragments arrive. */
const lookIntervalMs = 1_000;
const feedSecondsMax = 2_147_483;

type FeedOptions = { stream: string; for?: number; endpointUrl?: string };

export function cameraFeedCommand(camera: Command): void {
  camera
    .command('feed')
    .description('loop a recording into a stream of the local cloud, as a camera would, until Ctrl-C')
    .argument('<file>', '.mkv or .mp4 with H.264')
    .requiredOption('--stream <name>', 'Kinesis Video stream; it is made when it does not exist')
    .option('--for <seconds>', 'stop after so long', numberIn(1, feedSecondsMax))
    .option('--endpoint-url <url>', 'local cloud (default: the npm start that runs here)', loopbackUrl)
    .addHelpText(
      'after',
      '\nWhile it runs, register a camera for the stream: camera put.\n\nExample:\n  $ kvs-infer camera feed street.mp4 --stream my-street',
    )
    .action(feed);
}

async function feed(file: string, { stream, for: seconds, endpointUrl }: FeedOptions): Promise<void> {
  const { readFileClip } = await import('../local/demo/file-clip.ts');
  const clip = await readFileClip(file);
  const { region, endpoint } = await connectionFor(localStage, endpointUrl === undefined ? {} : { endpointUrl });
  // An endpoint of the environment may be anywhere.
  if (endpoint === undefined || !isLoopback(endpoint)) {
    throw new KvsInferError('FEED_NOT_LOCAL', `${endpoint ?? region} is no local cloud`, {
      hint: 'start one with npm start; to AWS, send with a producer (docs/first-camera.md)',
    });
  }
  process.env.AWS_ACCESS_KEY_ID ??= 'local';
  process.env.AWS_SECRET_ACCESS_KEY ??= 'local';
  const [{ awsClients }, { createStream }, { startProducer }] = await Promise.all([
    import('../aws/clients.ts'),
    import('../aws/streams.ts'),
    import('../local/kinesisvideo/producer.ts'),
  ]);
  const clients = awsClients({ region, endpoint });
  const stop = new AbortController();
  const end = () => stop.abort();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, end);
  try {
    await createStream(clients, stream, retentionHours);
    const producer = startProducer({ endpoint, region, streamName: stream, clip, clock: systemClock });
    const { width, height, frames, durationMs } = clip;
    const length = `${width}×${height}, ${frames.length} frames, ${(durationMs / 1_000).toFixed(1)} s`;
    console.log(`${file} (${length}) goes into the stream ${stream}, again and again until Ctrl-C`);
    console.log(`register it: {"cameraId":"my-camera","streamName":"${stream}"} with "kvs-infer camera put"`);
    const endsAtMs = seconds === undefined ? Number.POSITIVE_INFINITY : systemClock.nowMs() + seconds * 1_000;
    let failure: string | null = null;
    while (!stop.signal.aborted && systemClock.nowMs() < endsAtMs) {
      await pause(Math.min(lookIntervalMs, endsAtMs - systemClock.nowMs()), undefined, stop).catch(() => {});
      const { lastFailure, connected } = producer.stats();
      if (!connected && lastFailure !== null && lastFailure !== failure)
        console.error(`it is sent again: ${lastFailure}`);
      failure = connected ? null : lastFailure;
    }
    await producer.stop();
    const { fragmentsPersisted, framesSent, framesDropped } = producer.stats();
    console.log(`${framesSent} frames sent, ${framesDropped} dropped; ${fragmentsPersisted} fragments kept`);
  } finally {
    clients.destroy();
  }
}

function loopbackUrl(text: string): string {
  if (URL.canParse(text) && isLoopback(text)) return text;
  throw new InvalidArgumentError('expected the address of a local cloud, such as http://127.0.0.1:4566.');
}

function isLoopback(url: string): boolean {
  return ['127.0.0.1', 'localhost', '[::1]'].includes(new URL(url).hostname);
}
