/** The JSON beside a picture gets a text that settles later; nothing is written beside a picture that is not there. */
import { expect, test } from 'vitest';
import { snapshotRecordSchema } from '../../core/records.ts';
import { SteppedClock } from '../../local/clock.ts';
import { DeliveryQueue } from './delivery-queue.ts';
import { SnapshotDeliveries } from './snapshot-deliveries.ts';

const key = 'snapshots/dock-1/2026/11/24/080509042-1-0-0.jpg';
const snapshot = {
  key,
  jpeg: Buffer.from([1]),
  about: {
    schema: 'kvs-infer/snapshot@1',
    ...{ cameraId: 'dock-1', model: 'm', trackId: '1-0-0', fragmentNumber: '1', frameIndex: 0, width: 4, height: 2 },
    ...{
      capturedAt: '2026-11-24T08:05:09.042Z',
      label: 'car',
      score: 0.9,
      box: [0, 0, 1, 1],
      sharpness: 0.8,
      detections: [],
    },
  },
};

function rig(isRefused: () => boolean = () => false) {
  const clock = new SteppedClock(0);
  const puts: { key: string; body: string }[] = [];
  const queue = new DeliveryQueue({ clock, random: () => 0.5, gate: () => 'open' });
  const subject = new SnapshotDeliveries({ cameraId: 'dock-1', epoch: 1 }, queue, async (at, body) => {
    if (isRefused()) throw new Error('denied');
    puts.push({ key: at, body: Buffer.from(body).toString() });
  });
  const step = (milliseconds: number) =>
    clock.step(milliseconds, () => new Promise((resolve) => setImmediate(resolve)));
  const texts = () =>
    puts.flatMap((put) => (put.key.endsWith('.json') ? [snapshotRecordSchema.parse(JSON.parse(put.body)).text] : []));
  return { subject, puts, step, texts, queue };
}
const text = { value: 'SGX1234A', score: 0.97 };

test('a text that is known goes along with the picture, and is not written again', async () => {
  const { subject, step, puts, texts } = rig();
  subject.store('1-0-0', snapshot, text);
  await step(0);
  subject.textSettled('1-0-0', text);
  await step(0);
  expect(puts.map((put) => put.key)).toEqual([key, key.replace('.jpg', '.json')]);
  expect(texts()).toEqual([text]);
});

test('a text that settles later is written into the JSON once, also when the picture is still on its way', async () => {
  for (const isUnderWay of [false, true]) {
    const { subject, step, puts, texts } = rig();
    subject.store('1-0-0', snapshot, null);
    if (!isUnderWay) await step(0);
    subject.textSettled('1-0-0', text);
    subject.textSettled('1-0-0', { ...text, score: 0.98 });
    await step(0);
    await step(0);
    expect(texts()).toEqual([undefined, text]);
    expect(puts.filter((put) => put.key === key)).toHaveLength(1);
  }
});

test('nothing is written beside a picture that was given up, for another track, or after the track is forgotten', async () => {
  let isRefused = true;
  const { subject, step, puts, queue } = rig(() => isRefused);
  subject.store('1-0-0', snapshot, null);
  subject.textSettled('1-0-0', text);
  for (let round = 0; round < 6; round += 1) await step(5_000);
  isRefused = false;
  subject.textSettled('1-0-0', { value: 'B', score: 1 });
  subject.textSettled('other', text);
  await step(0);
  expect([puts, queue.size]).toEqual([[], 0]);
  subject.store('1-0-0', snapshot, null);
  await step(0);
  subject.forget('1-0-0');
  subject.textSettled('1-0-0', text);
  await step(0);
  expect(puts).toHaveLength(2);
});
