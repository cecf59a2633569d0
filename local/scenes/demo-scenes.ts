/**
 * The three scenes that `npm start` streams: a street, a pedestrian crossing and a loading dock. Their seeds were chosen
 * by eye and lie outside the seeds the demo detector was trained and validated on.
 */
import type { SceneClipSettings } from './clip.ts';

const frame = { width: 1280, height: 720, fps: 10, periodMs: 40_000 } as const;

export const demoScenes = {
  street: { ...frame, kind: 'street', seed: 206, backdrop: 'suburb', quiet: true },
  crossing: { ...frame, kind: 'crossing', seed: 102, backdrop: 'hills', quiet: true },
  dock: { ...frame, kind: 'dock', seed: 305, backdrop: 'industrial' },
} as const satisfies Record<string, SceneClipSettings>;
