/**
 * The three scenes that `npm start` streams: a street with a quiet moment, a pedestrian crossing and a loading dock.
 * Invariant: their seeds, chosen by eye, lie outside the seeds the demo detector was trained and validated on.
 */
import type { SceneClipSettings } from './clip.ts';

const frame = { width: 1280, height: 720, fps: 10, periodMs: 40_000, density: 1.3 } as const;

export const demoScenes = {
  street: { ...frame, kind: 'street', seed: 428, backdrop: 'suburb', quiet: true },
  crossing: { ...frame, kind: 'crossing', seed: 422, backdrop: 'terrace', quiet: false },
  dock: { ...frame, kind: 'dock', seed: 400, backdrop: 'industrial', quiet: false },
} as const satisfies Record<string, SceneClipSettings>;
