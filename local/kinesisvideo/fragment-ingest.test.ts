/** One PutMedia body at a time, without HTTP: whole uploads, refused ones, and bytes that mean nothing. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SteppedClock } from '../clock.ts';
import { type Acknowledgement, FragmentIngest, type IngestErrorCode } from './fragment-ingest.ts';
import { FragmentStore, type StoredFragment } from './fragment-store.ts';
import { openCluster, segmentHeader, simpleBlock, tagsElement } from './matroska-writer.ts';
import { rigCluster, rigHeader, rigTrack } from './media-rig.test-factory.ts';
import { kinesisVideoLimits } from './service-limits.ts';

const HOUR_MS = 3_600_000;

function ingest(options: { producerStartMs?: number; persists?: boolean } = {}) {
  const acks: Acknowledgement[] = [];
  const fragments: StoredFragment[] = [];
  const clock = new SteppedClock(1_800_000_000_000);
  const store = new FragmentStore(clock, 2_000_000);
  const subject = new FragmentIngest({
    store,
    limits: kinesisVideoLimits,
    producerStartMs: options.producerStartMs ?? 0,
    retentionMs: () => HOUR_MS,
    persists: () => options.persists ?? true,
    acknowledge: (ack) => acks.push(ack),
    onFragment: (fragment) => fragments.push(fragment),
  });
  return { subject, acks, fragments, store };
}

function failureOf(...parts: Uint8Array[]): { code: IngestErrorCode | null; acks: Acknowledgement[]; kept: number } {
  const { subject, acks, store } = ingest();
  subject.push(Buffer.concat(parts));
  subject.finish();
  return { code: subject.failure, acks, kept: store.whole(HOUR_MS).length };
}

test('a fragment is acknowledged step by step and whole when the next begins', () => {
  const { subject, acks, store } = ingest();
  subject.push(Buffer.concat([rigHeader(), rigCluster(5000, 3)]));
  expect(acks.map((ack) => ack.EventType)).toEqual(['BUFFERING']);
  expect(store.arriving?.blocks).toHaveLength(3);
  subject.push(openCluster(6000));
  expect(acks.map((ack) => ack.EventType)).toEqual(['BUFFERING', 'RECEIVED', 'PERSISTED', 'BUFFERING']);
  expect(acks[1]).toEqual({ EventType: 'RECEIVED', FragmentTimecode: 5000, FragmentNumber: acks[0]?.FragmentNumber });
});

test('tags after a cluster end its fragment; relative timecodes count from the producer start', () => {
  const { subject, store } = ingest({ producerStartMs: 1_000_000 });
  subject.push(Buffer.concat([rigHeader(), rigCluster(2000, 3), tagsElement([['LOCATION', 'gate']])]));
  const [fragment] = store.whole(HOUR_MS);
  expect(fragment).toMatchObject({ producerTimestampMs: 1_002_000, clusterTimecodeMs: 2000, state: 'whole' });
});

test('a stream without retention is never told PERSISTED', () => {
  const { subject, acks } = ingest({ persists: false });
  subject.push(Buffer.concat([rigHeader(), rigCluster(0, 1)]));
  subject.finish();
  expect(acks.map((ack) => ack.EventType)).toEqual(['BUFFERING', 'RECEIVED']);
});

test('every rule of PutMedia has its error, and what came before it is kept', () => {
  const tracks = [1, 2, 3, 4].map((number) => ({ ...rigTrack, number }));
  const cases: [IngestErrorCode, number, Uint8Array[]][] = [
    ['FRAGMENT_TIMECODE_LESSER_THAN_PREVIOUS', 1, [rigHeader(), rigCluster(5000, 2), rigCluster(4999, 2)]],
    ['MORE_THAN_ALLOWED_TRACKS_FOUND', 0, [segmentHeader(tracks), rigCluster(0, 1)]],
    ['TRACK_NUMBER_MISMATCH', 0, [rigHeader(), openCluster(0), simpleBlock(2, 0, true, Buffer.from('x'))]],
    ['MAX_FRAGMENT_DURATION_REACHED', 0, [rigHeader(), rigCluster(0, 12, 2000)]],
    ['FRAMES_MISSING_FOR_TRACK', 0, [rigHeader(), openCluster(0)]],
    ['INVALID_MKV_DATA', 0, [segmentHeader([]), rigCluster(0, 1)]],
    ['INVALID_MKV_DATA', 0, [Buffer.from('GET / HTTP/1.1\r\n\r\n')]],
    ['INVALID_MKV_DATA', 1, [rigHeader(), rigCluster(0, 2), rigCluster(1000, 2).subarray(0, 90)]],
  ];
  for (const [code, kept, parts] of cases) {
    const result = failureOf(...parts);
    expect(result.code, code).toBe(code);
    expect(result.kept, code).toBe(kept);
    expect(result.acks.at(-1), code).toMatchObject({ EventType: 'ERROR', ErrorCode: code });
  }
  expect(failureOf(rigHeader(), rigCluster(0, 1)).code).toBeNull();
});

test('a fragment of more than 50 MB is refused before it is held', () => {
  const { subject, acks, store } = ingest();
  subject.push(Buffer.concat([rigHeader(), openCluster(0)]));
  const block = simpleBlock(1, 0, true, Buffer.alloc(6_000_000));
  for (let sent = 0; sent < 10; sent++) subject.push(block);
  expect(acks.at(-1)).toMatchObject({ ErrorId: 4001 });
  expect(store.bytes).toBe(0);
});

test('no body, however broken, throws, leaves half a fragment or breaks the order of numbers', () => {
  const sound = Buffer.concat([
    rigHeader(),
    rigCluster(1000, 3),
    rigCluster(2000, 3),
    rigHeader(),
    rigCluster(3000, 3),
  ]);
  const broken = fc
    .tuple(
      fc.array(fc.tuple(fc.nat({ max: sound.length - 1 }), fc.nat({ max: 255 })), { maxLength: 6 }),
      fc.nat({ max: sound.length }),
    )
    .map(([flips, length]) => {
      const bytes = Buffer.from(sound);
      for (const [at, value] of flips) bytes[at] = value;
      return bytes.subarray(0, length);
    });
  fc.assert(
    fc.property(
      fc.oneof(
        broken,
        fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
      ),
      fc.integer({ min: 1, max: 200 }),
      fc.boolean(),
      (body, chunkBytes, aborts) => {
        const { subject, acks, store, fragments } = ingest();
        for (let at = 0; at < body.length; at += chunkBytes) subject.push(body.subarray(at, at + chunkBytes));
        if (aborts) subject.abort();
        else subject.finish();
        expect(store.arriving).toBeNull();
        expect(acks.filter((ack) => ack.EventType === 'ERROR').length).toBeLessThanOrEqual(1);
        expect(acks.filter((ack) => ack.EventType === 'RECEIVED').length).toBe(fragments.length);
        const numbers = fragments.map((fragment) => fragment.number);
        expect(numbers).toEqual([...new Set(numbers)].sort());
        expect(fragments.every((fragment) => fragment.state === 'whole' && fragment.blocks.length > 0)).toBe(true);
      },
    ),
    { numRuns: 400 },
  );
});
