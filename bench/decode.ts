/**
 * The cost of pictures: decoding and letterboxing 1280×720 on one core bounds how many cameras a CPU can feed, and decoding
 * key frames alone is what saves it when a camera's fps allows.
 */

import { VideoDecoder } from '../worker/decode/decoder.ts';
import { encodeClip } from '../worker/decode/encoded-clip.test-factory.ts';
import { letterboxGeometry } from '../worker/decode/letterbox.ts';
import { type Bench, type Benchmark, perSecond } from './benchmark.ts';

const WIDTH = 1280;
const HEIGHT = 720;
const INPUT_WIDTH = 640;
const INPUT_HEIGHT = 384;
/** Two seconds at 25 fps, a key frame each second. */
const FRAMES = 50;
const KEYFRAME_EVERY = 25;

export const decode: Benchmark = {
  name: 'decode',
  claim: `frames of H.264 ${WIDTH}×${HEIGHT} that one thread turns into ${INPUT_WIDTH}×${INPUT_HEIGHT} inputs (a drawn clip: streets have more bits and take longer)`,
  async run(bench: Bench) {
    const clip = encodeClip({ width: WIDTH, height: HEIGHT, frames: FRAMES, keyframeEvery: KEYFRAME_EVERY });
    const geometry = letterboxGeometry(WIDTH, HEIGHT, INPUT_WIDTH, INPUT_HEIGHT);
    const target = new Uint8Array(INPUT_WIDTH * INPUT_HEIGHT * 3);
    const play = (keyframesOnly: boolean, expected: number) => {
      const decoder = new VideoDecoder({ codec: clip.codec, codecPrivate: clip.codecPrivate, keyframesOnly });
      let pictures = 0;
      const onPicture = (picture: { letterboxInto: (target: Uint8Array, to: typeof geometry) => void }) => {
        picture.letterboxInto(target, geometry);
        pictures += 1;
      };
      for (const packet of clip.packets) decoder.decode(packet, onPicture);
      decoder.flush(onPicture);
      decoder.close();
      if (pictures !== expected) throw new Error(`expected ${expected} pictures, got ${pictures}`);
    };
    await bench.sideBySide(
      perSecond(FRAMES, 'source frames'),
      [
        { what: 'every frame decoded and letterboxed', once: () => play(false, FRAMES) },
        { what: 'key frames only', once: () => play(true, FRAMES / KEYFRAME_EVERY) },
      ],
      { budgetMs: 2500 },
    );
  },
};
