/** The dashboard that we ship asks for nothing that a worker does not tell; a run of the detector is one batch. */
import { readFile } from 'node:fs/promises';
import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { WorkerMetrics } from './metrics.ts';

const metrics = new WorkerMetrics(new Registry(), () => ({
  ...{
    publisherRecords: 0,
    deliveries: 0,
    inferenceQueue: 0,
    textQueue: 0,
    mainLoopDelayP99Ms: 0,
    decodeLoopDelayP99Ms: 0,
  },
  overload: { wantedFps: 0, grantedFps: 0, busyShare: 0 },
  isFenced: false,
  cameras: [],
  standbys: [],
  models: [],
  gpu: null,
}));

test('every metric of the Grafana dashboard exists, and its braces match', async () => {
  const dashboard = JSON.parse(await readFile(new URL('../../docs/grafana-dashboard.json', import.meta.url), 'utf8'));
  const expressions: string[] = dashboard.panels.flatMap((panel: { targets: { expr: string }[] }) =>
    panel.targets.map(({ expr }) => expr),
  );
  expect(expressions.length).toBeGreaterThan(20);
  const known = new Set(metrics.registry.getMetricsAsArray().map(({ name }) => name));
  for (const expression of expressions) {
    const named = expression.match(/\b(?:kvs_infer|process)_[a-z0-9_]+/g) ?? [];
    expect(named.length, expression).toBeGreaterThan(0);
    for (const name of named) expect(known, expression).toContain(name.replace(/_(?:bucket|sum|count)$/, ''));
    for (const [open, close] of ['()', '{}', '[]'])
      expect(expression.split(open as string).length, expression).toBe(expression.split(close as string).length);
  }
});

test('a run of the detector counts as one batch, however many frames it had', async () => {
  for (const batchSize of [4, 1]) {
    for (let placeInBatch = 0; placeInBatch < batchSize; placeInBatch += 1) {
      const times = { inferenceMs: 20, queuedMs: 1 };
      metrics.inference({ candidates: [], buffer: new ArrayBuffer(0), ...times, batchSize, placeInBatch }, 25);
    }
  }
  const text = await metrics.registry.metrics();
  expect(text).toContain('kvs_infer_batch_frames_sum 5\n');
  expect(text).toContain('kvs_infer_batch_frames_count 2\n');
  expect(text).toContain('kvs_infer_stage_seconds_count{stage="inference"} 5\n');
});
