/**
 * `npm run bench -- fuzz`: 100,000 damaged inputs through demuxing, every twentieth through the decoder too. The corpus is
 * drawn clips in H.264 and H.265 and, where they are at hand, the fragments of real GetMedia captures.
 * Invariant: input n is made from seed n alone; whatever does not hold breaks the benchmark and names n.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { seededRandom } from '../core/seeded-random.ts';
import { openCluster, segmentHeader, simpleBlock, tagsElement } from '../local/kinesisvideo/matroska-writer.ts';
import { type ClipOptions, encodeClip } from '../worker/decode/encoded-clip.test-factory.ts';
import { lengthPrefixed } from '../worker/decode/length-prefixed.test-factory.ts';
import { fragmentsOf, fuzzOnce, type MediaCorpus } from '../worker/demux/mutated-media.test-factory.ts';
import type { Bench, Benchmark } from './benchmark.ts';

const INPUTS = 100_000;
const INPUTS_QUICK = 500;
const DECODE_EVERY = 20;
/** Larger fragments would make the run long and find nothing else. */
const FRAGMENT_BYTES_MAX = 200_000;
const CAPTURES = join(import.meta.dirname, '../../shared/data/kvs');
const CLIPS: ClipOptions[] = [{}, { bFrames: 2 }, { codec: 'hevc', bFrames: 2 }, { annexB: true }];

export const fuzzMedia: Benchmark = {
  name: 'fuzz',
  claim: 'damaged media: no crash, no hang, bounded memory, and the fragments behind the damage are read whole',
  async run(bench: Bench) {
    const corpora = [drawn(), ...captures(bench)];
    const inputs = bench.isQuick ? INPUTS_QUICK : INPUTS;
    const total = { frames: 0, errors: 0, pictures: 0, lost: 0 };
    let slowestMs = 0;
    let slowestDecodedMs = 0;
    let rssMax = 0;
    const startedMs = performance.now();
    for (let seed = 0; seed < inputs; seed += 1) {
      const corpus = corpora[seed % corpora.length] as MediaCorpus;
      const isDecoded = Math.floor(seed / corpora.length) % DECODE_EVERY === 0;
      const fromMs = performance.now();
      try {
        const outcome = fuzzOnce(corpus, seededRandom(seed), isDecoded);
        for (const name of ['frames', 'errors', 'pictures', 'lost'] as const) total[name] += outcome[name];
      } catch (error) {
        throw new Error(`input ${seed}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
      }
      const tookMs = performance.now() - fromMs;
      if (isDecoded) slowestDecodedMs = Math.max(slowestDecodedMs, tookMs);
      else slowestMs = Math.max(slowestMs, tookMs);
      if (seed % 256 !== 0) continue;
      rssMax = Math.max(rssMax, process.memoryUsage.rss());
      await new Promise((resolve) => setImmediate(resolve));
    }
    const seconds = (performance.now() - startedMs) / 1_000;
    bench.count('damaged inputs read', 'inputs', inputs);
    bench.count('frames read', 'frames', total.frames);
    bench.count('errors reported', 'errors', total.errors);
    bench.count('pictures decoded', 'pictures', total.pictures);
    bench.count('frames without a picture', 'frames', total.lost);
    bench.count('inputs a second', 'inputs/s', inputs / seconds);
    bench.count('slowest input, demuxed', 'ms', slowestMs);
    bench.count('slowest input, demuxed and decoded', 'ms', slowestDecodedMs);
    bench.count('largest resident memory', 'MB', rssMax / 1e6);
  },
};

function drawn(): MediaCorpus {
  const startCodes = CLIPS.map((options) => encodeClip({ width: 64, height: 48, frames: 6, ...options }));
  const fragments = [...startCodes, ...startCodes.map(lengthPrefixed)].map((clip, index) => {
    const { codec, codecPrivate } = clip;
    const codecId = codec === 'h264' ? 'V_MPEG4/ISO/AVC' : 'V_MPEGH/ISO/HEVC';
    return Buffer.concat([
      segmentHeader([{ number: 1, kind: 'video', codecId, width: 64, height: 48, codecPrivate }]),
      tagsElement([
        ['AWS_KINESISVIDEO_FRAGMENT_NUMBER', String(1_000 + index)],
        ['AWS_KINESISVIDEO_SERVER_TIMESTAMP', String(1_700_000_000 + index)],
        ['AWS_KINESISVIDEO_PRODUCER_TIMESTAMP', String(1_700_000_000 + index)],
      ]),
      openCluster(0),
      ...clip.packets.map(({ data, keyframe, timestampMs }) => simpleBlock(1, timestampMs, keyframe, data)),
      tagsElement([['AWS_KINESISVIDEO_CONTINUATION_TOKEN', String(1_000 + index)]]),
    ]);
  });
  return { name: 'drawn clips', fragments };
}

function captures(bench: Bench): MediaCorpus[] {
  if (!existsSync(CAPTURES)) {
    bench.skip('real GetMedia captures are not at hand: drawn clips alone');
    return [];
  }
  return readdirSync(CAPTURES).flatMap((name) => {
    const fragments = fragmentsOf(readFileSync(join(CAPTURES, name))).filter(
      ({ length }) => length <= FRAGMENT_BYTES_MAX,
    );
    return fragments.length === 0 ? [] : [{ name, fragments }];
  });
}
