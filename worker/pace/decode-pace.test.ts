/** The pace of a decode thread on paper, in a closed loop: what it is asked for decides what comes late. */
import { expect, test } from 'vitest';
import { type DecodedCamera, DecodePace, type DecodeWork } from './decode-pace.ts';

type Camera = { fps: number; priority: number; msPerFrame: number; isSilent?: boolean };

/** @param msPerSecond of decoding that the thread does; anything beyond comes late. */
function run(cameras: readonly Camera[], seconds: number, msPerSecond = 900, isLate = true) {
  const works: DecodeWork[] = cameras.map(() => ({ captured: 0, workMs: 0, pictures: 0, late: 0 }));
  const pace = new DecodePace(0, 0);
  let shares = new Map<string, number>();
  let busyMs = 0;
  for (let second = 1; second <= seconds; second += 1) {
    const asked = cameras.map((camera, index) =>
      camera.isSilent === true ? 0 : camera.fps * camera.msPerFrame * (shares.get(String(index)) ?? 1),
    );
    const wantedMs = asked.reduce((sum, ms) => sum + ms, 0);
    const done = Math.min(1, msPerSecond / Math.max(1, wantedMs));
    busyMs += 1_000 * Math.min(1, wantedMs / msPerSecond);
    for (const [index, camera] of cameras.entries()) {
      const work = works[index];
      if (work === undefined || camera.isSilent === true) continue;
      work.captured += 25;
      work.workMs += (asked[index] ?? 0) * done;
      const pictures = ((asked[index] ?? 0) * done) / camera.msPerFrame;
      work.pictures += pictures;
      if (isLate && done < 1) work.late += pictures;
    }
    const told = new Map<string, DecodedCamera>();
    for (const [index, camera] of cameras.entries()) {
      const work = works[index];
      if (work !== undefined) told.set(String(index), { ...camera, work });
    }
    shares = pace.tick(second * 1_000, busyMs, told);
  }
  return { shares: cameras.map((_, index) => shares.get(String(index)) ?? 1), pace };
}
const some = (count: number, camera: Partial<Camera> = {}): Camera[] =>
  Array.from({ length: count }, () => ({ fps: 5, priority: 50, msPerFrame: 20, ...camera }));

test('a thread that keeps up, or is late for other reasons than want of time, limits nobody', () => {
  expect(new Set(run(some(8), 30).shares)).toEqual(new Set([1]));
  const { shares, pace } = run(some(3, { msPerFrame: 10 }), 30, 900);
  expect(new Set(shares)).toEqual(new Set([1]));
  expect(pace.busyShare).toBeCloseTo(0.17, 1);
});

test('twice the cameras that a thread can decode get half their frames within seconds', () => {
  const { shares } = run(some(18), 5);
  for (const share of shares) expect(Math.abs(share - 0.475)).toBeLessThan(0.05);
  expect(run(some(18), 60).shares[0]).toBeGreaterThan(0.42);
});

test('cost is what was measured: a camera that is dear to decode takes as large a part of its frames as a cheap one', () => {
  const { shares } = run([...some(6, { msPerFrame: 40 }), ...some(6, { msPerFrame: 10 })], 60);
  for (const share of shares) expect(share).toBeCloseTo(shares[0] ?? 0, 5);
  expect(shares[0]).toBeLessThan(0.7);
});

test('the lowest priority gives way first, and nobody goes without', () => {
  const { shares } = run([...some(4, { priority: 100 }), ...some(10), ...some(4, { priority: 0 })], 60);
  expect(shares[0]).toBe(1);
  expect(shares[4]).toBeLessThan(0.6);
  expect(shares[17]).toBeLessThan(shares[4] as number);
  expect(shares[17]).toBeGreaterThan(0.05);
});

test('who sends nothing takes nothing from the others', () => {
  const { shares } = run([...some(8), ...some(30, { isSilent: true })], 30);
  expect(new Set(shares)).toEqual(new Set([1]));
});

test('a camera that has just begun is known by the next tick, and one that ended is forgotten', () => {
  const { pace } = run(some(18), 10);
  const work = { captured: 25, workMs: 100, pictures: 5, late: 5 };
  const shares = pace.tick(11_000, 11_000, new Map([['new', { fps: 5, priority: 50, work }]]));
  expect([...shares.keys()]).toEqual(['new']);
});
