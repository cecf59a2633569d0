import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Lease, leaseLimits } from './lease.ts';

const { intervalMs, fenceAfterMs } = leaseLimits;

test('never held is fenced; a success opens, 15 s without one closes, the next success opens again', () => {
  const lease = new Lease();
  expect(lease.dueInMs(0)).toBe(0);
  expect(lease.isFenced(0)).toBe(true);
  expect(lease.isLost(0)).toBe(false);
  lease.sent(1_000);
  expect(lease.dueInMs(1_500)).toBeNull();
  expect(lease.succeeded(2_000)).toBe(false);
  expect(lease.dueInMs(2_000)).toBe(2_000);
  expect(lease.isFenced(15_999)).toBe(false);
  expect(lease.takeFenced(15_999)).toBe(false);
  expect(lease.isFenced(16_000)).toBe(true);
  expect(lease.takeFenced(16_000)).toBe(true);
  expect(lease.takeFenced(16_001)).toBe(false);
  lease.sent(17_000);
  expect(lease.succeeded(18_000)).toBe(true);
  expect(lease.isFenced(18_000)).toBe(false);
});

test('an answer that took longer than the lease does not hold it', () => {
  const lease = new Lease();
  lease.sent(0);
  lease.succeeded(fenceAfterMs);
  expect(lease.isFenced(fenceAfterMs)).toBe(true);
});

test('for any history: open means that a success was sent less than 15 s ago, and each loss is told once', () => {
  const step = fc.record({ waitMs: fc.integer({ min: 0, max: 9_000 }), ok: fc.boolean(), tookMs: fc.nat(20_000) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const lease = new Lease();
      let nowMs = 0;
      let confirmedMs = Number.NEGATIVE_INFINITY;
      let losses = 0;
      let wasOpen = false;
      const look = () => {
        const isOpen = nowMs - confirmedMs < fenceAfterMs;
        expect(lease.isFenced(nowMs)).toBe(!isOpen);
        if (lease.takeFenced(nowMs)) losses += 1;
        expect(lease.takeFenced(nowMs)).toBe(false);
        wasOpen ||= isOpen;
        const due = lease.dueInMs(nowMs);
        if (due !== null) expect(due).toBeLessThanOrEqual(intervalMs);
      };
      for (const { waitMs, ok, tookMs } of steps) {
        nowMs += waitMs;
        look();
        const sentMs = nowMs;
        lease.sent(nowMs);
        nowMs += tookMs;
        look();
        if (ok) {
          lease.succeeded(nowMs);
          confirmedMs = sentMs;
        } else {
          lease.failed();
        }
        look();
      }
      if (!wasOpen) expect(losses).toBeLessThanOrEqual(1);
    }),
  );
});
