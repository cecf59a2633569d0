/** A lost frame is told with its camera, its time and those who published around it; what was never sent was not lost. */
import { expect, test } from 'vitest';
import { inWords, lostFrames } from './lost-frames.ts';

const startMs = Date.parse('2026-11-26T10:00:00.250Z');
const frame = (second: number, epoch = 3, workerId = 'aaaaaa11') => ({
  capturedAtMs: startMs + second * 1_000,
  seenAtMs: startMs + second * 1_000 + 700,
  ...{ epoch, workerId },
});
const drain = { name: 'handover', fromMs: startMs + 1_000, toMs: startMs + 20_000 };

test('a hole between two owners is told with both', () => {
  const seen = [frame(0), frame(1), frame(2), frame(4, 4, 'bbbbbb22'), frame(5, 4, 'bbbbbb22')];
  const [lost, ...more] = lostFrames(
    'camera-1',
    seen,
    () => true,
    [drain],
    (lease) => (lease === 'camera-1#4' ? { overload: 1 } : {}),
  );
  expect(more).toEqual([]);
  expect(lost).toMatchObject({ during: 'handover', sinceBlowMs: 2_000, before: { epoch: 3 }, after: { epoch: 4 } });
  expect(lost && inWords(lost)).toBe(
    'camera-1: the frame of 10:00:03.250, 2.0 s after handover began; before it aaaaaa in epoch 3, 10:00:02.250, seen 0.7 s later; after it bbbbbb in epoch 4, 10:00:04.250, seen 0.7 s later, who left out 1 overload',
  );
});

test('what the camera did not send was not lost, and order of arrival does not matter', () => {
  const silence = [startMs + 3_000, startMs + 4_000];
  const seen = [frame(5), frame(0), frame(1), frame(2)];
  expect(lostFrames('camera-1', seen, (atMs) => !silence.includes(atMs), [drain])).toEqual([]);
});

test('a frame of long before the fault is nobody’s fault', () => {
  const late = { ...drain, fromMs: startMs + 20_000, toMs: startMs + 40_000 };
  const seen = [frame(0), frame(2), frame(30), frame(31)];
  const lost = lostFrames('camera-1', seen, (atMs) => atMs === startMs + 1_000, [late]);
  expect(lost).toMatchObject([{ during: 'nothing', sinceBlowMs: null }]);
});
