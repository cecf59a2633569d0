/** A clip's tracks are read by the real models, and only where the row asks for it. */
import { createCanvas } from '@napi-rs/canvas';
import { expect, test } from 'vitest';
import type { Detection } from '../core/records.ts';
import { rigCamera } from '../worker/worker-rig.test-factory.ts';
import { ClipTexts } from './clip-texts.ts';

/** A light sign on a dark wall, as the luma plane of a frame. */
function wallWithSign(text: string) {
  const [width, height] = [640, 360];
  const context = createCanvas(width, height).getContext('2d');
  context.fillStyle = 'rgb(70, 70, 70)';
  context.fillRect(0, 0, width, height);
  context.fillStyle = 'rgb(230, 230, 225)';
  context.fillRect(220, 160, 200, 50);
  context.fillStyle = 'rgb(20, 20, 25)';
  context.font = '36px "DejaVu Sans", sans-serif';
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  context.fillText(text, 320, 185);
  const rgba = context.getImageData(0, 0, width, height).data;
  const luma = Uint8Array.from({ length: width * height }, (_, pixel) => rgba[pixel * 4] as number);
  const data = new Uint8Array((width * height * 3) / 2).fill(128);
  data.set(luma);
  return { width, height, data };
}

test('the text of a track stands on its detections and in the end of the clip', async () => {
  expect(ClipTexts.for(rigCamera({}))).toBeNull();
  const texts = ClipTexts.for(rigCamera({ text: { enabled: true } }));
  if (texts === null) throw new Error('the row asks for text');
  const picture = wallWithSign('7248');
  const car: Detection = { label: 'car', classId: 2, score: 0.9, box: [0.3, 0.35, 0.7, 0.7], trackId: 'f-0-0' };
  const told: (string | undefined)[] = [];
  for (const frameIndex of [0, 1, 2]) {
    const moment = { fragmentNumber: 'f', frameIndex, capturedAtMs: frameIndex * 400, width: 640, height: 360 };
    const [detection] = await texts.frame(moment, picture, [car]);
    told.push(detection?.text?.value);
  }
  await texts.ended(['f-0-0']);
  expect(told.at(-1)).toBe('7248');
  expect(texts.settled).toMatchObject([{ trackId: 'f-0-0', value: '7248' }]);
  expect(texts.spentMs).toBeGreaterThan(0);
  await texts.close();
});
