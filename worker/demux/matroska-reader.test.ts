import { describe, expect, it } from 'vitest';
import type { DemuxLimits } from './demux-limits.ts';
import {
  blockGroup,
  cluster,
  ebmlHeader,
  element,
  idBytes,
  kvsFragment,
  openElement,
  simpleBlock,
  sizeBytes,
  tags,
  text,
  trackEntry,
  tracks,
  unsigned,
} from './matroska.test-factory.ts';
import { elementIds } from './matroska-elements.ts';
import { type DemuxEvent, MatroskaReader } from './matroska-reader.ts';

function eventsOf(bytes: Uint8Array, limits?: Partial<DemuxLimits>): DemuxEvent[] {
  const events: DemuxEvent[] = [];
  const reader = new MatroskaReader((event) => events.push(event), limits);
  reader.push(bytes);
  reader.end();
  return events;
}

const framesOf = (events: DemuxEvent[]) => events.filter((event) => event.type === 'frame');
const errorsOf = (events: DemuxEvent[]) =>
  events.filter((event) => event.type === 'error').map(({ error, atByte }) => ({ code: error.code, atByte }));
const codesOf = (events: DemuxEvent[]) => errorsOf(events).map(({ code }) => code);
const segment = (...content: Uint8Array[]) =>
  Buffer.concat([ebmlHeader(), openElement(elementIds.segment, ...content)]);

describe('what a document holds', () => {
  it('gives tracks, tags, clusters and frames in the order in which they end', () => {
    const events = eventsOf(
      kvsFragment({
        number: '7',
        frames: [
          { keyframe: true, data: text('I') },
          { relativeMs: -40, data: text('P') },
        ],
        clusterMs: 100,
      }),
    );
    expect(events.map((event) => event.type)).toEqual([
      'segment',
      'track',
      'tags',
      'cluster',
      'frame',
      'frame',
      'tags',
    ]);
    expect(events[1]).toEqual({
      type: 'track',
      track: {
        number: 1,
        kind: 'video',
        codec: 'h264',
        codecId: 'V_MPEG4/ISO/AVC',
        width: 640,
        height: 360,
        codecPrivate: null,
      },
    });
    expect(
      framesOf(events).map(({ timestampMs, keyframe, data }) => [timestampMs, keyframe, Buffer.from(data).toString()]),
    ).toEqual([
      [100, true, 'I'],
      [60, false, 'P'],
    ]);
  });

  it('takes key frames of BlockGroups from the missing ReferenceBlock', () => {
    const bytes = segment(tracks(trackEntry()), cluster(0, blockGroup({}, false), blockGroup({ relativeMs: 5 }, true)));
    expect(framesOf(eventsOf(bytes)).map(({ keyframe }) => keyframe)).toEqual([true, false]);
  });

  it('reads several tracks and tells them apart', () => {
    const bytes = segment(
      tracks(
        trackEntry({ number: 1, codecId: 'V_MPEGH/ISO/HEVC' }),
        trackEntry({ number: 2, type: 2, codecId: 'A_AAC' }),
      ),
      cluster(0, simpleBlock({ track: 2 }), simpleBlock({ track: 1 })),
    );
    const events = eventsOf(bytes);
    expect(events.filter((event) => event.type === 'track').map(({ track }) => [track.kind, track.codec])).toEqual([
      ['video', 'hevc'],
      ['audio', 'other'],
    ]);
    expect(framesOf(events).map(({ trackNumber }) => trackNumber)).toEqual([2, 1]);
  });

  it('applies TimestampScale', () => {
    const info = element(elementIds.info, element(elementIds.timestampScale, unsigned(500_000)));
    const events = eventsOf(segment(info, tracks(trackEntry()), cluster(100, simpleBlock({ relativeMs: 3 }))));
    expect(framesOf(events)[0]?.timestampMs).toBe(51.5);
  });

  it('closes clusters of unknown size where the next element cannot belong to them', () => {
    const open = (ms: number) =>
      openElement(elementIds.cluster, element(elementIds.clusterTimestamp, unsigned(ms)), simpleBlock());
    const events = eventsOf(segment(tracks(trackEntry()), open(0), open(0), tags({ A: '1' }), open(0)));
    expect(events.map((event) => event.type)).toEqual([
      'segment',
      'track',
      'cluster',
      'frame',
      'cluster',
      'frame',
      'tags',
      'cluster',
      'frame',
    ]);
  });

  it('passes over unknown elements, voids and checksums', () => {
    const noise = Buffer.concat([
      element(elementIds.void, Buffer.alloc(300)),
      element(0x4fff, text('?')),
      element(elementIds.crc32, Buffer.alloc(4)),
    ]);
    const events = eventsOf(
      segment(noise, tracks(noise, trackEntry({}, noise)), cluster(0, noise, simpleBlock(), noise)),
    );
    expect([codesOf(events), framesOf(events).length]).toEqual([[], 1]);
  });

  it('accepts equal and falling timestamps as they come', () => {
    const bytes = segment(
      tracks(trackEntry()),
      cluster(10, simpleBlock(), simpleBlock()),
      cluster(10, simpleBlock()),
      cluster(3, simpleBlock()),
    );
    expect(framesOf(eventsOf(bytes)).map(({ timestampMs }) => timestampMs)).toEqual([10, 10, 10, 3]);
  });
});

