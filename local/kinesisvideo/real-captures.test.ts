/**
 * True GetMedia captures as the measure: our output has their elements in their order, and a capture sent with PutMedia
 * comes back with the same frames. Skipped, with the reason, where the captures are absent.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CreateStreamCommand } from '@aws-sdk/client-kinesis-video';
import { expect, test } from 'vitest';
import { type FragmentEvent, FragmentReader } from '../../worker/demux/fragment-reader.ts';
import { MatroskaReader } from '../../worker/demux/matroska-reader.ts';
import { RIG_START_MS, startMediaRig } from './media-rig.test-factory.ts';

const captures = join(process.env.KVS_INFER_TEST_DATA ?? join(import.meta.dirname, '../../../shared/data'), 'kvs');
const capture = join(captures, 'output_get_media.mkv');
const missing = existsSync(capture) ? '' : ` (skipped: no ${capture})`;

/** The order of everything in the fragments, with the names of KVS's own tags, runs of frames folded. */
function shapeOf(bytes: Uint8Array): string[] {
  const shape: string[] = [];
  const reader = new MatroskaReader((event) => {
    if (event.type === 'tags') {
      const names = Object.keys(event.tags).filter((name) => name.startsWith('AWS_'));
      if (names.length > 0) shape.push(names.join(' '));
    } else if (event.type !== 'frame' || shape.at(-1) !== 'frame') shape.push(event.type);
  });
  reader.push(bytes);
  reader.end();
  return shape;
}

function framesOf(bytes: Uint8Array): string[] {
  const frames: string[] = [];
  let firstMs: number | null = null;
  const reader = new FragmentReader((event: FragmentEvent) => {
    if (event.type !== 'frame') return;
    firstMs ??= event.timestampMs;
    frames.push(`${event.timestampMs - firstMs} ${event.keyframe} ${Buffer.from(event.data).toString('base64')}`);
  });
  reader.push(bytes);
  reader.end();
  return frames;
}

test.skipIf(missing !== '')(`a real capture goes through PutMedia and GetMedia unchanged${missing}`, async () => {
  const real = readFileSync(capture);
  const rig = await startMediaRig();
  try {
    await rig.control.send(new CreateStreamCommand({ StreamName: 'dock-1', DataRetentionInHours: 1 }));
    const producer = rig.putMedia('dock-1', {
      'x-amzn-fragment-timecode-type': 'RELATIVE',
      'x-amzn-producer-start-timestamp': String(RIG_START_MS / 1000),
    });
    producer.write(real);
    producer.request.end();
    expect(await producer.finished).toBe('');
    expect(producer.acks.filter((ack) => ack.EventType === 'PERSISTED')).toHaveLength(5);
    const reader = (await rig.getMedia('dock-1', { StartSelectorType: 'EARLIEST' })).start();
    await reader.waitFor('fragment-end', 5);
    const ours = Buffer.concat(reader.chunks);
    expect(shapeOf(ours)).toEqual(shapeOf(real));
    expect(framesOf(ours)).toEqual(framesOf(real));
    expect(reader.of('track')[0]?.track).toMatchObject({ codec: 'h264', width: 640, height: 360 });
  } finally {
    await rig.close();
  }
});
