/** What the writer writes, the worker's reader reads: the same tracks, tags, times, flags and bytes, however it is cut. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MatroskaReader } from '../../worker/demux/matroska-reader.ts';
import type { DemuxEvent } from '../../worker/demux/segment-content.ts';
import { openCluster, segmentHeader, simpleBlock, sizedCluster, tagsElement } from './matroska-writer.ts';

const frames = fc.array(
  fc.record({
    offsetMs: fc.integer({ min: -32_768, max: 32_767 }),
    keyframe: fc.boolean(),
    data: fc.uint8Array({ minLength: 0, maxLength: 300 }),
  }),
  { maxLength: 8 },
);

function read(bytes: Uint8Array, cuts: readonly number[]): DemuxEvent[] {
  const events: DemuxEvent[] = [];
  const reader = new MatroskaReader((event) => events.push(event));
  const edges = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  let from = 0;
  for (const edge of [...edges, bytes.length]) {
    reader.push(bytes.subarray(from, edge));
    from = edge;
  }
  reader.end();
  return events;
}

test('segments, clusters of both forms, blocks and tags survive the trip in any chunking', () => {
  fc.assert(
    fc.property(
      frames,
      fc.boolean(),
      fc.nat({ max: 2 ** 42 }),
      fc.uint8Array({ minLength: 1, maxLength: 60 }),
      fc.integer({ min: 1, max: 126 }),
      fc.array(fc.nat(), { maxLength: 6 }),
      (list, sized, nat, codecPrivate, number, cuts) => {
        const timecodeMs = nat + 40_000;
        const track = { number, kind: 'video', codecId: 'V_MPEG4/ISO/AVC', width: 1920, height: 1080 } as const;
        const blocks = list.map((one) => simpleBlock(number, one.offsetMs, one.keyframe, one.data));
        const blockBytes = blocks.reduce((sum, block) => sum + block.length, 0);
        const bytes = Buffer.concat([
          segmentHeader([{ ...track, codecPrivate }]),
          tagsElement([['A_NAME', '91']]),
          sized ? sizedCluster(timecodeMs, blockBytes) : openCluster(timecodeMs),
          ...blocks,
          tagsElement([['ANOTHER', 'ü']]),
        ]);
        const events = read(bytes, cuts);
        expect(events.filter((event) => event.type === 'error')).toEqual([]);
        expect(events.map((event) => event.type)).toEqual([
          'segment',
          'track',
          'tags',
          'cluster',
          ...list.map(() => 'frame'),
          'tags',
        ]);
        expect(events[1]).toMatchObject({ track: { ...track, codec: 'h264' } });
        expect(events[2]).toMatchObject({ tags: { A_NAME: '91' } });
        expect(events[3]).toMatchObject({ timecodeMs });
        for (const [index, frame] of list.entries()) {
          const event = events[4 + index] as Extract<DemuxEvent, { type: 'frame' }>;
          expect(event.timestampMs).toBe(timecodeMs + frame.offsetMs);
          expect(event.keyframe).toBe(frame.keyframe);
          expect(Buffer.from(event.data).equals(frame.data)).toBe(true);
        }
        expect(events.at(-1)).toMatchObject({ tags: { ANOTHER: 'ü' } });
      },
    ),
    { numRuns: 200 },
  );
});
