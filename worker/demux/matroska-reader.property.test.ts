import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FragmentEvent, FragmentReader } from './fragment-reader.ts';
import {
  blockGroup,
  cluster,
  ebmlHeader,
  element,
  kvsFragment,
  openElement,
  simpleBlock,
  tags,
  trackEntry,
  tracks,
  unsigned,
} from './matroska.test-factory.ts';
import { elementIds } from './matroska-elements.ts';
import { type DemuxEvent, MatroskaReader } from './matroska-reader.ts';

/** Any bytes, chunked at any places, read to the end. Chunks are copies: the reader may keep what it was given. */
function read(bytes: Uint8Array, chunkBytes: readonly number[]): DemuxEvent[] {
  const events: DemuxEvent[] = [];
  const reader = new MatroskaReader((event) => events.push(plain(event)));
  let offset = 0;
  for (let index = 0; offset < bytes.length; index += 1) {
    const size = chunkBytes.length === 0 ? bytes.length : (chunkBytes[index % chunkBytes.length] as number);
    reader.push(bytes.slice(offset, offset + size));
    offset += size;
  }
  reader.end();
  return events;
}

/** Comparable: errors by code, message and place; bytes as hex, whatever array they lie in. */
function plain(event: DemuxEvent): DemuxEvent {
  const comparable =
    event.type === 'frame'
      ? { ...event, data: Buffer.from(event.data).toString('hex') }
      : event.type === 'error'
        ? { ...event, error: `${event.error.code}: ${event.error.message}` }
        : event;
  return comparable as DemuxEvent;
}

const block = fc.record({
  track: fc.constantFrom(1, 1, 1, 2, 3),
  relativeMs: fc.integer({ min: -500, max: 500 }),
  keyframe: fc.boolean(),
  lacing: fc.constantFrom(0, 0, 0, 0, 2, 6),
  data: fc.uint8Array({ minLength: 0, maxLength: 200 }),
});
const blocks = fc.array(block, { maxLength: 5 });
const clusterBytes = fc.tuple(fc.nat(100_000), blocks, fc.boolean(), fc.boolean()).map(([ms, list, grouped, open]) => {
  const content = [
    element(elementIds.clusterTimestamp, unsigned(ms)),
    ...list.map((fields) => (grouped ? blockGroup(fields, !fields.keyframe) : simpleBlock(fields))),
  ];
  return open ? openElement(elementIds.cluster, ...content) : element(elementIds.cluster, ...content);
});
const documentBytes = fc.oneof(
  fc
    .tuple(fc.bigInt({ min: 1n, max: 10n ** 47n }), blocks)
    .map(([number, frames]) => kvsFragment({ number: String(number), frames })),
  fc
    .tuple(
      fc.array(clusterBytes, { maxLength: 3 }),
      fc.dictionary(fc.string({ maxLength: 9 }), fc.string({ maxLength: 9 }), { maxKeys: 3 }),
    )
    .map(([clusters, values]) =>
      Buffer.concat([
        ebmlHeader(),
        openElement(
          elementIds.segment,
          tracks(trackEntry(), trackEntry({ number: 2, type: 2 })),
          ...clusters,
          tags(values),
        ),
      ]),
    ),
);
const streamBytes = fc.array(documentBytes, { minLength: 1, maxLength: 4 }).map((parts) => Buffer.concat(parts));
const chunking = fc.array(fc.integer({ min: 1, max: 97 }), { minLength: 1, maxLength: 8 });

/** Truncation, flipped bits, removed and inserted ranges, and plain noise. */
const damage = fc.oneof(
  fc.record({ kind: fc.constant('truncate' as const), at: fc.double({ min: 0, max: 1, noNaN: true }) }),
  fc.record({ kind: fc.constant('flip' as const), at: fc.double({ min: 0, max: 1, noNaN: true }), bit: fc.nat(7) }),
  fc.record({
    kind: fc.constant('remove' as const),
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    length: fc.integer({ min: 1, max: 300 }),
  }),
  fc.record({
    kind: fc.constant('insert' as const),
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 100 }),
  }),
);

function damaged(bytes: Buffer, change: typeof damage extends fc.Arbitrary<infer Change> ? Change : never): Buffer {
  const at = Math.min(bytes.length - 1, Math.floor(change.at * bytes.length));
  if (change.kind === 'truncate') return bytes.subarray(0, at);
  if (change.kind === 'remove') return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + change.length)]);
  if (change.kind === 'insert') return Buffer.concat([bytes.subarray(0, at), change.bytes, bytes.subarray(at)]);
  const flipped = Buffer.from(bytes);
  flipped[at] = (flipped[at] as number) ^ (1 << change.bit);
  return flipped;
}

