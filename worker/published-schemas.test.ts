/** Everything that a worker publishes of a camera, against the JSON Schemas that consumers are given. */
import { expect, test } from 'vitest';
import { publishedSchemas } from './published-schemas.test-factory.ts';
import { rigAssignment, rigCamera, startWorkerRig } from './worker-rig.test-factory.ts';

test('frames, track events and what lies beside snapshots are as docs/schemas says', async () => {
  const problemOf = await publishedSchemas();
  const rig = await startWorkerRig();
  try {
    await rig.stream('dock-1');
    await rig.worker({ variables: { PUBLISH_FRAMES: 'all' } });
    await rig.until('the worker is ready', async () => (await rig.workerItem())?.lifecycle === 'ready');
    const polygon = [
      [0, 0],
      [0.5, 0],
      [0.5, 1],
      [0, 1],
    ];
    const line = [
      [0.5, 0],
      [0.5, 1],
    ];
    const regions = [
      { name: 'left', polygon, dwellMs: 300 },
      { name: 'middle', polygon: line },
    ];
    await rig.assign('worker-1', [rigAssignment(rigCamera({ regions, snapshots: { on: 'best', maxPerMinute: 60 } }))]);
    await rig.until('the clip has been seen', () => rig.recordCount() > 60);
    await rig.step(400);

    const records = await rig.records();
    expect(records.filter(({ schema }) => schema === 'kvs-infer/frame@1').length).toBeGreaterThan(20);
    const events = new Set(records.map(({ event }) => event));
    for (const event of ['enter', 'exit', 'region-enter', 'region-dwell', 'region-exit', 'line-cross'])
      expect(events).toContain(event);
    expect(records.map(problemOf).filter((problem) => problem !== null)).toEqual([]);
    const beside = rig.cloud.s3
      .objects(rig.names.resultBucket, 'snapshots/')
      .filter(({ key }) => key.endsWith('.json'));
    expect(beside.length).toBeGreaterThan(0);
    for (const { key } of beside) expect(problemOf(await rig.objectOf(key)), key).toBeNull();
  } finally {
    await rig.close();
  }
});

test('what no schema promises is refused: another attribute, a box outside the frame, a time in words', async () => {
  const problemOf = await publishedSchemas();
  const about = { id: 'a', cameraId: 'a', epoch: 0, workerId: 'w', model: 'm', fragmentNumber: '1', frameIndex: 0 };
  const times = { capturedAt: '2026-11-24T08:00:00.000Z', inferredAt: '2026-11-24T08:00:00.100Z' };
  const frame = { schema: 'kvs-infer/frame@1', ...about, ...times, width: 640, height: 360, detections: [] };
  expect(problemOf(frame)).toBeNull();
  expect(problemOf({ ...frame, more: 1 })).toMatch(/additional properties/);
  const outside = { label: 'car', classId: 2, score: 0.9, box: [0, 0, 1.2, 1] };
  expect(problemOf({ ...frame, detections: [outside] })).toMatch(/<= 1/);
  expect(problemOf({ ...frame, capturedAt: 'this morning' })).toMatch(/capturedAt must match/);
  expect(problemOf({ ...frame, schema: 'kvs-infer/frame@2' })).toBe('no schema for "kvs-infer/frame@2"');
});
