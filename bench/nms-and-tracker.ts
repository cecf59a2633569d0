/**
 * The cost of what follows an inference: suppression and tracking run on the worker's main thread for every frame of every
 * camera, so they must stay far below the inference itself.
 */

import { seededRandom } from '../core/seeded-random.ts';
import { letterboxGeometry } from '../worker/decode/letterbox.ts';
import { toDetections } from '../worker/detect/detections.ts';
import { CANDIDATES_MAX } from '../worker/detect/model-graph.ts';
import { type Candidate, suppress } from '../worker/detect/nms.ts';
import { Tracker } from '../worker/track/tracker.ts';
import { type Bench, type Benchmark, microsecondsPer } from './benchmark.ts';

const FRAMES = 200;
/** A busy street: as many objects, each proposed several times over, as fill the model's output. */
const OBJECTS = 20;
const FRAME_MS = 200;
const labels = ['person', 'bicycle', 'car', 'motorcycle', 'bus', 'truck'];

export const nmsAndTracker: Benchmark = {
  name: 'nms-and-tracker',
  claim: `${CANDIDATES_MAX} candidates around ${OBJECTS} moving objects cost well under a millisecond a frame`,
  async run(bench: Bench) {
    const frames = movingObjects();
    const geometry = letterboxGeometry(1920, 1080, 640, 384);
    const filter = { confidence: 0.35, iou: 0.5, classIds: null };
    const scale = microsecondsPer(FRAMES, 'frame');
    await bench.measure('suppression', scale, () => {
      for (const candidates of frames) suppress(candidates, filter);
    });
    await bench.measure('suppression, boxes to fractions, tracking', scale, () => {
      const tracker = new Tracker({ confidence: 0.35, minHits: 3, maxMissMs: 1000, smoothingWindow: 5 });
      let entered = 0;
      frames.forEach((candidates, index) => {
        const detections = toDetections(
          suppress(candidates, { ...filter, confidence: tracker.scoreMin }),
          labels,
          geometry,
        );
        const moment = { fragmentNumber: '1', frameIndex: index, capturedAtMs: index * FRAME_MS };
        entered += tracker.update(moment, detections).entered.length;
      });
      if (entered < OBJECTS) throw new Error(`expected ${OBJECTS} tracks or more, got ${entered}`);
    });
  },
};

function movingObjects(): Candidate[][] {
  const random = seededRandom(7);
  const objects = Array.from({ length: OBJECTS }, (_, index) => ({
    classId: index % labels.length,
    x: 40 + random() * 500,
    y: 30 + random() * 280,
    width: 20 + random() * 60,
    height: 20 + random() * 60,
    perFrame: (random() - 0.5) * 2,
  }));
  return Array.from({ length: FRAMES }, (_, frame) =>
    Array.from({ length: CANDIDATES_MAX }, (_, index): Candidate => {
      const object = objects[index % OBJECTS] as (typeof objects)[number];
      // The first proposal of each object is its best; the others lie around it.
      const jitter = index < OBJECTS ? 0 : 6;
      const x1 = object.x + frame * object.perFrame + (random() - 0.5) * jitter;
      const y1 = object.y + (random() - 0.5) * jitter;
      const score = index < OBJECTS ? 0.9 : 0.2 + random() * 0.6;
      return { classId: object.classId, score, box: [x1, y1, x1 + object.width, y1 + object.height] };
    }),
  );
}