const anyBytes = fc.oneof(
  streamBytes,
  fc
    .tuple(streamBytes, fc.array(damage, { minLength: 1, maxLength: 4 }))
    .map(([bytes, changes]) =>
      changes.reduce<Buffer>((current, change) => (current.length === 0 ? current : damaged(current, change)), bytes),
    ),
  fc.uint8Array({ maxLength: 2000 }).map((bytes) => Buffer.from(bytes)),
);

describe('the reader, for any bytes', () => {
  it('gives the same events whatever the chunking', () => {
    fc.assert(
      fc.property(anyBytes, chunking, (bytes, chunks) => {
        const whole = read(bytes, []);
        expect(read(bytes, chunks)).toEqual(whole);
        expect(read(bytes, [1])).toEqual(whole);
      }),
      { numRuns: 300 },
    );
  });

  it('delivers an intact fragment after anything', () => {
    const intact = kvsFragment({ number: '424242' });
    const expected = read(intact, []).slice(1);
    fc.assert(
      fc.property(anyBytes, chunking, (bytes, chunks) => {
        const events = read(Buffer.concat([bytes, intact]), chunks);
        expect(events.slice(-expected.length)).toEqual(expected);
      }),
      { numRuns: 300 },
    );
  });

  it('reports every frame of an undamaged stream and no error but refusals', () => {
    fc.assert(
      fc.property(streamBytes, (bytes) => {
        const lost = read(bytes, []).filter((event) => event.type === 'error' && event.documentLost);
        expect(lost).toEqual([]);
      }),
    );
  });

  it('lets the fragment reader pair every start with one end, in order', () => {
    fc.assert(
      fc.property(anyBytes, chunking, (bytes, chunks) => {
        let open: string | null = null;
        let nextIndex = 0;
        const reader = new FragmentReader((event: FragmentEvent) => {
          if (event.type === 'fragment-start') {
            expect(open).toBeNull();
            open = event.fragment.number;
            nextIndex = 0;
          } else if (event.type === 'frame') {
            expect([event.fragmentNumber, event.frameIndex]).toEqual([open, nextIndex]);
            expect(Number.isFinite(event.timestampMs)).toBe(true);
            nextIndex += 1;
          } else if (event.type === 'fragment-end') {
            expect([event.fragment.number, event.frames]).toEqual([open, nextIndex]);
            open = null;
          }
        });
        const size = chunks[0] as number;
        for (let offset = 0; offset < bytes.length; offset += size) reader.push(bytes.subarray(offset, offset + size));
        reader.end();
        expect(open).toBeNull();
      }),
      { numRuns: 300 },
    );
  });

  it('holds no more than the element being read, over a long stream', () => {
    const fragment = kvsFragment({
      number: '1',
      frames: Array.from({ length: 20 }, () => ({ data: Buffer.alloc(50_000, 1) })),
    });
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    let frames = 0;
    const reader = new MatroskaReader((event) => {
      if (event.type === 'frame') frames += 1;
    });
    let peak = 0;
    collectGarbage();
    const before = process.memoryUsage().arrayBuffers;
    for (let round = 0; round < 100; round += 1) {
      for (let offset = 0; offset < fragment.length; offset += 10_007)
        reader.push(fragment.subarray(offset, offset + 10_007));
      if (round % 10 !== 9) continue;
      // Twice: buffers that the first finds dead are accounted for by the second.
      collectGarbage();
      collectGarbage();
      peak = Math.max(peak, process.memoryUsage().arrayBuffers - before);
    }
    reader.end();
    expect(frames).toBe(2000);
    // 100 MB went through; what the collector has not swept yet stays in single megabytes.
    expect(peak).toBeLessThan(5_000_000);
  });
});

describe('clusters', () => {
  it('are not mixed up when several follow each other', () => {
    const bytes = Buffer.concat([
      ebmlHeader(),
      openElement(elementIds.segment, tracks(trackEntry()), cluster(0, simpleBlock()), cluster(40, simpleBlock())),
    ]);
    const times = read(bytes, [3]).flatMap((event) => (event.type === 'frame' ? [event.timestampMs] : []));
    expect(times).toEqual([0, 40]);
  });
});
