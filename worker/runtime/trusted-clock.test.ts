import { expect, it } from 'vitest';
import { SteppedClock } from '../../local/clock.ts';
import { TrustedClock } from './trusted-clock.ts';

const noonMs = Date.parse('2026-11-24T12:00:00Z');

/** A machine whose wall clock can be set, beside a true time that goes on. */
function machine() {
  const truth = new SteppedClock(noonMs);
  const fault = { aheadMs: 0, frozenAtMs: null as number | null };
  const doubts: (number | null)[] = [];
  const clock = new TrustedClock(
    {
      nowMs: () => fault.frozenAtMs ?? truth.nowMs() + fault.aheadMs,
      monotonicMs: () => truth.monotonicMs(),
      setTimer: (delayMs, callback) => truth.setTimer(delayMs, callback),
    },
    (aheadMs) => doubts.push(aheadMs),
  );
  /** As HTTP dates are: whole seconds, cut off. */
  const hear = () => clock.hear(Math.floor(truth.nowMs() / 1_000) * 1_000);
  return { truth, fault, doubts, clock, hear, errorMs: () => clock.nowMs() - truth.nowMs() };
}

it('goes by the machine while that is right, to the millisecond', async () => {
  const { truth, clock, hear, doubts, errorMs } = machine();
  await truth.step(700);
  expect(errorMs()).toBe(0);
  for (let beat = 0; beat < 5; beat += 1) {
    hear();
    expect(errorMs()).toBe(0);
    await truth.step(2_999);
  }
  expect(clock.monotonicMs()).toBe(truth.monotonicMs());
  expect(doubts).toEqual([]);
});

it.each([
  ['behind', -30_000],
  ['ahead', 30_000],
])('a clock that is set half a minute %s moves nothing, between two heartbeats and after them', async (_, aheadMs) => {
  const { truth, fault, hear, doubts, errorMs } = machine();
  hear();
  await truth.step(1_000);
  fault.aheadMs = aheadMs;
  expect(errorMs()).toBe(0);
  await truth.step(2_000);
  hear();
  expect(errorMs()).toBe(0);
  expect(doubts).toEqual([aheadMs]);
  await truth.step(60_000);
  hear();
  fault.aheadMs = 0;
  hear();
  expect(errorMs()).toBe(0);
  expect(doubts).toEqual([aheadMs, null]);
});

it('a clock that stands still does not stop time', async () => {
  const { truth, fault, hear, errorMs } = machine();
  hear();
  fault.frozenAtMs = noonMs;
  for (let beat = 0; beat < 20; beat += 1) {
    await truth.step(3_000);
    hear();
    expect(Math.abs(errorMs())).toBeLessThanOrEqual(2_500);
  }
});

it('a clock that is wrong from the start is put right by the first answer, to the second', async () => {
  const { fault, hear, errorMs, truth } = machine();
  fault.aheadMs = -45_000;
  await truth.step(400);
  expect(errorMs()).toBe(-45_000);
  hear();
  expect(Math.abs(errorMs())).toBeLessThanOrEqual(1_000);
});

it('a date that cannot be read changes nothing', () => {
  const { clock, errorMs, doubts } = machine();
  clock.hear(Number.NaN);
  expect(errorMs()).toBe(0);
  expect(doubts).toEqual([]);
});
