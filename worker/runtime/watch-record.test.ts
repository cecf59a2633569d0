import fc from 'fast-check';
import { expect, test } from 'vitest';
import { WatchRecord } from './watch-record.ts';

const frameMs = 200;

/** A camera at 5 fps from second 0; times in seconds. */
function rig() {
  const record = new WatchRecord(0, 5);
  const watched = (fromS: number, toS: number, behindS = 0) => {
    for (let atMs = fromS * 1_000; atMs < toS * 1_000; atMs += frameMs) {
      record.inferred(atMs - behindS * 1_000, null, atMs);
      if (atMs % 1_000 === 0) record.observe('silent', atMs);
    }
  };
  const idle = (fromS: number, toS: number, cause: string) => {
    for (let second = fromS; second < toS; second += 1) record.observe(cause, second * 1_000);
  };
  const spans = () => record.report().blind.map(({ fromMs, toMs, cause }) => [fromMs / 1_000, toMs / 1_000, cause]);
  return { record, watched, idle, spans };
}

test('from the assignment to the first inference the camera is starting', () => {
  const { record, watched, idle, spans } = rig();
  idle(0, 4, 'starting');
  watched(4, 10);
  expect(spans()).toEqual([[0, 4, 'starting']]);
  expect(record.report()).toMatchObject({ sinceMs: 0, throughMs: 9_800 });
});

test('a hole is split by what the causes were, and what is short of a hole is none', () => {
  const { watched, idle, spans } = rig();
  watched(0, 10);
  watched(11.4, 20);
  idle(20, 23, 'reconnect');
  idle(23, 40, 'silent');
  watched(40, 50);
  expect(spans()).toEqual([
    [19.8, 23, 'reconnect'],
    [23, 40, 'silent'],
  ]);
});

test('a session that is resumed in time and loses no frame leaves no gap', () => {
  const { watched, idle, spans, record } = rig();
  watched(0, 10);
  idle(10, 14, 'reconnect');
  // What was missed comes in a burst, 4 s late.
  for (let atMs = 10_000; atMs <= 14_000; atMs += frameMs) record.inferred(atMs, null, 14_000);
  watched(14.2, 20);
  expect(spans()).toEqual([]);
});

test('frames that were jumped over are a gap, less what was read late', () => {
  const { watched, idle, spans } = rig();
  watched(0, 10);
  idle(10, 16, 'skipped-to-live');
  watched(16, 20);
  expect(spans()).toEqual([[9.8, 15.8, 'skipped-to-live']]);
});

test('a connection that stood still and was given up: what was read late counts, what was jumped over is the gap', () => {
  const { record, watched, idle, spans } = rig();
  watched(0, 10);
  idle(10, 17, 'silent');
  // A second of what piled up, seven seconds late; the rest is jumped over.
  for (let atMs = 10_000; atMs < 11_000; atMs += frameMs) record.inferred(atMs, null, 17_000);
  // To the drift that a clock is allowed.
  expect(Math.abs(record.report().throughMs - 10_800)).toBeLessThan(10);
  idle(17, 18, 'skipped-to-live');
  watched(18, 25);
  const [[fromS = 0, toS = 0, cause] = []] = spans() as [number, number, string][];
  expect([fromS.toFixed(1), toS.toFixed(1), cause]).toEqual(['10.8', '17.8', 'skipped-to-live']);
  expect(spans()).toHaveLength(1);
});

test('a constant delay, a slow clock and one that was set are not lateness', () => {
  const { record, watched, spans } = rig();
  watched(0, 10, 30);
  // A day at 0.05 % slow: 43 s behind in the end.
  for (let atMs = 10_000; atMs < 86_400_000; atMs += 10_000) {
    for (let frame = 0; frame < 2; frame += 1) record.inferred(atMs * 0.9995 - 30_000 + frame, null, atMs + frame);
  }
  expect(record.report().throughMs).toBe(86_390_001);
  const again = rig();
  again.watched(0, 10);
  again.watched(10, 20, 3_600);
  expect(again.record.report().throughMs).toBe(19_800);
  expect(again.spans()).toEqual([]);
  expect(spans().every(([, , cause]) => cause === 'interrupted')).toBe(true);
});

test('after ten seconds a hole is certain and told while it lasts', () => {
  const { record, watched, idle } = rig();
  watched(0, 10);
  idle(10, 18, 'silent');
  expect(record.report().throughMs).toBe(9_800);
  idle(18, 31, 'silent');
  expect(record.report()).toEqual({
    sinceMs: 0,
    throughMs: 30_000,
    blind: [{ fromMs: 9_800, toMs: 30_000, cause: 'silent' }],
  });
});

test('a picture that stands still is watched', () => {
  const { record, watched, spans } = rig();
  watched(0, 10);
  for (let second = 10; second < 60; second += 1) {
    record.still(second * 1_000);
    record.observe('silent', second * 1_000);
  }
  record.inferred(60_000, 59_800, 60_000);
  expect(spans()).toEqual([]);
});

test('whatever happens, spans are in order within the claim, bounded, and what is settled stays', () => {
  const step = fc.record({
    afterMs: fc.integer({ min: -2_000, max: 40_000 }),
    event: fc.constantFrom('inferred', 'observe', 'still', 'report'),
    mediaMs: fc.integer({ min: -100_000, max: 100_000 }),
    cause: fc.constantFrom('reconnect', 'silent', 'overload'),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), fc.constantFrom(0.1, 1, 25), (steps, fps) => {
      const record = new WatchRecord(0, fps);
      let nowMs = 0;
      let before = record.report();
      for (const { afterMs, event, mediaMs, cause } of steps) {
        nowMs += afterMs;
        if (event === 'inferred') record.inferred(nowMs + mediaMs, null, nowMs);
        else if (event === 'observe') record.observe(cause, nowMs);
        else if (event === 'still') record.still(nowMs);
        else {
          const now = record.report();
          expect(now.blind.length).toBeLessThanOrEqual(24);
          let atMs = now.sinceMs;
          for (const span of now.blind) {
            expect(span.fromMs).toBeGreaterThanOrEqual(atMs);
            expect(span.toMs).toBeGreaterThan(span.fromMs);
            atMs = span.toMs;
          }
          expect(atMs).toBeLessThanOrEqual(Math.max(now.throughMs, now.sinceMs));
          const blindMs = (report: typeof now) =>
            report.blind.reduce(
              (sum, { fromMs, toMs }) =>
                sum + Math.max(0, Math.min(toMs, before.throughMs) - Math.max(fromMs, now.sinceMs)),
              0,
            );
          expect(blindMs(now)).toBe(blindMs(before));
          before = now;
        }
      }
    }),
  );
});

test("a record that goes on from another worker's: what was made good is not blind, what was lost is", () => {
  const from = { wallMs: 10_000, capturedAtMs: 9_800 };
  const good = new WatchRecord(13_000, 5, from);
  good.observe('starting', 13_500);
  good.inferred(10_000, null, 13_600);
  expect(good.report()).toEqual({ sinceMs: 10_000, throughMs: 13_600, blind: [] });
  const late = new WatchRecord(13_000, 5, from);
  late.inferred(13_400, null, 13_600);
  expect(late.report().blind).toEqual([{ fromMs: 10_000, toMs: 13_400, cause: 'interrupted' }]);
  expect(new WatchRecord(9_000, 5, from).report().sinceMs).toBe(9_000);
});
