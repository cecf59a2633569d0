import { expect, test } from 'vitest';
import type { Detection } from '../../core/records.ts';
import { rigCamera } from '../worker-rig.test-factory.ts';
import type { LineReading } from './text-engine.ts';
import { readsText, type TrackTextPorts, TrackTexts } from './track-texts.ts';

type Asked = Parameters<TrackTextPorts['read']>[0];

/** @param answer the value that a reading gives, or null for nothing. */
function rig(
  row: Record<string, unknown>,
  answer: (asked: Asked, count: number) => string | LineReading | null = () => 'SGX1234',
) {
  const asked: Asked[] = [];
  const told: string[] = [];
  const texts = new TrackTexts(rigCamera(row), {
    async read(request) {
      asked.push(request);
      const value = answer(request, asked.length);
      if (value === null) return [];
      return [typeof value === 'string' ? line(value) : value];
    },
    settled: (trackId, { value }) => told.push(`${trackId} ${value}`),
  });
  let atMs = 0;
  const frame = async (detections: Detection[], afterMs = 400) => {
    atMs += afterMs;
    texts.frame({ fragmentNumber: '1', frameIndex: atMs, capturedAtMs: atMs, width: 1280, height: 720 }, detections);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { texts, asked, told, frame };
}
function line(value: string, widthPx = 80, probability = 0.95): LineReading {
  return { value, score: probability, alternatives: [{ value, probability }], isCutOff: false, widthPx, heightPx: 24 };
}
function car(trackId: string | undefined, size = 0.2, more: Partial<Detection> = {}): Detection {
  const box: Detection['box'] = [0.5 - size / 2, 0.5 - size / 2, 0.5 + size / 2, 0.5 + size / 2];
  return { label: 'car', classId: 2, score: 0.9, box, ...(trackId === undefined ? {} : { trackId }), ...more };
}
const enabled = { text: { enabled: true } };

test('a row asks for text by its text or by a region', () => {
  expect(readsText(rigCamera())).toBe(false);
  expect(readsText(rigCamera(enabled))).toBe(true);
  const gate = {
    name: 'gate',
    polygon: [
      [0, 0],
      [1, 1],
    ],
    readText: true,
  };
  expect(readsText(rigCamera({ regions: [gate] }))).toBe(true);
});

test('a text is told once when its readings agree, and belongs to the track from then on', async () => {
  const { texts, asked, told, frame } = rig(enabled);
  await frame([car('t')]);
  expect([told, texts.textOf('t')]).toEqual([[], null]);
  await frame([car('t')]);
  expect(told).toEqual(['t SGX1234']);
  expect(texts.textOf('t')).toMatchObject({ value: 'SGX1234' });
  for (let more = 0; more < 20; more += 1) await frame([car('t')]);
  expect(asked).toHaveLength(2);
  expect(await texts.ended('t')).toMatchObject({ value: 'SGX1234' });
  expect(told).toHaveLength(1);
});

test('large text that is cut off is looked at again in the next frame, also when it goes away', async () => {
  const cutOff = { ...line('X1234'), isCutOff: true };
  const { asked, told, frame } = rig(enabled, (_, count) => (count === 1 ? cutOff : 'SGX1234'));
  await frame([car('t', 0.3)], 200);
  await frame([car('t', 0.28)], 200);
  await frame([car('t', 0.25)], 200);
  expect(asked).toHaveLength(3);
  expect(told).toEqual(['t SGX1234']);
});

test('a much nearer view may correct a text; a value is never told twice', async () => {
  const readings = ['SGX1284', 'SGX1284', 'SGX1234', 'SGX1234', 'SGX1234', 'SGX1234', 'SGX1284'];
  const { told, frame } = rig(enabled, (_asked, count) => readings[count - 1] ?? null);
  for (let index = 0; index < readings.length; index += 1) await frame([car('t', 0.1 * 1.3 ** index)]);
  expect(told).toEqual(['t SGX1284', 't SGX1234']);
});

test('only told tracks of the classes are read, or those inside a region that reads text', async () => {
  const gate = {
    name: 'gate',
    polygon: [
      [0, 0],
      [1, 1],
    ],
    readText: true,
  };
  const byClass = rig({ text: { enabled: true, classes: ['truck'] } });
  await byClass.frame([car('c'), car('t', 0.2, { label: 'truck' }), car(undefined, 0.2, { label: 'truck' })]);
  expect(byClass.asked.map(({ trackId }) => trackId)).toEqual(['t']);
  const byRegion = rig({ regions: [gate] });
  await byRegion.frame([car('in', 0.2, { regions: ['gate'] }), car('out')]);
  expect(byRegion.asked.map(({ trackId }) => trackId)).toEqual(['in']);
});

test('what is too small is not read, and what cannot be read is tried again when it is nearer or after a while', async () => {
  const { asked, frame } = rig(enabled, () => null);
  await frame([car('t', 0.03)]);
  expect(asked).toHaveLength(0);
  await frame([car('t', 0.2)]);
  await frame([car('t', 0.2)]);
  expect(asked).toHaveLength(1);
  await frame([car('t', 0.25)]);
  expect(asked).toHaveLength(2);
  await frame([car('t', 0.25)], 2_500);
  expect(asked).toHaveLength(3);
  for (let index = 0; index < 40; index += 1) await frame([car('t', 0.25)], 2_500);
  expect(asked).toHaveLength(8);
  await frame([car('t', 0.4)]);
  expect(asked).toHaveLength(9);
});

test('a large object that moves is read in every frame until something is found, one that stands is not', async () => {
  const at = (x: number): Partial<Detection> => ({ box: [x, 0.4, x + 0.3, 0.7] });
  const { asked, told, frame } = rig(enabled, (_asked, count) => (count < 4 ? null : 'SGX1234'));
  for (const x of [0, 0.04, 0.08, 0.12, 0.16, 0.2]) await frame([car('t', 0.3, at(x))], 200);
  expect([asked.length, told]).toEqual([5, ['t SGX1234']]);
  const standing = rig(enabled, () => null);
  for (let index = 0; index < 10; index += 1) await standing.frame([car('t', 0.3, at(0.3 + 0.001 * index))], 190);
  expect(standing.asked).toHaveLength(1);
  const moving = rig(enabled, () => null);
  const move = (index: number) => moving.frame([car('t', 0.3, at(0.3 * (index % 2)))], 200);
  for (let index = 0; index < 20; index += 1) await move(index);
  expect(moving.asked).toHaveLength(12);
  for (let index = 20; index < 80; index += 1) await move(index);
  expect(moving.asked).toHaveLength(16);
  const small = rig(enabled, () => null);
  for (let index = 0; index < 8; index += 1)
    await small.frame([car('t', 0.1, { box: [0.1 * index, 0.4, 0.1 * index + 0.1, 0.5] })], 200);
  expect(small.asked).toHaveLength(1);
});

test('small letters take no more than half of the readings; large ones are read in every frame until they settle', async () => {
  let [widthPx, probability] = [25, 0.2];
  const { asked, told, frame } = rig(enabled, () => line('SGX1234', widthPx, probability));
  for (let index = 0; index < 100; index += 1) await frame([car('t', 0.2 * 1.004 ** index)], 500);
  expect([asked.length, told]).toEqual([8, []]);
  widthPx = 70;
  await frame([car('t', 0.6)], 200);
  expect(asked).toHaveLength(9);
  await frame([car('t', 0.64)], 200);
  expect(asked).toHaveLength(10);
  probability = 0.9;
  await frame([car('t', 0.68)], 200);
  await frame([car('t', 0.72)], 200);
  await frame([car('t', 0.76)], 200);
  expect([asked.length, told]).toEqual([12, ['t SGX1234']]);
});

test('a text that the edge cuts off is never told', async () => {
  const { texts, told, frame } = rig(enabled, () => ({ ...line('X1234'), isCutOff: true }));
  for (let index = 0; index < 8; index += 1) await frame([car('t', 0.2 * 1.15 ** index)]);
  expect([await texts.ended('t'), told]).toEqual([null, []]);
});

test('one reading of a track at a time, and the end waits for the last', async () => {
  let answer: (lines: LineReading[]) => void = () => {};
  const told: string[] = [];
  let asked = 0;
  const texts = new TrackTexts(rigCamera(enabled), {
    read: () => {
      asked += 1;
      return new Promise((resolve) => {
        answer = resolve;
      });
    },
    settled: (_trackId, { value }) => told.push(value),
  });
  for (const atMs of [0, 1_000, 2_000]) {
    texts.frame({ fragmentNumber: '1', frameIndex: 0, capturedAtMs: atMs, width: 1280, height: 720 }, [car('t')]);
  }
  expect(asked).toBe(1);
  const ended = texts.ended('t');
  answer([line('SGX1234')]);
  expect(await ended).toMatchObject({ value: 'SGX1234' });
  expect(told).toEqual(['SGX1234']);
});

test('only what the pattern allows is told', async () => {
  const row = { text: { enabled: true, pattern: '[A-Z]{3}[0-9]{4}' } };
  const { told, frame } = rig(row, (_asked, count) => (count % 2 === 0 ? 'SGX1234' : 'TAXI'));
  for (let index = 0; index < 8; index += 1) await frame([car('t', 0.2 * 1.15 ** index)]);
  expect(told).toEqual(['t SGX1234']);
});

test('what stands in front is named, so that its text is not taken for that of what is behind', async () => {
  const { asked, frame } = rig(enabled);
  const behind = car('behind', 0.4);
  const inFront = car('front', 0.2, { box: [0.4, 0.5, 0.6, 0.8] });
  await frame([behind, inFront]);
  const of = (id: string) => asked.find(({ trackId }) => trackId === id);
  expect(of('front')?.foreign).toEqual([]);
  const [[x1 = 0, y1 = 0, x2 = 0, y2 = 0] = []] = of('behind')?.foreign ?? [];
  expect([x1, x2].map((x) => Math.round(x * 100))).toEqual([26, 74]);
  expect(Math.round(y1 * 100)).toBe(50);
  expect(y2).toBeGreaterThan(1);
});
