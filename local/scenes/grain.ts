/**
 * Sensor noise: made once per frame size and laid over each frame at another offset, because noise made anew would cost
 * more than the rest of the frame. Invariant: the tile is larger than the frame by `slackPx` each way, and the same on
 * every machine.
 */
import { type Canvas, createCanvas } from '@napi-rs/canvas';
import { SeededRandom } from '../../core/seeded-random.ts';

export type GrainTile = { canvas: Canvas; slackPx: number };

const SLACK_PX = 61;
/** Alpha of the strongest speck, 0..255. */
const STRONGEST = 150;
const tiles = new Map<string, GrainTile>();

export function grainTile(width: number, height: number): GrainTile {
  const key = `${width}x${height}`;
  const known = tiles.get(key);
  if (known !== undefined) return known;
  const canvas = createCanvas(width + SLACK_PX, height + SLACK_PX);
  const context = canvas.getContext('2d');
  const image = context.createImageData(canvas.width, canvas.height);
  const random = new SeededRandom('grain');
  for (let index = 0; index < image.data.length; index += 4) {
    // The sum of three uniforms is bell-shaped enough for a sensor.
    const level = random.next() + random.next() + random.next() - 1.5;
    const tone = level > 0 ? 255 : 0;
    image.data[index] = tone;
    image.data[index + 1] = tone;
    image.data[index + 2] = tone;
    image.data[index + 3] = Math.min(STRONGEST, Math.abs(level) * 100);
  }
  context.putImageData(image, 0, 0);
  const tile = { canvas, slackPx: SLACK_PX };
  tiles.set(key, tile);
  return tile;
}
