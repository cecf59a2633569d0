/** The reader on true GetMedia captures, where they are present; they are not part of the repository. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type FragmentEvent, FragmentReader } from './fragment-reader.ts';

const folder = join(process.env.KVS_INFER_TEST_DATA ?? join(import.meta.dirname, '../../../shared/data'), 'kvs');
const present = existsSync(folder);
const name = present ? 'real captures' : `real captures (skipped: no folder ${folder}; set KVS_INFER_TEST_DATA)`;

function eventsOf(file: string, chunkBytes: number): FragmentEvent[] {
  const bytes = readFileSync(join(folder, file));
  const events: FragmentEvent[] = [];
  const reader = new FragmentReader((event) => events.push(event));
  for (let offset = 0; offset < bytes.length; offset += chunkBytes)
    reader.push(bytes.subarray(offset, offset + chunkBytes));
  reader.end();
  return events;
}

const endsOf = (events: FragmentEvent[]) => events.filter((event) => event.type === 'fragment-end');

describe.skipIf(!present)(name, () => {
  it.each([1 << 20, 4096, 1009])('output_get_media.mkv: 5 fragments of 60 frames, in chunks of %i', (chunkBytes) => {
    const events = eventsOf('output_get_media.mkv', chunkBytes);
    const ends = endsOf(events);
    expect(ends.map(({ frames, keyframes, complete }) => [frames, keyframes, complete])).toEqual(
      Array(5).fill([60, 1, true]),
    );
    expect(ends.map(({ fragment, continuationToken }) => fragment.number === continuationToken)).toEqual(
      Array(5).fill(true),
    );
    expect(ends.map(({ fragment }) => fragment.producerTimestampMs)).toEqual(
      [8513, 10513, 12513, 14513, 16513].map((ms) => 1_511_852_100_000 + ms),
    );
    expect(ends.map(({ fragment }) => fragment.millisBehindNow)).toEqual([15858, 14155, 12940, 12414, 12093]);
    expect(events.filter((event) => event.type === 'error')).toEqual([]);
  });

  it('output-get-media-equal-timecode.mkv: two fragments with the same cluster timestamp, the second cut short', () => {
    const events = eventsOf('output-get-media-equal-timecode.mkv', 65536);
    expect(endsOf(events).map(({ frames, complete }) => [frames, complete])).toEqual([
      [120, true],
      [119, false],
    ]);
    expect(events.flatMap((event) => (event.type === 'error' ? [event.error.code] : []))).toEqual([
      'MATROSKA_TRUNCATED',
    ]);
  });

  it('empty-mkv-with-tags.mkv: a fragment without media', () => {
    const [end] = endsOf(eventsOf('empty-mkv-with-tags.mkv', 65536));
    expect(end).toMatchObject({ frames: 0, fragment: { number: '91343852338378294813695855977007281634605393997' } });
  });

  it('clusters.mkv: no KVS tags, one numbered fragment a cluster', () => {
    const ends = endsOf(eventsOf('clusters.mkv', 65536));
    expect(ends.map(({ fragment }) => fragment.number)).toEqual(['0', '1', '2', '3', '4', '5', '6', '7']);
    expect(ends.reduce((sum, { frames }) => sum + frames, 0)).toBe(444);
  });
});
