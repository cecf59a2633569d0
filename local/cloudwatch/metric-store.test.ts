/** Memory that ends: datapoints grow coarse, then go, and a metric that is not written any more goes with them. */
import { expect, test } from 'vitest';
import { type MetricName, MetricStore } from './metric-store.ts';

const secondMs = 1_000;
const hourMs = 3_600_000;
const startMs = Date.UTC(2026, 10, 23);
const named = (metricName: string): MetricName => ({ namespace: 'test', metricName, dimensions: {} });

/** One datapoint of 1 each 5 s. */
function writeFor(store: MetricStore, name: MetricName, fromMs: number, untilMs: number) {
  for (let atMs = fromMs; atMs < untilMs; atMs += 5 * secondMs) {
    store.put(name, 1, atMs, atMs);
    if (atMs % 60_000 === 0) store.names(atMs);
  }
}

test('a metric of hours is kept by the minute, loses no datapoint, and stays as large as it is', () => {
  const store = new MetricStore();
  writeFor(store, named('ticks'), startMs, startMs + 3 * hourMs);
  const nowMs = startMs + 3 * hourMs;
  const minutes = store.query(named('ticks'), 'Sum', startMs, nowMs, 60_000, nowMs);
  expect(minutes).toHaveLength(180);
  expect(new Set(minutes.map(({ value }) => value))).toEqual(new Set([12]));
  expect(store.held(nowMs).items).toBeLessThanOrEqual(120 + 12 * 61);
  const sizes = [7, 8, 9].map((hours) => {
    writeFor(store, named('ticks'), startMs + (hours - 1) * hourMs, startMs + hours * hourMs);
    return store.held(startMs + hours * hourMs).bytes;
  });
  expect(Math.max(...sizes) / Math.min(...sizes)).toBeLessThan(1.1);
});

test('a metric that nobody writes any more is forgotten after the retention, and not before', () => {
  const store = new MetricStore(hourMs);
  writeFor(store, named('old worker'), startMs, startMs + 60_000);
  expect(store.names(startMs + hourMs - 60_000)).toEqual([named('old worker')]);
  expect(store.held(startMs + 2 * hourMs)).toMatchObject({ items: 0, bytes: 0 });
  writeFor(store, named('old worker'), startMs + 3 * hourMs, startMs + 3 * hourMs + 60_000);
  expect(store.names(startMs + 3 * hourMs + 60_000)).toEqual([named('old worker')]);
});

test('10,000 streams that report every 5 s and are seen 150 s later lose no datapoint, and each is found without the others', () => {
  const store = new MetricStore();
  const names = Array.from({ length: 10_000 }, (_, index) => named(`stream ${index}`));
  const lagMs = 150 * secondMs;
  const nowMs = startMs + 180 * secondMs;
  for (let atMs = startMs; atMs < nowMs; atMs += 5 * secondMs) {
    for (const name of names) store.put(name, 1, atMs, atMs + lagMs);
  }
  const seen = names.map((name) => store.query(name, 'Sum', startMs, nowMs, 60_000, nowMs));
  expect(new Set(seen.map((points) => JSON.stringify(points)))).toEqual(
    new Set([JSON.stringify([{ atMs: startMs, value: 7 }])]),
  );
  expect(store.pointsLost).toBe(0);
});
