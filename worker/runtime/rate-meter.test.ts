import { expect, test } from 'vitest';
import { RateMeter } from './rate-meter.ts';

test('a steady rate is measured from the first second on, and falls to zero in ten seconds of silence', () => {
  const meter = new RateMeter(500);
  const rates: number[] = [];
  for (let atMs = 500; atMs < 30_500; atMs += 200) {
    meter.count(atMs);
    rates.push(meter.perSecond(atMs));
  }
  for (const rate of rates.slice(5)) {
    expect(rate).toBeGreaterThan(4.4);
    expect(rate).toBeLessThan(6.1);
  }
  expect(meter.perSecond(36_000)).toBeGreaterThan(1);
  expect(meter.perSecond(41_000)).toBe(0);
  expect(meter.perSecond(3_600_000)).toBe(0);
});
