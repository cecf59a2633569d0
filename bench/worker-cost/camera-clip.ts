/**
 * What a common camera sends: 1080p at 25 fps, H.264 High at 4 Mbit/s, a drawn street. Drawn once and kept under `.local/`.
 * A quick run, whose figures mean nothing, takes a clip that is made in a second.
 */
import { fileURLToPath } from 'node:url';
import type { H264Clip } from '../../local/kinesisvideo/clip-timeline.ts';
import { readClip, type SceneClipSettings } from '../../local/scenes/clip.ts';
import { ensureSceneClip } from '../../local/scenes/clip-maker.ts';

export const cameraFps = 25;
const size = { width: 1920, height: 1080 };
const street: SceneClipSettings = {
  ...{ ...size, kind: 'street', seed: 900, density: 1.3, quiet: false },
  ...{ periodMs: 20_000, fps: cameraFps, bitsPerSecond: 4_000_000, profile: 'high' },
};
const short: SceneClipSettings = { ...street, periodMs: 2_000 };

export type CameraClip = { media: H264Clip; path: string };

export async function cameraClip(isQuick: boolean): Promise<CameraClip> {
  const cacheFolder = fileURLToPath(new URL('../../.local/bench/', import.meta.url));
  const clip = await ensureSceneClip(isQuick ? short : street, { cacheFolder });
  return { media: { ...(await readClip(clip)), durationMs: clip.durationMs }, path: clip.mkvPath };
}
