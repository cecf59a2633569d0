/**
 * The prepared model against the stock file it was made from: same picture, same best boxes. Needs a real export, so it is
 * skipped where there is none.
 */
import { mkdtemp, rm, stat } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { Detector } from './detector.ts';
import { prepareModel } from './prepare-model.ts';

const data = process.env.KVS_INFER_TEST_DATA ?? path.join(import.meta.dirname, '../../../shared/data');
const modelPath = path.join(data, 'models/yolov8n_int8.onnx');
const absent = (await stat(modelPath).catch(() => null)) === null;
const title = absent ? `stock model (skipped: no ${modelPath}; set KVS_INFER_TEST_DATA)` : 'stock model';

describe.skipIf(absent)(title, () => {
  test('what comes out of the prepared model is the best of what the stock file gives', async () => {
    const cacheFolder = await mkdtemp(path.join(os.tmpdir(), 'kvs-infer-real-'));
    const model = await prepareModel(modelPath, { cacheFolder });
    expect(model).toMatchObject({ inputWidth: 640, inputHeight: 640, precision: 'int8', labelsFrom: 'metadata' });
    expect(model.labels).toHaveLength(80);
    expect(model.labels[2]).toBe('car');

    // Grey with coloured rectangles: enough to make the model propose something.
    const size = 640;
    const pixels = new Uint8Array(size * size * 3).fill(114);
    for (let y = 200; y < 420; y++) {
      for (let x = 100; x < 540; x++) pixels.set([200, (x * y) % 256, 30 + (y % 90)], (y * size + x) * 3);
    }
    const planar = new Float32Array(3 * size * size);
    for (let i = 0; i < size * size; i++) {
      for (let c = 0; c < 3; c++) planar[c * size * size + i] = (pixels[i * 3 + c] as number) / 255;
    }
    const stock = await ort.InferenceSession.create(modelPath, { intraOpNumThreads: 2 });
    const { output0 } = await stock.run({ images: new ort.Tensor('float32', planar, [1, 3, size, size]) });
    await stock.release();
    const raw = output0?.data as Float32Array;
    const anchors = 8400;
    const expected = Array.from({ length: anchors }, (_, anchor) => {
      let classId = 0;
      const field = (index: number) => raw[index * anchors + anchor] as number;
      for (let id = 1; id < 80; id++) if (field(4 + id) > field(4 + classId)) classId = id;
      const [cx, cy, w, h] = [field(0), field(1), field(2), field(3)];
      return { classId, score: field(4 + classId), box: [cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2] };
    }).sort((a, b) => b.score - a.score);

    const detector = await Detector.create(model, { providers: ['cpu'], intraOpThreads: 2 });
    const [candidates = []] = await detector.detect(pixels, 1);
    await detector.close();
    await rm(cacheFolder, { recursive: true, force: true });
    expect(candidates.length).toBeGreaterThan(10);
    for (const [index, candidate] of candidates.slice(0, 10).entries()) {
      expect(candidate.score).toBeCloseTo(expected[index]?.score ?? 0, 4);
      expect(candidate.classId).toBe(expected[index]?.classId);
      for (const [side, value] of candidate.box.entries())
        expect(value).toBeCloseTo(expected[index]?.box[side] ?? 0, 1);
    }
  });
});
