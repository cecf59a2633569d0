/**
 * Which cameras try a new version of a model first. Cameras that somebody watches now come first, because only they teach
 * something; among equals the hash of their ids decides, so that the choice favours no name, street or hour.
 * Invariants: the same fleet gives the same set; a row that names a version (`default@1`) is pinned and never in it.
 */
import { modelPattern } from '../camera.ts';
import type { CameraState } from '../fleet-state.ts';
import { hashOf } from '../seeded-random.ts';

/** More cameras at once teach nothing sooner, and a mistake should not have more of them. */
export const canaryCamerasMax = 200;

/** The name that rows use, of a version's name: `default` of `default@2`. */
export function modelOfVersion(name: string): string {
  return name.split('@')[0] ?? name;
}

export function isModelName(name: string): boolean {
  return modelPattern.test(name);
}

/** Does its row follow the fleet's version of the model? */
export function followsModel({ camera, leaving }: CameraState, model: string): boolean {
  return camera !== null && leaving === undefined && camera.enabled && camera.detect.model === model;
}

export function isWatchedNow({ phase, ownerWorkerId }: CameraState): boolean {
  return ownerWorkerId !== undefined && (phase === 'running' || phase === 'degraded');
}

/** @param percent of the cameras that follow the model, at least one camera. @returns their ids, in order. */
export function chooseCanaries(cameras: readonly CameraState[], model: string, percent: number): string[] {
  const following = cameras.filter((state) => followsModel(state, model));
  const count = Math.min(canaryCamerasMax, Math.ceil((following.length * percent) / 100));
  return following
    .map((state) => ({ id: state.cameraId, rank: (isWatchedNow(state) ? 0 : 1) * 2 ** 32 + hashOf(state.cameraId) }))
    .sort((a, b) => a.rank - b.rank || (a.id < b.id ? -1 : 1))
    .slice(0, count)
    .map(({ id }) => id)
    .sort();
}
