/**
 * Number plates to read, with what they say: frames of drawn scenes that passed through JPEG, one for each plate and width
 * that comes into view. The seeds are used for nothing else. Invariant: the same settings give the same samples.
 */
import { createCanvas } from '@napi-rs/canvas';
import { createScene, type SceneSettings } from '../../local/scenes/scene.ts';
import type { ObjectTruth, PlateTruth } from '../../local/scenes/truth.ts';
import { type Picture, VideoDecoder } from '../decode/decoder.ts';
import type { Letterbox } from '../decode/letterbox.ts';
import type { I420 } from '../decode/picture-scaler.ts';

/** Lower limits of the widths that are told apart, in pixels. */
export const plateWidths = [25, 40, 50, 60, 80, 120] as const;
/** What cameras send is no better than this. */
const JPEG_QUALITY = 82;
const LOOK_EVERY_MS = 400;

export type PlateSample = {
  object: ObjectTruth & { plate: PlateTruth };
  /** Everything with a plate or without that is in view, the object among them. */
  objects: readonly ObjectTruth[];
};
export type PlateFrame = {
  picture: I420;
  samples: PlateSample[];
  /** The letterboxed frame, for a detector; empty when no geometry was given. */
  input: Uint8Array;
};

export function widthBucket(widthPx: number): number | undefined {
  return plateWidths.findLast((least) => widthPx >= least);
}

/** @param widthMinPx plates below are left out. @param framesMax 0: all. @param geometry of a detector that wants the frame. */
export function* plateFrames(
  settings: SceneSettings,
  widthMinPx: number,
  framesMax = 0,
  geometry: Letterbox | null = null,
): Generator<PlateFrame> {
  const scene = createScene(settings);
  const canvas = createCanvas(settings.width, settings.height);
  const seen = new Set<string>();
  let frames = 0;
  for (let timeMs = 0; timeMs < scene.periodMs; timeMs += LOOK_EVERY_MS) {
    const state = scene.state(timeMs);
    const samples = state.objects.flatMap((object): PlateSample[] => {
      const { plate } = object;
      if (plate === undefined || plate.widthPx < widthMinPx) return [];
      const name = `${plate.value} ${widthBucket(plate.widthPx)}`;
      if (seen.has(name)) return [];
      seen.add(name);
      return [{ object: { ...object, plate }, objects: state.objects }];
    });
    if (samples.length === 0) continue;
    scene.draw(canvas.getContext('2d'), state);
    yield { ...decoded(canvas.encodeSync('jpeg', JPEG_QUALITY), geometry), samples };
    frames += 1;
    if (frames === framesMax) return;
  }
}

function decoded(jpeg: Uint8Array, geometry: Letterbox | null): { picture: I420; input: Uint8Array } {
  let picture: I420 | null = null;
  const input = new Uint8Array(geometry === null ? 0 : geometry.inputWidth * geometry.inputHeight * 3);
  const take = (one: Picture) => {
    picture = one.toI420();
    if (geometry !== null) one.letterboxInto(input, geometry);
  };
  const decoder = new VideoDecoder({ codec: 'mjpeg', codecPrivate: null });
  decoder.decode({ data: jpeg, timestampMs: 0, keyframe: true }, take);
  decoder.flush(take);
  decoder.close();
  if (picture === null) throw new Error('the drawn frame gave no picture');
  return { picture, input };
}
