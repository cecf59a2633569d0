/** Tracks as a person would count them, and what must hold for any frames whatever. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Detection, detectionSchema } from '../../core/records.ts';
import { matchTracks } from './matching.ts';
import { type Track, Tracker } from './tracker.ts';

const options = { confidence: 0.35, minHits: 3, maxMissMs: 1000, smoothingWindow: 5 };

function detection(x: number, y: number, fields: Partial<Detection> = {}): Detection {
  return { label: 'car', classId: 2, score: 0.8, box: [x, y, x + 0.1, y + 0.1], ...fields };
}

/** One frame every 200 ms, all in one fragment. */
function run(tracker: Tracker, frames: Detection[][], fromIndex = 0) {
  return frames.map((detections, index) =>
    tracker.update(
      { fragmentNumber: 'f', frameIndex: fromIndex + index, capturedAtMs: (fromIndex + index) * 200 },
      detections,
    ),
  );
}

describe('one object', () => {
  test('is told after minHits, keeps its id, and exits after maxMissMs', () => {
    const tracker = new Tracker(options);
    const drive = Array.from({ length: 6 }, (_, index) => [detection(0.1 + index * 0.03, 0.5)]);
    const results = run(tracker, [...drive, [], [], [], [], [], [], []]);
    expect(results.map(({ entered }) => entered.length)).toEqual([0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    expect(results.map(({ exited }) => exited.length)).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
    expect(results.map(({ detections }) => detections[0]?.trackId).slice(0, 6)).toEqual([
      undefined,
      undefined,
      'f-0-0',
      'f-0-0',
      'f-0-0',
      'f-0-0',
    ]);
    expect(results[11]?.exited[0]).toMatchObject({ trackId: 'f-0-0', firstSeenAtMs: 0, lastSeenAtMs: 1000, hits: 6 });
    expect(tracker.close()).toEqual([]);
  });

  test('that moves by more than its own width is followed by its speed', () => {
    const tracker = new Tracker({ ...options, minHits: 1 });
    const speeds = [0, 0.06, 0.14, 0.26, 0.4, 0.54, 0.68];
    const results = run(
      tracker,
      speeds.map((x) => [detection(x, 0.3)]),
    );
    expect(new Set(results.flatMap(({ detections }) => detections.map(({ trackId }) => trackId)))).toEqual(
      new Set(['f-0-0']),
    );
  });

  test('that hides for less than maxMissMs is the same one', () => {
    const tracker = new Tracker(options);
    const still = [detection(0.4, 0.4)];
    const results = run(tracker, [still, still, still, [], [], [], still]);
    expect(results[6]?.detections[0]?.trackId).toBe('f-0-0');
    expect(results.flatMap(({ exited }) => exited)).toEqual([]);
  });

  test('called a truck in one frame stays a car; the score is the mean of the window', () => {
    const tracker = new Tracker(options);
    const frames = [0.9, 0.9, 0.6, 0.9].map((score, index) => [
      detection(0.4, 0.4, { score, ...(index === 2 ? { label: 'truck', classId: 7 } : {}) }),
    ]);
    const results = run(tracker, frames);
    expect(results[2]?.detections[0]).toMatchObject({ label: 'car', classId: 2 });
    expect(results[2]?.detections[0]?.score).toBeCloseTo(0.8, 9);
    expect(results[3]?.detections[0]?.score).toBeCloseTo(0.825, 9);
    expect(tracker.close()[0]).toMatchObject({ label: 'car', bestScore: 0.9 });
  });

  test('half hidden and weakly seen is still the same one, and told; a weak beginning is not', () => {
    const tracker = new Tracker(options);
    const at = (index: number, score: number) => [detection(0.2 + index * 0.02, 0.4, { score })];
    const weak = run(tracker, [at(0, 0.2), at(1, 0.2), at(2, 0.2)]);
    expect(weak.flatMap(({ detections }) => detections)).toEqual([]);
    const results = run(
      tracker,
      [0.8, 0.8, 0.8, 0.2, 0.15, 0.8].map((score, index) => at(index + 3, score)),
      3,
    );
    expect(results.slice(2).map(({ detections }) => detections[0]?.trackId)).toEqual(Array(4).fill('f-3-0'));
    expect(results[4]?.detections[0]?.score).toBeCloseTo((0.8 * 3 + 0.2 + 0.15) / 5, 9);
  });

  test('that another covers is waited for, but not for ever', () => {
    const tracker = new Tracker(options);
    const lorry = detection(0, 0, { box: [0.3, 0.3, 0.7, 0.7], label: 'truck', classId: 7 });
    const car = detection(0.45, 0.45);
    const hidden = (frames: number) => Array.from({ length: frames }, () => [lorry]);
    const waited = run(tracker, [[lorry, car], [lorry, car], [lorry, car], ...hidden(20), [lorry, car]]);
    expect(waited.at(-1)?.detections[1]?.trackId).toBe('f-0-1');
    const gone = run(tracker, hidden(40), 24);
    expect(gone.flatMap(({ exited }) => exited.map(({ trackId }) => trackId))).toEqual(['f-0-1']);
  });

  test('at a rate of one frame a second a single miss ends nothing', () => {
    const tracker = new Tracker({ ...options, minHits: 2 });
    const each = [[detection(0.4, 0.4)], [detection(0.4, 0.4)], [], [detection(0.4, 0.4)]];
    const results = each.map((detections, frameIndex) =>
      tracker.update({ fragmentNumber: 'f', frameIndex, capturedAtMs: frameIndex * 1_000 }, detections),
    );
    expect(results[3]?.detections[0]?.trackId).toBe('f-0-0');
  });

  test('seen once is never told', () => {
    const tracker = new Tracker(options);
    const results = run(tracker, [[detection(0.1, 0.1)], [], [], [], [], [], [], []]);
    expect(results.flatMap(({ entered, exited }) => [...entered, ...exited])).toEqual([]);
    expect(tracker.close()).toEqual([]);
  });

  test('when the clock of the producer goes back, tracks end instead of living on', () => {
    const tracker = new Tracker({ ...options, minHits: 1 });
    const at = (capturedAtMs: number, frameIndex: number) => ({ fragmentNumber: 'f', frameIndex, capturedAtMs });
    tracker.update(at(100_000, 0), [detection(0.1, 0.1)]);
    const back = tracker.update(at(5_000, 1), [detection(0.1, 0.1)]);
    expect(back.exited.map(({ trackId }) => trackId)).toEqual(['f-0-0']);
    expect(back.entered.map(({ trackId }) => trackId)).toEqual(['f-1-0']);
  });
});

test('two objects that pass each other keep their ids by class', () => {
  const tracker = new Tracker({ ...options, minHits: 1 });
  const frames = Array.from({ length: 9 }, (_, index) => [
    detection(0.2 + index * 0.05, 0.5),
    detection(0.6 - index * 0.05, 0.5, { label: 'person', classId: 0 }),
  ]);
  const results = run(tracker, frames);
  expect(results.at(-1)?.detections.map(({ trackId }) => trackId)).toEqual(['f-0-0', 'f-0-1']);
});

const unit = fc.double({ min: 0, max: 1, noNaN: true });
const anyDetection = fc.tuple(unit, unit, unit, unit, unit, fc.nat(2)).map(
  ([x, y, w, h, score, classId]): Detection => ({
    label: `c${classId}`,
    classId,
    score,
    box: [x, y, Math.min(1, x + w / 3), Math.min(1, y + h / 3)],
  }),
);
const anyFrames = fc.array(fc.tuple(fc.integer({ min: -300, max: 900 }), fc.array(anyDetection, { maxLength: 8 })), {
  maxLength: 25,
});
const anyOptions = fc.record({
  confidence: unit,
  minHits: fc.integer({ min: 1, max: 4 }),
  maxMissMs: fc.integer({ min: 0, max: 2000 }),
  smoothingWindow: fc.integer({ min: 1, max: 6 }),
});

describe('for any frames', () => {
  const play = (settings: typeof options, frames: [number, Detection[]][]) => {
    const tracker = new Tracker(settings);
    let capturedAtMs = 10_000;
    const results = frames.map(([stepMs, detections], frameIndex) => {
      capturedAtMs += stepMs;
      return tracker.update({ fragmentNumber: '7', frameIndex, capturedAtMs }, detections);
    });
    return { results, closed: tracker.close() };
  };

  test('strong detections stay in place, weak ones only continue tracks, records stay valid, ids are unique and deterministic, enter comes before exit', () => {
    fc.assert(
      fc.property(anyOptions, anyFrames, (settings, frames) => {
        const before = structuredClone(frames);
        const { results, closed } = play(settings, frames);
        expect(frames).toEqual(before);
        expect(play(settings, frames)).toEqual({ results, closed });

        const open = new Map<string, Track>();
        const ended = new Set<string>();
        for (const [index, { detections, entered, exited }] of results.entries()) {
          for (const { trackId } of exited) {
            expect(open.delete(trackId)).toBe(true);
            ended.add(trackId);
          }
          for (const track of entered) {
            expect(open.has(track.trackId) || ended.has(track.trackId)).toBe(false);
            expect(track.hits).toBeGreaterThanOrEqual(settings.minHits);
            open.set(track.trackId, track);
          }
          const given = frames[index]?.[1] ?? [];
          const places = detections.map(({ box }) =>
            given.findIndex((one) => JSON.stringify(one.box) === JSON.stringify(box)),
          );
          const kept = given.filter(({ score }, place) => score >= settings.confidence || places.includes(place));
          expect(detections.map(({ box }) => box)).toEqual(kept.map(({ box }) => box));
          for (const [place, { trackId }] of detections.entries()) {
            if ((kept[place]?.score ?? 0) < settings.confidence) expect(open.has(trackId ?? '')).toBe(true);
          }
          const ids = detections.flatMap(({ trackId }) => (trackId === undefined ? [] : [trackId]));
          expect(new Set(ids).size).toBe(ids.length);
          for (const id of ids) expect(open.has(id)).toBe(true);
          for (const one of detections) detectionSchema.parse(one);
        }
        expect(new Set(closed.map(({ trackId }) => trackId))).toEqual(new Set(open.keys()));
      }),
    );
  });

  test('matching pairs each track and each detection at most once', () => {
    const tracks = fc.array(
      anyDetection.map(({ box, classId }) => ({ predicted: box, classId })),
      { maxLength: 8 },
    );
    fc.assert(
      fc.property(tracks, fc.array(anyDetection, { maxLength: 8 }), (known, detections) => {
        const matched = matchTracks(known, detections, { buffer: 0.3, overlapMin: 0.2 });
        expect(matched).toHaveLength(known.length);
        const used = matched.filter((index) => index !== null);
        expect(new Set(used).size).toBe(used.length);
      }),
    );
  });
});

test('absurd boxes and clocks change nothing but themselves', () => {
  const tracker = new Tracker({ ...options, minHits: 1 });
  const still = detection(0.4, 0.4);
  const absurd = [Number.NaN, Number.POSITIVE_INFINITY, -1e9].map((x) => detection(0, 0, { box: [x, 0, x, 0] }));
  const times = [1_000, 1_200, 1_200, 1_100, 1_400, 1e15, 1e15 + 200];
  const results = times.map((capturedAtMs, frameIndex) =>
    tracker.update({ fragmentNumber: 'f', frameIndex, capturedAtMs }, [still, ...absurd]),
  );
  for (const { detections } of results.slice(0, 5)) expect(detections[0]?.trackId).toBe('f-0-0');
  expect(results[6]?.detections[0]?.trackId).toBe('f-5-0');
});

test('memory stays bounded when every frame is noise', () => {
  const tracker = new Tracker({ ...options, minHits: 1, maxMissMs: 60_000 });
  let told = 0;
  for (let frameIndex = 0; frameIndex < 20; frameIndex++) {
    const noise = Array.from({ length: 100 }, (_, index) => {
      const x = ((index + frameIndex * 37) % 100) / 101;
      const y = frameIndex / 21;
      return detection(0, 0, { box: [x, y, x + 0.005, y + 0.005] });
    });
    const { entered, exited } = tracker.update({ fragmentNumber: 'n', frameIndex, capturedAtMs: frameIndex }, noise);
    told += entered.length - exited.length;
    expect(tracker.activeTracks.length).toBe(told);
  }
  expect(told).toBe(600);
});

describe('a picture that stands still', () => {
  const at = (frameIndex: number) => ({ fragmentNumber: 'f', frameIndex, capturedAtMs: frameIndex * 200 });

  test('what was seen stays the same track, however long nothing was looked at', () => {
    const tracker = new Tracker(options);
    run(tracker, [[detection(0.1, 0.5)], [detection(0.12, 0.5)], [detection(0.14, 0.5)]]);
    tracker.stoodStill(60_000);
    const { detections, entered, exited } = tracker.update(at(301), [detection(0.14, 0.5)]);
    expect(detections[0]?.trackId).toBe('f-0-0');
    expect([entered, exited]).toEqual([[], []]);
    expect(tracker.activeTracks[0]).toMatchObject({ firstSeenAtMs: 0, lastSeenAtMs: 60_200 });
  });

  test('what was missed before is missed no longer than its frames tell, and was not seen meanwhile', () => {
    const tracker = new Tracker(options);
    const seen = Array.from({ length: 3 }, () => [detection(0.1, 0.5)]);
    run(tracker, [...seen, [], []]);
    tracker.stoodStill(10_000);
    expect(tracker.update(at(51), [])).toMatchObject({ exited: [] });
    const { exited } = tracker.update(at(54), []);
    expect(exited[0]).toMatchObject({ trackId: 'f-0-0', lastSeenAtMs: 400 });
  });
});
