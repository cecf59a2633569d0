import { expect, test } from 'vitest';
import { SteppedClock } from '../../local/clock.ts';
import { type Delivery, DeliveryQueue } from './delivery-queue.ts';

function rig() {
  const clock = new SteppedClock(0);
  const log: string[] = [];
  const gate = { verdict: 'open' as 'open' | 'fenced' };
  const queue = new DeliveryQueue({
    clock,
    random: () => 0.5,
    gate: () => gate.verdict,
    onDelivered: (kind) => log.push(`delivered ${kind}`),
    onDiscarded: (kind, reason) => log.push(`${reason} ${kind}`),
  });
  const delivery = (lane: string, send: () => Promise<void>): Delivery => ({
    kind: 'track-item',
    cameraId: 'dock-1',
    epoch: 1,
    lane,
    send,
  });
  const step = (milliseconds: number) =>
    clock.step(milliseconds, () => new Promise((resolve) => setImmediate(resolve)));
  return { queue, delivery, step, log, gate };
}

test('a later state of an item waits for the earlier one, also when that is tried again; others pass', async () => {
  const { queue, delivery, step } = rig();
  const order: string[] = [];
  let failures = 1;
  queue.add(
    delivery('a', async () => {
      if (failures-- > 0) throw new Error('busy');
      order.push('a: enter');
    }),
  );
  queue.add(delivery('a', async () => void order.push('a: exit')));
  queue.add(delivery('b', async () => void order.push('b')));
  await step(0);
  expect(order).toEqual(['b']);
  await step(1_000);
  expect(order).toEqual(['b', 'a: enter', 'a: exit']);
  await queue.flush('dock-1', 1_000);
  expect(queue.size).toBe(0);
});

test('settles with the write under way, also when that fails; what waits for its retry is waited for by nobody', async () => {
  const { queue, delivery, step } = rig();
  const { promise, reject } = Promise.withResolvers<void>();
  queue.add(delivery('a', () => promise));
  let isSettled = false;
  const settling = queue.settled().then(() => {
    isSettled = true;
  });
  await step(0);
  expect({ isSending: queue.isSending, isSettled }).toEqual({ isSending: true, isSettled: false });
  reject(new Error('busy'));
  await settling;
  expect({ isSending: queue.isSending, waiting: queue.size }).toEqual({ isSending: false, waiting: 1 });
});

test('one failure is no outage; failures a minute apart with no success between are, until a success or a quarter of an hour of nothing', async () => {
  const { queue, delivery, step } = rig();
  const fails = () => delivery('a', () => Promise.reject(new Error('no bucket')));
  await step(10_000);
  queue.add(fails());
  await step(0);
  await step(5_000);
  expect([queue.failingSinceMs, [...queue.faults.keys()]]).toEqual([null, ['track-item']]);
  await step(60_000);
  queue.add(fails());
  await step(0);
  expect(queue.failingSinceMs).toBe(10_000);
  // Another kind that succeeds says nothing of this one.
  queue.add({ ...delivery('b', async () => {}), kind: 'snapshot' });
  await step(5_000);
  expect(queue.failingSinceMs).toBe(10_000);
  queue.add(delivery('c', async () => {}));
  await step(0);
  expect([queue.failingSinceMs, queue.faults.size]).toEqual([null, 0]);
  queue.add(fails());
  await step(0);
  await step(70_000);
  queue.add(fails());
  await step(0);
  await step(15 * 60_000);
  expect(queue.failingSinceMs).not.toBeNull();
  await step(60_000);
  expect([queue.failingSinceMs, queue.faults.size]).toEqual([null, 0]);
  queue.add(fails());
  await step(0);
  await step(5_000);
  expect(queue.failingSinceMs).toBeNull();
});

test('what keeps failing is given up, what may not go is discarded, what is too much loses the oldest', async () => {
  const { queue, delivery, step, log, gate } = rig();
  queue.add(delivery('a', () => Promise.reject(new Error('no bucket'))));
  for (let round = 0; round < 6; round += 1) await step(5_000);
  expect(log).toEqual(['given-up track-item']);
  gate.verdict = 'fenced';
  queue.add(delivery('b', async () => {}));
  await step(0);
  expect(log.at(-1)).toBe('fenced track-item');
  gate.verdict = 'open';
  for (let index = 0; index < 5_005; index += 1) queue.add(delivery(`${index}`, () => new Promise(() => {})));
  expect(log.filter((line) => line === 'buffer-full track-item')).toHaveLength(1);
});
