/**
 * `npm run bench -- fuzz-inputs`: 100,000 camera rows that nobody should type, and 2,000 damaged models. Media have a run of
 * their own (`fuzz`). Invariant: input n is made from seed n alone; whatever does not hold breaks the run and names n.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { KvsInferError } from '../core/errors.ts';
import { hostileRow } from '../core/hostile-values.test-factory.ts';
import { parseCameraRow } from '../core/parse-camera-row.ts';
import { SeededRandom } from '../core/seeded-random.ts';
import { decodeModel } from '../worker/detect/model-file.ts';
import { recogniseLayout } from '../worker/detect/model-layout.ts';
import type { Bench, Benchmark } from './benchmark.ts';

const ROWS = 100_000;
const MODELS = 2_000;
const QUICK_SHARE = 0.005;
const VERDICT_BYTES_MAX = 200_000;

export const fuzzInputs: Benchmark = {
  name: 'fuzz-inputs',
  claim:
    'hostile rows and damaged models: a verdict or a named error each, of bounded size, and no prototype is changed',
  async run(bench: Bench) {
    const share = bench.isQuick ? QUICK_SHARE : 1;
    let [usable, slowestMs] = [0, 0];
    for (let seed = 0; seed < ROWS * share; seed += 1) {
      const row = hostileRow(new SeededRandom(seed));
      const fromMs = performance.now();
      const { camera, issues } = parseCameraRow(row);
      slowestMs = Math.max(slowestMs, performance.now() - fromMs);
      if (camera !== null) usable += 1;
      if (JSON.stringify({ camera, issues }).length > VERDICT_BYTES_MAX) throw new Error(`row ${seed}: a huge verdict`);
      if (Object.keys(Object.prototype).length > 0) throw new Error(`row ${seed}: a prototype was changed`);
    }
    bench.count('hostile rows judged', 'rows', ROWS * share);
    bench.count('of them usable', 'rows', usable);
    bench.count('slowest row', 'ms', slowestMs);
    const intact = readFileSync(join(import.meta.dirname, '../models/demo-detector.onnx'));
    let [refused, slowestModelMs] = [0, 0];
    for (let seed = 0; seed < MODELS * share; seed += 1) {
      const fromMs = performance.now();
      try {
        recogniseLayout('damaged.onnx', decodeModel('damaged.onnx', damaged(intact, new SeededRandom(seed))), null);
      } catch (error) {
        if (!(error instanceof KvsInferError)) throw new Error(`model ${seed}: ${String(error)}`, { cause: error });
        refused += 1;
      }
      slowestModelMs = Math.max(slowestModelMs, performance.now() - fromMs);
    }
    bench.count('damaged models read', 'models', MODELS * share);
    bench.count('of them refused by name', 'models', refused);
    bench.count('slowest model', 'ms', slowestModelMs);
  },
};

function damaged(intact: Buffer, random: SeededRandom): Uint8Array {
  const bytes = Buffer.from(intact);
  // Structure is dense at both ends; between them lie the weights.
  const places = [4_096, bytes.length];
  for (let count = random.integer(1, 30); count > 0; count -= 1) {
    const near = random.integer(0, random.pick(places) - 1);
    bytes[random.chance(0.3) ? bytes.length - 1 - Math.min(near, bytes.length - 1) : near] = random.integer(0, 255);
  }
  return random.chance(0.2) ? bytes.subarray(0, random.integer(0, bytes.length)) : bytes;
}
