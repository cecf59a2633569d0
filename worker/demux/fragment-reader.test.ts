import { describe, expect, it } from 'vitest';
import { type FragmentEvent, FragmentReader } from './fragment-reader.ts';
import {
  cluster,
  ebmlHeader,
  kvsFragment,
  openElement,
  simpleBlock,
  tags,
  trackEntry,
  tracks,
} from './matroska.test-factory.ts';
import { elementIds } from './matroska-elements.ts';

function eventsOf(bytes: Uint8Array): FragmentEvent[] {
  const events: FragmentEvent[] = [];
  const reader = new FragmentReader((event) => events.push(structuredCopy(event)));
  reader.push(bytes);
  reader.end();
  return events;
}

/** The fragment object is completed later: events are compared as they were when they came. */
const structuredCopy = (event: FragmentEvent): FragmentEvent =>
  event.type === 'fragment-start' ? { ...event, fragment: { ...event.fragment } } : event;

const endsOf = (events: FragmentEvent[]) => events.filter((event) => event.type === 'fragment-end');
const framesOf = (events: FragmentEvent[]) => events.filter((event) => event.type === 'frame');
const codesOf = (events: FragmentEvent[]) =>
  events.flatMap((event) => (event.type === 'error' ? [event.error.code] : []));

describe('KVS fragments', () => {
  it('start with their tags and end with their continuation token', () => {
    const events = eventsOf(kvsFragment({ number: '91343852333181432392682062607743920146159169392' }));
    expect(events.map((event) => event.type)).toEqual([
      'track',
      'fragment-start',
      'frame',
      'frame',
      'frame',
      'fragment-end',
    ]);
    const fragment = {
      number: '91343852333181432392682062607743920146159169392',
      producerTimestampMs: 1_511_852_108_513,
      serverTimestampMs: 1_511_852_109_126,
    };
    expect(events[1]).toEqual({ type: 'fragment-start', fragment: { ...fragment, millisBehindNow: null } });
    expect(events.at(-1)).toEqual({
      type: 'fragment-end',
      fragment: { ...fragment, millisBehindNow: 250 },
      frames: 3,
      keyframes: 1,
      bytes: 15,
      continuationToken: fragment.number,
      complete: true,
    });
  });

  it('are left out when no date can be made of their times', () => {
    const far = eventsOf(kvsFragment({ number: '1', producerTimestamp: '1e18' }));
    expect(codesOf(far)).toEqual(['KVS_FRAGMENT_TAGS']);
    expect(framesOf(far)).toEqual([]);
    const late = kvsFragment({ number: '1', continuationToken: null });
    const damaged = Buffer.concat([late, cluster(9e15, simpleBlock({ keyframe: true }))]);
    const events = eventsOf(damaged);
    expect(codesOf(events)).toEqual(['KVS_FRAGMENT_TAGS']);
    expect(framesOf(events)).toHaveLength(3);
  });

  it('place frames at producer time, whatever the cluster timestamp counts from', () => {
    for (const clusterMs of [0, 8000, 1_511_852_108_513]) {
      const frames = framesOf(eventsOf(kvsFragment({ number: '1', clusterMs })));
      expect(frames.map(({ timestampMs, frameIndex }) => [timestampMs - 1_511_852_108_513, frameIndex])).toEqual([
        [0, 0],
        [33, 1],
        [66, 2],
      ]);
    }
  });

  it('end as soon as the token is there, before the next fragment begins', () => {
    const ended: string[] = [];
    const reader = new FragmentReader((event) => {
      if (event.type === 'fragment-end') ended.push(event.fragment.number);
    });
    reader.push(kvsFragment({ number: '1' }));
    expect(ended).toEqual(['1']);
  });

  it('without frames are fragments too', () => {
    const [end] = endsOf(eventsOf(kvsFragment({ number: '5', frames: [], continuationToken: null })));
    expect(end).toMatchObject({ frames: 0, bytes: 0, continuationToken: null, complete: true });
  });

  it('are incomplete when cut short, and the next one is whole', () => {
    const frames = [{ keyframe: true, data: Buffer.alloc(400) }, { data: Buffer.alloc(400) }];
    const first = kvsFragment({ number: '1', frames });
    const events = eventsOf(Buffer.concat([first.subarray(0, first.length - 300), kvsFragment({ number: '2' })]));
    expect(endsOf(events).map(({ fragment, complete }) => [fragment.number, complete])).toEqual([
      ['1', false],
      ['2', true],
    ]);
  });

  it('without a usable producer timestamp are left out by name', () => {
    const broken = kvsFragment({ number: '1', producerTimestamp: 'yesterday' });
    const events = eventsOf(Buffer.concat([broken, kvsFragment({ number: '2' })]));
    expect(codesOf(events)).toEqual(['KVS_FRAGMENT_TAGS']);
    expect(endsOf(events).map(({ fragment }) => fragment.number)).toEqual(['2']);
  });

  it('never get made-up numbers once the stream has shown KVS tags', () => {
    const plain = Buffer.concat([
      ebmlHeader(),
      openElement(elementIds.segment, tracks(trackEntry()), cluster(0, simpleBlock()), cluster(9, simpleBlock())),
    ]);
    const events = eventsOf(Buffer.concat([kvsFragment({ number: '1' }), plain]));
    expect(codesOf(events)).toEqual(['KVS_FRAGMENT_TAGS']);
    expect(endsOf(events).map(({ fragment }) => fragment.number)).toEqual(['1']);
  });
});

