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
function rig(settings: Partial<Camera['snapshots']> = {}, hasPictures = true) {
  const stored: StoredSnapshot[] = [];
  const missed: string[] = [];
  const captured: number[] = [];
  const subject = new TrackSnapshots(
    { on: 'best', annotate: true, maxPerMinute: 12, ...settings },
    {
      async capture(frame) {
        captured.push(frame.frameIndex);
        return hasPictures ? { jpeg: Buffer.from([frame.frameIndex & 255]), width: 4, height: 2 } : null;
      },
      store: (snapshot) => stored.push(snapshot),
      missed: (reason) => missed.push(reason),
      about: { cameraId: 'dock-1', model: 'm' },
      keyPrefix: 'snapshots',
    },
  );
  const see = (trackId: string, score: number, atMs: number, isNew = false) => {
    const detection = sighting(trackId, score);
    subject.seen(detection, frameAt(atMs), [detection], isNew);
  };
  return { subject, stored, missed, captured, see };
}

test('keys are in UTC and sort by time', () => {
  expect(snapshotKey('snapshots', 'dock-1', '91-4-0', startMs)).toBe(
    'snapshots/dock-1/2026/11/24/080509042-91-4-0.jpg',
  );
  expect(snapshotKey('team/a', 'dock-1', '9', startMs)).toBe('team/a/dock-1/2026/11/24/080509042-9.jpg');
  expect(snapshotKey('s', '..', '../9', startMs)).toBe('s/__/2026/11/24/080509042-.._9.jpg');
});

test('best: the clearly better views are captured, the last of them is stored once, when the track ends', async () => {
  const { subject, stored, captured, see } = rig();
  see('t', 0.5, 0, true);
  see('t', 0.52, 500);
  see('t', 0.9, 600);
  see('t', 0.99, 700);
  expect(captured).toEqual([0, 600]);
  expect(stored).toEqual([]);
  const key = await subject.ended('t');
  expect(key).toBe(snapshotKey('snapshots', 'dock-1', 't', startMs + 600));
  expect(stored.map(({ key }) => key)).toEqual([key]);
  expect(stored[0]?.about).toMatchObject({ score: 0.9, trackId: 't', width: 4, height: 2 });
  expect(await subject.ended('t')).toBeNull();
});

test('enter: one picture at once, however good the later views are', async () => {
  const { subject, stored, captured, see } = rig({ on: 'enter' });
  see('t', 0.5, 0, true);
  await Promise.resolve();
  see('t', 0.99, 1_000);
  const key = await subject.ended('t');
  expect(captured).toEqual([0]);
  expect(stored.map((snapshot) => snapshot.key)).toEqual([key]);
});

test('a track that never leaves has its picture stored after half a minute', async () => {
  const { stored, see } = rig();
  see('t', 0.5, 0, true);
  await new Promise((resolve) => setImmediate(resolve));
  see('t', 0.5, 31_000);
  expect(stored).toHaveLength(1);
});

test('no more tracks a minute get one than the row allows; never and a lost picture give none', async () => {
  const limited = rig({ maxPerMinute: 2 });
  for (const [index, track] of ['a', 'b', 'c'].entries()) limited.see(track, 0.5, index * 1_000, true);
  limited.see('d', 0.5, 60_500, true);
  expect(limited.captured).toEqual([0, 1_000, 60_500]);
  expect(limited.missed).toEqual(['rate-limited']);
  expect(await limited.subject.ended('c')).toBeNull();

  const never = rig({ on: 'never' });
  never.see('a', 0.9, 0, true);
  expect(never.captured).toEqual([]);

  const gone = rig({}, false);
  gone.see('a', 0.9, 0, true);
  expect(await gone.subject.ended('a')).toBeNull();
  expect(gone.missed).toEqual(['picture-gone']);
});
