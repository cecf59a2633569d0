/** A few hundred damaged inputs by seed; `npm run bench -- fuzz` reads a hundred thousand. */
import { expect, test } from 'vitest';
import { seededRandom } from '../../core/seeded-random.ts';
import { encodeClip } from '../decode/encoded-clip.test-factory.ts';
import { lengthPrefixed } from '../decode/length-prefixed.test-factory.ts';
import { clipBlocks, fragmentOf, videoTrack } from '../session/media-reading.test-factory.ts';
import { fragmentBytes } from '../session/scripted-media.test-factory.ts';
import { fuzzOnce, type MediaCorpus } from './mutated-media.test-factory.ts';

const lengths = lengthPrefixed(encodeClip({ frames: 5, keyframeEvery: 5, width: 64, height: 48 }));
const corpus: MediaCorpus = {
  name: 'drawn clips',
  fragments: [
    ...[0, 1].map((index) => fragmentBytes(index)),
    ...[2, 3].map((index) => fragmentOf(index, [videoTrack(lengths)], clipBlocks(lengths))),
  ],
};

test('damage costs at most its own fragment, and never the reader or the decoder', () => {
  const total = { frames: 0, errors: 0, pictures: 0, lost: 0 };
  for (let seed = 0; seed < 600; seed += 1) {
    const outcome = fuzzOnce(corpus, seededRandom(seed), seed % 4 === 0);
    for (const name of ['frames', 'errors', 'pictures', 'lost'] as const) total[name] += outcome[name];
  }
  // Two intact fragments of five frames each, at the least.
  expect(total.frames).toBeGreaterThanOrEqual(600 * 10);
  expect(total.errors).toBeGreaterThan(100);
  expect(total.pictures).toBeGreaterThan(150 * 5);
});
