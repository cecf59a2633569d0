import { expect, test } from 'vitest';
import { LiveEdge } from './live-edge.ts';

/** What a camera and its delivery do to fragments of five frames, 200 ms apart; times count from the first fragment. */
type Delivery = {
  /** When frame n is handled, after it was captured by our clock. */
  lagOf: (frame: number) => number;
  /** Producer's clock less ours. */
  producerAheadMs?: (fragment: number) => number;
  /** When fragment n begins to reach KVS, after its first frame was captured; null: the server's time is not known. */
  uploadMs?: (fragment: number) => number | null;
  reportedMs?: number;
};

/** @returns the greatest lateness of any frame from fragment `from` on, and what it was at the end. */
function read(edge: LiveEdge, fragments: number, delivery: Delivery, from = 0) {
  const { lagOf, producerAheadMs = () => 0, uploadMs = () => 0, reportedMs = 0 } = delivery;
  let mostMs = 0;
  for (let fragment = 0; fragment < fragments; fragment += 1) {
    const aheadMs = producerAheadMs(fragment);
    const delayMs = uploadMs(fragment);
    edge.fragmentStarted(fragment * 1_000 + aheadMs, delayMs === null ? null : fragment * 1_000 + delayMs);
    for (let index = 0; index < 5; index += 1) {
      const capturedMs = fragment * 1_000 + index * 200;
      edge.frame(capturedMs + aheadMs, capturedMs + lagOf(fragment * 5 + index));
      if (fragment >= from) mostMs = Math.max(mostMs, edge.lateMs);
    }
    edge.fragmentEnded(reportedMs);
  }
  return { mostMs, lateMs: edge.lateMs, behindMs: edge.behindMs };
}
const never = { mostMs: 0, lateMs: 0, behindMs: 0 };

test('a constant delay, a wrong clock and fragments that arrive whole are not lateness', () => {
  for (const uploadMs of [() => 0, () => null]) {
    expect(read(new LiveEdge(), 5, { lagOf: () => 7_000, uploadMs })).toEqual(never);
    expect(read(new LiveEdge(), 5, { lagOf: () => 0, producerAheadMs: () => 3_600_000, uploadMs })).toEqual(never);
    expect(read(new LiveEdge(), 5, { lagOf: (frame) => 800 - (frame % 5) * 200, uploadMs })).toEqual(never);
  }
});

test('an upload that stops for a while, and a producer whose clock is set meanwhile, are not our lateness', () => {
  const stalls = [0, 0, 9_000, 8_000, 7_000, 3_000, 0, 0];
  const uploadMs = (fragment: number) => stalls[fragment] ?? 0;
  expect(read(new LiveEdge(), 8, { lagOf: (frame) => uploadMs(Math.floor(frame / 5)) + 50, uploadMs })).toEqual(never);
  const producerAheadMs = (fragment: number) => (fragment < 3 ? 0 : -10_000);
  expect(read(new LiveEdge(), 8, { lagOf: () => 50, producerAheadMs })).toEqual(never);
});

test('an upload that catches up inside a fragment does not make all later frames late', () => {
  const uploadMs = (fragment: number) => (fragment === 2 ? 3_000 : 0);
  const lagOf = (frame: number) => (frame >= 10 && frame < 15 ? 3_000 - (frame - 10) * 700 : 0);
  expect(read(new LiveEdge(), 6, { lagOf, uploadMs }, 3).mostMs).toBe(0);
});

test('a delay that grows is lateness from its beginning, also when KVS knows nothing of it', () => {
  expect(read(new LiveEdge(), 10, { lagOf: (frame) => frame * 100 }).lateMs).toBe(4_900);
  expect(read(new LiveEdge(), 3, { lagOf: (frame) => frame * 100, uploadMs: () => null }).lateMs).toBe(1_400);
});

test('of fragments that arrive whole, only what comes on top of their length', () => {
  const lagOf = (frame: number) => 800 - (frame % 5) * 200 + Math.floor(frame / 5) * 300;
  expect(read(new LiveEdge(), 5, { lagOf }).mostMs).toBe(1_200);
});

test('what the session began behind is caught up with, and is the measure no more', () => {
  const lagOf = (frame: number) => Math.max(0, 3_000 - frame * 180);
  const edge = new LiveEdge();
  expect(read(edge, 4, { lagOf }).mostMs).toBe(0);
  edge.fragmentStarted(4_000, 4_000);
  edge.frame(4_000, 4_000);
  edge.frame(4_200, 4_900);
  expect(edge.lateMs).toBe(700);
  edge.acceptDelay();
  expect(edge.lateMs).toBe(0);
});

test('what KVS reports counts beyond the length of the fragment itself, until the next session', () => {
  const edge = new LiveEdge();
  expect(read(edge, 1, { lagOf: () => 0, reportedMs: 6_800 })).toEqual({ mostMs: 0, lateMs: 0, behindMs: 6_000 });
  edge.sessionStarted();
  expect(edge.behindMs).toBe(0);
});
