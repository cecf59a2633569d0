/** The cost of reading Matroska: next to what a camera sends (at most 12.5 MB/s), demultiplexing must not be felt. */

import { FragmentReader } from '../worker/demux/fragment-reader.ts';
import {
  cluster,
  ebmlHeader,
  element,
  openElement,
  simpleBlock,
  tags,
  trackEntry,
  tracks,
  unsigned,
} from '../worker/demux/matroska.test-factory.ts';
import { elementIds } from '../worker/demux/matroska-elements.ts';
import { type Bench, type Benchmark, perSecond } from './benchmark.ts';

const FRAGMENTS = 16;
/** Two seconds at 15 fps and 4 Mbit/s: a key frame and smaller ones between. */
const FRAMES_PER_FRAGMENT = 30;
const KEYFRAME_BYTES = 150_000;
const FRAME_BYTES = 29_000;

/** What Node's HTTP client hands over at most, and what one TCP segment on Ethernet carries. */
const CHUNK_BYTES = 64 * 1024;
const SEGMENT_BYTES = 1448;

export const demux: Benchmark = {
  name: 'demux',
  claim:
    'one core reads KVS media far faster than the 12.5 MB/s that a stream may carry, also in pieces of one TCP segment',
  async run(bench: Bench) {
    const capture = Buffer.concat(Array.from({ length: FRAGMENTS }, (_, index) => fragment(index)));
    const scale = perSecond(capture.length / 1e6, 'MB');
    await bench.sideBySide(
      scale,
      [
        { what: 'chunks of 64 kB', once: () => read(capture, CHUNK_BYTES) },
        { what: 'chunks of 1,448 B', once: () => read(capture, SEGMENT_BYTES) },
      ],
      { budgetMs: 3000 },
    );
  },
};

function read(capture: Buffer, chunkBytes: number): void {
  let frames = 0;
  const reader = new FragmentReader((event) => {
    if (event.type === 'frame') frames += 1;
    if (event.type === 'error') throw event.error;
  });
  for (let at = 0; at < capture.length; at += chunkBytes) reader.push(capture.subarray(at, at + chunkBytes));
  reader.end();
  if (frames !== FRAGMENTS * FRAMES_PER_FRAGMENT) throw new Error(`the reader gave ${frames} frames`);
}

/** As GetMedia sends it, with frames of a camera's size. */
function fragment(index: number): Buffer {
  const number = String(91_343_852_333_181_432n + BigInt(index));
  const seconds = String(1_700_000_000 + 2 * index);
  const blocks = Array.from({ length: FRAMES_PER_FRAGMENT }, (_, frame) =>
    simpleBlock({
      keyframe: frame === 0,
      relativeMs: frame * 66,
      data: frameBytes(frame === 0 ? KEYFRAME_BYTES : FRAME_BYTES),
    }),
  );
  return Buffer.concat([
    ebmlHeader(),
    openElement(
      elementIds.segment,
      element(elementIds.info, element(elementIds.timestampScale, unsigned(1_000_000))),
      tracks(trackEntry({ width: 1920, height: 1080 })),
      tags({
        AWS_KINESISVIDEO_FRAGMENT_NUMBER: number,
        AWS_KINESISVIDEO_SERVER_TIMESTAMP: `${seconds}.500`,
        AWS_KINESISVIDEO_PRODUCER_TIMESTAMP: `${seconds}.000`,
      }),
      cluster(0, ...blocks),
      tags({ AWS_KINESISVIDEO_MILLIS_BEHIND_NOW: '250', AWS_KINESISVIDEO_CONTINUATION_TOKEN: number }),
    ),
  ]);
}

/** Bytes without a pattern that could look like an EBML header. */
function frameBytes(length: number): Buffer {
  const data = Buffer.allocUnsafe(length);
  for (let at = 0; at < length; at += 1) data[at] = (at * 31) & 0x7f;
  return data;
}