describe('what is refused, by name', () => {
  it.each([
    [2, 'Xiph'],
    [4, 'fixed-size'],
    [6, 'EBML'],
  ])('lacing flags %i: %s lacing, once a track, other tracks unaffected', (lacing, name) => {
    const bytes = segment(
      tracks(trackEntry(), trackEntry({ number: 2 })),
      cluster(0, simpleBlock({ lacing }), simpleBlock({ lacing }), simpleBlock({ track: 2 })),
    );
    const events = eventsOf(bytes);
    expect(codesOf(events)).toEqual(['MATROSKA_LACING']);
    expect(events.find((event) => event.type === 'error')?.error.message).toContain(name);
    expect(framesOf(events)).toHaveLength(1);
  });

  it('compressed or encrypted tracks', () => {
    const encoded = trackEntry({}, element(elementIds.contentEncodings, Buffer.alloc(4)));
    const events = eventsOf(segment(tracks(encoded), cluster(0, simpleBlock())));
    expect([codesOf(events), framesOf(events).length]).toEqual([['MATROSKA_ENCODING'], 0]);
  });

  it('frames of tracks that were not declared', () => {
    expect(codesOf(eventsOf(segment(tracks(trackEntry()), cluster(0, simpleBlock({ track: 9 })))))).toEqual([
      'MATROSKA_UNKNOWN_TRACK',
    ]);
  });

  it('another DocType', () => {
    expect(codesOf(eventsOf(Buffer.concat([ebmlHeader('rtf'), openElement(elementIds.segment)])))).toEqual([
      'MATROSKA_DOCTYPE',
    ]);
  });

  it('bytes that hold no EBML header, but not silence', () => {
    expect(errorsOf(eventsOf(text('<html>502 Bad Gateway</html>')))).toEqual([
      { code: 'MATROSKA_NOT_FOUND', atByte: 0 },
    ]);
    expect(eventsOf(Buffer.alloc(0))).toEqual([]);
  });

  it.each([
    [
      'a frame longer than a fragment may be',
      cluster(0, simpleBlock({ data: Buffer.alloc(2000) })),
      { fragmentBytes: 1000 },
    ],
    [
      'a cluster of unknown size that does not end',
      openElement(
        elementIds.cluster,
        element(elementIds.clusterTimestamp, unsigned(0)),
        simpleBlock({ data: Buffer.alloc(600) }),
        simpleBlock({ data: Buffer.alloc(600) }),
      ),
      { fragmentBytes: 1000 },
    ],
    [
      'CodecPrivate beyond its limit',
      tracks(trackEntry({ number: 2, codecPrivate: Buffer.alloc(200) })),
      { codecPrivateBytes: 100 },
    ],
    [
      'more tags than allowed',
      tags(Object.fromEntries(Array.from({ length: 9 }, (_, index) => [`T${index}`, 'x']))),
      { tagsPerElement: 8 },
    ],
  ])('%s', (_, content, limits) => {
    expect(codesOf(eventsOf(segment(tracks(trackEntry()), content), limits))).toEqual(['MATROSKA_LIMIT']);
  });

  it('claims of size that nothing backs: no memory is taken for them', () => {
    const claimed = Buffer.concat([idBytes(elementIds.simpleBlock), sizeBytes(49_000_000), text('little')]);
    const open = openElement(elementIds.cluster, element(elementIds.clusterTimestamp, unsigned(0)), claimed);
    const before = process.memoryUsage().arrayBuffers;
    const reader = new MatroskaReader(() => {});
    reader.push(segment(tracks(trackEntry()), open));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(5_000_000);
  });
});

describe('damage ends a document, never the next one', () => {
  const intact = kvsFragment({ number: '2' });
  const first = kvsFragment({
    number: '1',
    frames: [{ keyframe: true, data: Buffer.alloc(500, 7) }, { data: Buffer.alloc(500, 8) }],
  });
  const lastEvents = eventsOf(intact).slice(1);

  it('delivers the following fragment after a cut at every byte of the one before', () => {
    for (let cut = 1; cut < first.length; cut += 1) {
      const events = eventsOf(Buffer.concat([first.subarray(0, cut), intact]));
      expect(events.slice(-lastEvents.length), `cut at ${cut}`).toEqual(lastEvents);
    }
  });

  it('reports a frame cut short by the next header with its byte', () => {
    const cut = first.length - 300;
    const events = eventsOf(Buffer.concat([first.subarray(0, cut), intact]));
    expect(codesOf(events)).toEqual(['MATROSKA_TRUNCATED']);
  });

  it('reports garbage before the first header', () => {
    const events = eventsOf(Buffer.concat([Buffer.alloc(100, 0x1a), intact]));
    expect(errorsOf(events)).toEqual([{ code: 'MATROSKA_CORRUPT', atByte: 0 }]);
    expect(framesOf(events)).toHaveLength(3);
  });

  it('takes the four magic bytes inside a frame for what they are', () => {
    const data = Buffer.concat([text('x'), Buffer.from('1a45dfa3', 'hex'), text('y'.repeat(60))]);
    const events = eventsOf(kvsFragment({ number: '1', frames: [{ keyframe: true, data }] }));
    expect([codesOf(events), framesOf(events).map((frame) => frame.data.length)]).toEqual([[], [65]]);
  });
});
