import { expect, test } from 'vitest';
import type { Camera } from '../../core/camera.ts';
import type { Detection } from '../../core/records.ts';
import type { IntakeFrame } from '../session/messages.ts';
import { type StoredSnapshot, snapshotKey, TrackSnapshots } from './track-snapshots.ts';

const startMs = Date.UTC(2026, 10, 24, 8, 5, 9, 42);

function frameAt(milliseconds: number): IntakeFrame {
  const letterbox = { sourceWidth: 1, sourceHeight: 1, inputWidth: 1, inputHeight: 1, scale: 1, padX: 0, padY: 0 };
  return {
    fragmentNumber: '1',
    frameIndex: milliseconds,
    capturedAtMs: startMs + milliseconds,
    readyAtMs: 0,
    decodeMs: 0,
    width: 1,
    height: 1,
    letterbox: { ...letterbox, width: 1, height: 1 },
    stillUntilMs: null,
  };
}
function sighting(trackId: string, score: number): Detection {
  return { trackId, label: 'car', classId: 2, score, box: [0.2, 0.2, 0.6, 0.6] };
}
/** @param sharpnessOf what the decode thread sees in a frame, by its index; null: the picture is gone. */
function rig(
  settings: Partial<Camera['snapshots']> = {},
  sharpnessOf: (frameIndex: number) => number | null = () => 1,
) {
  const stored: StoredSnapshot[] = [];
  const missed: string[] = [];
  const looked: number[] = [];
  const encoded: number[] = [];
  const subject = new TrackSnapshots(
    { on: 'best', annotate: true, maxPerMinute: 12, ...settings },
    {
      async capture({ frameIndex }, { sharpnessMin }) {
        looked.push(frameIndex);
        const sharpness = sharpnessOf(frameIndex);
        if (sharpness === null) return { found: 'gone' };
        if (sharpness < sharpnessMin) return { found: 'blurred' };
        encoded.push(frameIndex);
        return { found: 'picture', jpeg: Buffer.from([frameIndex & 255]), width: 4, height: 2, sharpness };
      },
      store: (_trackId, snapshot) => stored.push(snapshot),
      missed: (reason) => missed.push(reason),
      about: { cameraId: 'dock-1', model: 'm' },
      keyPrefix: 'snapshots',
    },
  );
  const see = async (trackId: string, score: number, atMs: number, isNew = false, box?: Detection['box']) => {
    const detection = { ...sighting(trackId, score), ...(box === undefined ? {} : { box }) };
    subject.seen(detection, frameAt(atMs), [detection], isNew);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { subject, stored, missed, looked, encoded, see };
}

test('keys are in UTC and sort by time', () => {
  expect(snapshotKey('snapshots', 'dock-1', '91-4-0', startMs)).toBe(
    'snapshots/dock-1/2026/11/24/080509042-91-4-0.jpg',
  );
  expect(snapshotKey('team/a', 'dock-1', '9', startMs)).toBe('team/a/dock-1/2026/11/24/080509042-9.jpg');
  expect(snapshotKey('s', '..', '../9', startMs)).toBe('s/__/2026/11/24/080509042-.._9.jpg');
});

test('best: the clearly better views are captured, the last of them is stored once, when the track ends', async () => {
  const { subject, stored, encoded, see } = rig();
  await see('t', 0.5, 0, true);
  await see('t', 0.52, 500);
  await see('t', 0.9, 600);
  await see('t', 0.99, 700);
  expect(encoded).toEqual([0, 600]);
  expect(stored).toEqual([]);
  const key = await subject.ended('t');
  expect(key).toBe(snapshotKey('snapshots', 'dock-1', 't', startMs + 600));
  expect(stored.map(({ key }) => key)).toEqual([key]);
  expect(stored[0]?.about).toMatchObject({ score: 0.9, trackId: 't', width: 4, height: 2 });
  expect(await subject.ended('t')).toBeNull();
});

test('enter: one picture at once, however good the later views are', async () => {
  const { subject, stored, encoded, see } = rig({ on: 'enter' });
  await see('t', 0.5, 0, true);
  await Promise.resolve();
  await see('t', 0.99, 1_000);
  const key = await subject.ended('t');
  expect(encoded).toEqual([0]);
  expect(stored.map((snapshot) => snapshot.key)).toEqual([key]);
});

test('a track that never leaves has its picture stored after half a minute', async () => {
  const { stored, see } = rig();
  await see('t', 0.5, 0, true);
  await new Promise((resolve) => setImmediate(resolve));
  await see('t', 0.5, 31_000);
  expect(stored).toHaveLength(1);
});

test('no more tracks a minute get one than the row allows; never and a lost picture give none', async () => {
  const limited = rig({ maxPerMinute: 2 });
  for (const [index, track] of ['a', 'b', 'c'].entries()) await limited.see(track, 0.5, index * 1_000, true);
  await limited.see('d', 0.5, 60_500, true);
  expect(limited.encoded).toEqual([0, 1_000, 60_500]);
  expect(limited.missed).toEqual(['rate-limited']);
  expect(await limited.subject.ended('c')).toBeNull();

  const never = rig({ on: 'never' });
  await never.see('a', 0.9, 0, true);
  expect(never.encoded).toEqual([]);

  const gone = rig({}, () => null);
  await gone.see('a', 0.9, 0, true);
  expect(await gone.subject.ended('a')).toBeNull();
  expect(gone.missed).toEqual(['picture-gone']);
});

test('best: sharpness counts beside score and size, and what is blurred is looked at and not encoded', async () => {
  const sharpness: Record<number, number> = { 0: 0.3, 500: 0.35, 1000: 0.9, 1500: 0.95 };
  const { subject, stored, looked, encoded, see } = rig({}, (index) => sharpness[index] ?? 0.2);
  await see('t', 0.9, 0, true);
  for (const atMs of [500, 1_000, 1_500, 2_000]) await see('t', 0.9, atMs);
  expect(encoded).toEqual([0, 1_000]);
  // From 1,000 on no view of this size can be clearly better: nobody looks.
  expect(looked).toEqual([0, 500, 1_000]);
  await subject.ended('t');
  expect(stored.map(({ about }) => [about.frameIndex, about.sharpness])).toEqual([[1_000, 0.9]]);
});

test('best: a whole object wins over a larger one that the frame cuts off', async () => {
  const { subject, stored, see } = rig();
  await see('t', 0.9, 0, true, [0.3, 0.3, 0.6, 0.6]);
  await see('t', 0.9, 500, false, [0.55, 0.3, 1, 0.7]);
  await subject.ended('t');
  expect(stored[0]?.about.frameIndex).toBe(0);
});

test('a blurred track is looked at a bounded number of times', async () => {
  const { looked, see } = rig({}, (index) => (index === 0 ? 0.5 : 0.1));
  await see('t', 0.9, 0, true);
  for (let second = 1; second < 60; second += 1) await see('t', 0.9, second * 450);
  expect(looked).toHaveLength(30);
});