describe('plain Matroska', () => {
  it('gives one numbered fragment a cluster, on over several segments', () => {
    const plain = (ms: number) =>
      Buffer.concat([
        ebmlHeader(),
        openElement(
          elementIds.segment,
          tracks(trackEntry()),
          tags({ ENCODER: 'x' }),
          cluster(ms, simpleBlock({ relativeMs: 3 })),
          cluster(ms + 9, simpleBlock()),
        ),
      ]);
    const events = eventsOf(Buffer.concat([plain(0), plain(100)]));
    expect(
      endsOf(events).map(({ fragment }) => [fragment.number, fragment.producerTimestampMs, fragment.serverTimestampMs]),
    ).toEqual([
      ['0', 0, null],
      ['1', 9, null],
      ['2', 100, null],
      ['3', 109, null],
    ]);
    expect(framesOf(events).map(({ timestampMs }) => timestampMs)).toEqual([3, 9, 103, 109]);
  });
});

describe('errors inside the media', () => {
  it.each([
    [{ AWS_KINESISVIDEO_ERROR_CODE: 'Error writing to the stream', AWS_KINESISVIDEO_ERROR_ID: '3002' }, true, '3002'],
    [{ AWS_KINESISVIDEO_ERROR_CODE: 'something new' }, true, 'something new'],
    [{ AWS_KINESISVIDEO_EXCEPTION_ERROR_CODE: '4500', AWS_KINESISVIDEO_EXCEPTION_MESSAGE: 'no key' }, false, 'no key'],
  ])('%o becomes a KVS_STREAM_ERROR', (values, retryable, words) => {
    const bytes = Buffer.concat([
      ebmlHeader(),
      openElement(elementIds.segment, tags(values as Record<string, string>)),
    ]);
    const [event] = eventsOf(bytes);
    expect(event).toMatchObject({ type: 'error', error: { code: 'KVS_STREAM_ERROR', retryable } });
    expect(event?.type === 'error' && event.error.message).toContain(words);
  });

  it('a fragment that has left the retention is told apart: reading can go on at the live edge', () => {
    const gone = tags({ AWS_KINESISVIDEO_ERROR_CODE: 'FRAGMENT_NOT_FOUND', AWS_KINESISVIDEO_ERROR_ID: '4000' });
    const [event] = eventsOf(Buffer.concat([ebmlHeader(), openElement(elementIds.segment, gone)]));
    expect(event).toMatchObject({ type: 'error', error: { code: 'STREAM_FRAGMENT_GONE', retryable: true } });
    expect(event?.type === 'error' && event.error.message).toContain('requested fragment is not found');
  });
});
