/** The largest fragments that KVS takes, and larger claims: read to the end, in memory that does not grow with them. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { openCluster, segmentHeader, simpleBlock, tagsElement } from '../../local/kinesisvideo/matroska-writer.ts';
import { type FragmentEvent, FragmentReader } from './fragment-reader.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
const chunkBytes = 65_536;
const track = {
  number: 1,
  kind: 'video',
  codecId: 'V_MPEG4/ISO/AVC',
  width: 64,
  height: 48,
  codecPrivate: null,
} as const;

function head(number: number): Buffer {
  const seconds = String(1_795_507_200 + number);
  return Buffer.concat([
    segmentHeader([track]),
    tagsElement([
      ['AWS_KINESISVIDEO_FRAGMENT_NUMBER', String(number)],
      ['AWS_KINESISVIDEO_SERVER_TIMESTAMP', seconds],
      ['AWS_KINESISVIDEO_PRODUCER_TIMESTAMP', seconds],
    ]),
    openCluster(0),
  ]);
}

/** A block's head alone: its bytes follow in pieces, so that the test itself holds little. */
function blockHead(offsetMs: number, dataBytes: number): Buffer {
  const block = simpleBlock(1, offsetMs, offsetMs === 0, Buffer.alloc(300_000));
  const [idBytes, sizeBytes, restBytes] = [1, 3, 4];
  const size = Buffer.alloc(8);
  size.writeBigUInt64BE(BigInt(dataBytes + restBytes) | (1n << 56n));
  return Buffer.concat([
    block.subarray(0, idBytes),
    size,
    block.subarray(idBytes + sizeBytes, idBytes + sizeBytes + restBytes),
  ]);
}

/** Pushes a fragment of such frames in network pieces. @returns what came, and the most memory that was held. */
function readFragments(fragments: { frames: number; frameBytes: number }[]) {
  const seen: { type: string; bytes: number; code?: string; complete?: boolean }[] = [];
  const reader = new FragmentReader((event: FragmentEvent) => {
    if (event.type === 'frame') seen.push({ type: 'frame', bytes: event.data.length });
    else if (event.type === 'error') seen.push({ type: 'error', bytes: 0, code: event.error.code });
    else if (event.type === 'fragment-end') seen.push({ type: 'end', bytes: event.bytes, complete: event.complete });
  });
  collectGarbage();
  collectGarbage();
  const before = process.memoryUsage().arrayBuffers;
  let peakBytes = 0;
  let pushed = 0;
  const push = (bytes: Buffer) => {
    reader.push(bytes);
    pushed += bytes.length;
    if (pushed < 4_000_000) return;
    pushed = 0;
    collectGarbage();
    collectGarbage();
    peakBytes = Math.max(peakBytes, process.memoryUsage().arrayBuffers - before);
  };
  for (const [index, { frames, frameBytes }] of fragments.entries()) {
    push(head(index + 1));
    for (let frame = 0; frame < frames; frame += 1) {
      push(blockHead(frame, frameBytes));
      for (let left = frameBytes; left > 0; left -= chunkBytes) push(Buffer.alloc(Math.min(left, chunkBytes), frame));
    }
  }
  reader.end();
  return { seen, peakBytes };
}

test('50 MB in frames of 1 MB: all of them, in memory of a few', () => {
  const { seen, peakBytes } = readFragments([{ frames: 49, frameBytes: 1_000_000 }]);
  expect(seen.filter(({ type }) => type === 'frame').map(({ bytes }) => bytes)).toEqual(Array(49).fill(1_000_000));
  expect(seen.at(-1)).toEqual({ type: 'end', bytes: 49_000_000, complete: true });
  expect(peakBytes).toBeLessThan(8_000_000);
});

test('50 MB in one frame: the frame, and while it grows at most what came of it twice', () => {
  const { seen, peakBytes } = readFragments([{ frames: 1, frameBytes: 49_900_000 }]);
  expect(seen).toEqual([
    { type: 'frame', bytes: 49_900_000 },
    { type: 'end', bytes: 49_900_000, complete: true },
  ]);
  expect(peakBytes).toBeLessThan(110_000_000);
});

test.each([
  ['one frame more than KVS takes', { frames: 60, frameBytes: 1_000_000 }],
  ['a frame of 60 MB', { frames: 1, frameBytes: 60_000_000 }],
])('%s is refused by name, holds nothing, and the next fragment is read', (_, fragment) => {
  const { seen, peakBytes } = readFragments([fragment, { frames: 3, frameBytes: 100_000 }]);
  expect(seen.filter(({ type }) => type === 'error').map(({ code }) => code)).toEqual(['MATROSKA_LIMIT']);
  const ends = seen.filter(({ type }) => type === 'end');
  expect(ends.map(({ complete }) => complete)).toEqual([false, true]);
  expect(seen.slice(-4).map(({ bytes }) => bytes)).toEqual([100_000, 100_000, 100_000, 300_000]);
  expect(peakBytes).toBeLessThan(8_000_000);
});
