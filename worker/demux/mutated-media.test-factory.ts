/**
 * Damaged media by seed, and what must hold of it: one run mutates a fragment of a capture, puts two intact fragments
 * behind it, and reads the whole in chunks. Used by the fuzz run in bench/ and, with a few hundred runs, by a test.
 * Invariant: the same corpus and seed give the same inputs, so a finding can be played again by its number.
 */
import { DecodeChain } from '../session/decode-chain.ts';
import { type FragmentEvent, FragmentReader } from './fragment-reader.ts';

export type MediaCorpus = {
  name: string;
  /** Whole fragments, each from its EBML header on. */
  fragments: readonly Uint8Array[];
};

export type FuzzOutcome = { frames: number; errors: number; pictures: number; lost: number };

/** EBML header: documents of a GetMedia response begin with it. */
const documentStart = Buffer.from([0x1a, 0x45, 0xdf, 0xa3]);
const bytesOfInterest = [0x00, 0x01, 0x7f, 0x80, 0xff];
/** Identifiers and sizes whose loss or forgery changes the structure. */
const structures = [
  '1a45dfa3',
  '18538067',
  '1654ae6b',
  '1f43b675',
  'a3',
  'a0',
  '1254c367',
  '01ffffffffffffff',
  '08ffffff',
];

/** @returns the fragments of a capture, cut at its EBML headers. */
export function fragmentsOf(capture: Buffer): Uint8Array[] {
  const starts: number[] = [];
  for (let at = capture.indexOf(documentStart); at >= 0; at = capture.indexOf(documentStart, at + 4)) starts.push(at);
  return starts.map((start, index) => capture.subarray(start, starts[index + 1] ?? capture.length));
}

/** One to eight changes: bits, bytes, ranges removed, repeated, moved, overwritten, forged structure, truncation. */
export function mutated(fragment: Uint8Array, random: () => number): Buffer {
  let bytes = Buffer.from(fragment);
  const below = (limit: number) => Math.floor(random() * limit);
  for (let change = 1 + below(8); change > 0 && bytes.length > 1; change -= 1) {
    // Half of the changes fall into the first kilobyte, where headers, tracks and tags are.
    const at = below(random() < 0.5 ? Math.min(bytes.length, 1_024) : bytes.length);
    const length = 1 + below(random() < 0.8 ? 16 : 4_096);
    const range = bytes.subarray(at, at + length);
    switch (below(8)) {
      case 0:
        bytes[at] = (bytes[at] ?? 0) ^ (1 << below(8));
        break;
      case 1:
        bytes[at] = bytesOfInterest[below(bytesOfInterest.length)] ?? 0;
        break;
      case 2:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
        break;
      case 3:
        bytes = Buffer.concat([bytes.subarray(0, at), range, bytes.subarray(at)]);
        break;
      case 4:
        for (let index = 0; index < range.length; index += 1) range[index] = below(256);
        break;
      case 5:
        Buffer.from(structures[below(structures.length)] ?? '', 'hex').copy(bytes, at);
        break;
      case 6: {
        const to = below(bytes.length);
        Buffer.from(range).copy(bytes, to);
        break;
      }
      default:
        if (random() < 0.2) bytes = bytes.subarray(0, at);
        else bytes.fill(bytesOfInterest[below(bytesOfInterest.length)] ?? 0, at, at + range.length);
    }
  }
  return bytes;
}

/**
 * @param decode also decodes what was read.
 * @throws Error naming what did not hold: an intact fragment behind the damaged one that was not read whole.
 */
export function fuzzOnce(corpus: MediaCorpus, random: () => number, decode: boolean): FuzzOutcome {
  const { fragments } = corpus;
  const pick = () => fragments[Math.floor(random() * fragments.length)] ?? new Uint8Array();
  const intact = [pick(), pick()];
  const input = Buffer.concat([mutated(pick(), random), ...intact]);
  const chunkBytes = 1 + Math.floor(random() * (random() < 0.1 ? 64 : 65_536));
  const outcome: FuzzOutcome = { frames: 0, errors: 0, pictures: 0, lost: 0 };
  const ends: { number: string; frames: number; bytes: number }[] = [];
  const chain = decode ? decodingInto(outcome) : null;
  const reader = new FragmentReader((event) => {
    if (event.type === 'error') outcome.errors += 1;
    else if (event.type === 'fragment-end') ends.push(summary(event));
    else if (event.type === 'frame') {
      outcome.frames += 1;
      if (event.track.kind !== 'video') return;
      const wanted = { fragmentNumber: event.fragmentNumber, frameIndex: event.frameIndex };
      chain?.packet(event, wanted, false);
    }
  });
  for (let at = 0; at < input.length; at += chunkBytes) reader.push(input.subarray(at, at + chunkBytes));
  reader.end();
  chain?.reset();
  chain?.close(() => {});
  const expected = intact.flatMap((fragment) => readWhole(fragment));
  const found = ends.slice(-expected.length);
  if (JSON.stringify(found) !== JSON.stringify(expected)) {
    throw new Error(
      `behind damage in ${corpus.name}: expected ${JSON.stringify(expected)}, read ${JSON.stringify(ends)}`,
    );
  }
  return outcome;
}

const summaries = new WeakMap<Uint8Array, ReturnType<typeof summary>[]>();

function readWhole(fragment: Uint8Array): ReturnType<typeof summary>[] {
  const known = summaries.get(fragment);
  if (known !== undefined) return known;
  const ends: ReturnType<typeof summary>[] = [];
  const reader = new FragmentReader((event) => {
    if (event.type === 'fragment-end') ends.push(summary(event));
  });
  reader.push(fragment);
  reader.end();
  summaries.set(fragment, ends);
  return ends;
}

function summary({ fragment, frames, bytes }: Extract<FragmentEvent, { type: 'fragment-end' }>) {
  return { number: fragment.number, frames, bytes };
}

function decodingInto(outcome: FuzzOutcome): DecodeChain {
  return new DecodeChain({
    picture: (picture) => {
      outcome.pictures += 1;
      if (outcome.pictures % 8 === 0) picture.toI420();
    },
    lost: () => {
      outcome.lost += 1;
    },
    fault: () => {},
  });
}
