import { expect, test } from 'vitest';
import { LiveEdge } from './live-edge.ts';

/** Reads fragments of five frames, 200 ms apart. @param lagOf lag of frame n. */
function read(edge: LiveEdge, fragments: number, lagOf: (frame: number) => number, reported = 0): number {
  for (let fragment = 0; fragment < fragments; fragment += 1) {
    edge.fragmentStarted(fragment * 1_000);
    for (let index = 0; index < 5; index += 1) {
      const timestampMs = fragment * 1_000 + index * 200;
      edge.frame(timestampMs, timestampMs + lagOf(fragment * 5 + index));
    }
    edge.fragmentEnded(reported);
  }
  return edge.behindMs;
}

test('a constant lag and fragments that arrive whole are not being behind', () => {
  expect(read(new LiveEdge(), 5, () => 7_000)).toBe(0);
  expect(read(new LiveEdge(), 5, (frame) => 800 - (frame % 5) * 200)).toBe(0);
  expect(read(new LiveEdge(), 5, () => -3_600_000)).toBe(0);
});

test('a lag that grows is, also when KVS knows nothing of it', () => {
  expect(read(new LiveEdge(), 10, (frame) => frame * 100)).toBe(4_900 - 800);
});

test('what KVS reports counts beyond the length of the fragment itself, until the next session', () => {
  const edge = new LiveEdge();
  expect(read(edge, 1, () => 0, 6_800)).toBe(6_000);
  edge.sessionStarted();
  expect(edge.behindMs).toBe(0);
});
