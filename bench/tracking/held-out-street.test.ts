/**
 * Three held-out streets, short enough for every run: objects keep their ids better than by overlap alone. By how much, the
 * benchmark says; these bounds leave room for what a codec or a processor rounds otherwise.
 */
import { expect, test } from 'vitest';
import { Tracker } from '../../worker/track/tracker.ts';
import { followed, followedPlainly, trackerSettings } from '../tracking.ts';
import { sceneDetections } from './scene-detections.ts';

test('drawn streets at 3.3 fps, through the bundled detector', { timeout: 60_000 }, async () => {
  const streets = [800, 801, 802].map(
    (seed) => ({ width: 1280, height: 720, fps: 10, periodMs: 20_000, kind: 'street', quiet: false, seed }) as const,
  );
  const frames = await sceneDetections(streets, 3);
  const ours = followed(frames, () => new Tracker(trackerSettings));
  const plain = followedPlainly(frames);
  expect(ours.truths).toBeGreaterThan(200);
  expect(ours.idf1).toBeGreaterThan(plain.idf1 + 0.03);
  expect(ours.mota).toBeGreaterThan(plain.mota + 0.05);
  expect(ours.identitySwitches).toBeLessThan(plain.identitySwitches);
});
