/**
 * The cost of one inference of the bundled detector, which decides how many cameras a worker without a GPU can watch, and
 * what a second thread buys.
 */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { seededRandom } from '../core/seeded-random.ts';
import { Detector } from '../worker/detect/detector.ts';
import { prepareModel } from '../worker/detect/prepare-model.ts';
import { type Bench, type Benchmark, millisecondsPer } from './benchmark.ts';

const modelPath = fileURLToPath(new URL('../models/demo-detector.onnx', import.meta.url));

const FRAMES_PER_RUN = 10;

export const detector: Benchmark = {
  name: 'detector',
  claim: 'one frame through models/demo-detector.onnx on the CPU, from pixels to candidates',
  async run(bench: Bench) {
    if (!existsSync(modelPath)) {
      bench.skip('models/demo-detector.onnx is not there');
      return;
    }
    const cacheFolder = await mkdtemp(join(tmpdir(), 'kvs-infer-bench-'));
    const detectors: Detector[] = [];
    try {
      const model = await prepareModel(modelPath, { cacheFolder });
      const random = seededRandom(1);
      const pixels = Uint8Array.from({ length: model.inputWidth * model.inputHeight * 3 }, () => random() * 256);
      for (const intraOpThreads of [1, 2]) {
        detectors.push(await Detector.create(model, { providers: ['cpu'], intraOpThreads }));
      }
      const [one, two] = detectors;
      // In runs, as frames come to a busy worker: a thread pool that slept since its last turn pays for waking up.
      const run = async (made: Detector | undefined) => {
        for (let frame = 0; frame < FRAMES_PER_RUN; frame += 1) await made?.detect(pixels, 1);
      };
      const size = `${model.inputWidth}×${model.inputHeight}`;
      await bench.sideBySide(
        millisecondsPer(FRAMES_PER_RUN, 'frame'),
        [
          { what: `${size}, 1 thread`, once: () => run(one) },
          { what: `${size}, 2 threads`, once: () => run(two) },
        ],
        { budgetMs: 3000 },
      );
    } finally {
      for (const made of detectors) await made.close();
      await rm(cacheFolder, { recursive: true, force: true });
    }
  },
};
