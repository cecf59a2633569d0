import { expect, test } from 'vitest';
import { rigAssignment, rigCamera } from '../worker-rig.test-factory.ts';
import { HandledMarks } from './handled-marks.ts';

const camera = rigCamera();
const checkpoint = { fragmentNumber: '100', producerTimestampMs: 5_000 };
/** A worker that had the camera under epoch 3 and stopped at 10,000 ms. */
function stoppedAt100(had = checkpoint as typeof checkpoint | null) {
  const marks = new HandledMarks();
  marks.stopped(rigAssignment(camera, { epoch: 3 }), had, 10_000);
  return marks;
}
const given = (more: Partial<ReturnType<typeof rigAssignment>>) =>
  rigAssignment(camera, { epoch: 4, assignedAtMs: 8_000, ...more });

test.each([
  ['a camera that it never had', new HandledMarks(), {}, { resumeAfter: null, handleFromServerMs: 8_000 }],
  ['the next epoch', stoppedAt100(), {}, { resumeAfter: checkpoint, handleFromServerMs: 10_000 }],
  ['the same epoch', stoppedAt100(), { epoch: 3 }, { resumeAfter: checkpoint, handleFromServerMs: 10_000 }],
  ['an owner in between', stoppedAt100(), { epoch: 5 }, { resumeAfter: null, handleFromServerMs: 10_000 }],
  ['a row typed anew', stoppedAt100(), { epoch: 1 }, { resumeAfter: null, handleFromServerMs: 10_000 }],
  ['no complete fragment', stoppedAt100(null), {}, { resumeAfter: null, handleFromServerMs: 10_000 }],
  [
    'given after it stopped',
    stoppedAt100(),
    { assignedAtMs: 11_000 },
    { resumeAfter: null, handleFromServerMs: 11_000 },
  ],
  [
    'another stream',
    stoppedAt100(),
    { camera: rigCamera({ streamName: 'other' }) },
    { resumeAfter: null, handleFromServerMs: 8_000 },
  ],
])('%s', (_name, marks, more, start) => {
  expect(marks.startOf(given(more))).toEqual(start);
});

test('of its own checkpoint and the one that control gives, the later counts', () => {
  const later = { fragmentNumber: '1000', producerTimestampMs: 4_000 };
  const earlier = { fragmentNumber: '99', producerTimestampMs: 6_000 };
  const inside = { fragmentNumber: '100', producerTimestampMs: 4_900 };
  expect(stoppedAt100().startOf(given({ resumeAfter: later })).resumeAfter).toEqual(later);
  expect(stoppedAt100().startOf(given({ resumeAfter: checkpoint }))).toEqual({
    resumeAfter: checkpoint,
    handleFromServerMs: 8_000,
  });
  for (const resumeAfter of [earlier, inside]) {
    expect(stoppedAt100().startOf(given({ resumeAfter })).resumeAfter).toEqual(checkpoint);
  }
});

test('as many cameras are remembered as a fleet may have, the last ones', () => {
  const marks = new HandledMarks();
  const of = (index: number) => given({ camera: { ...camera, cameraId: `camera-${index}` } });
  for (let index = 0; index <= 2_000; index += 1) marks.stopped(of(index), checkpoint, 10_000);
  expect(marks.startOf(of(0)).resumeAfter).toBeNull();
  expect(marks.startOf(of(1)).resumeAfter).toEqual(checkpoint);
});
