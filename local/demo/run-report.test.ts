import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { describeReport, type RunReport, writeReport } from './run-report.ts';

const report: RunReport = {
  cameras: [
    { cameraId: 'gate', phase: 'running', framesInferred: 172, detections: 300, tracks: 40, firstInferenceMs: 8_000 },
    { cameraId: 'back-door', phase: 'invalid', framesInferred: 0, detections: 0, tracks: 0, firstInferenceMs: null },
  ],
  fleet: { maxWorkers: 2, scaleUps: 2, scaleDowns: 1, finalWorkers: 1 },
  results: { kinesisRecords: 400, detectionItems: 40, snapshots: 12 },
  accuracy: { recall: 0.871, precision: 0.932, textAccuracy: 0.9375 },
  eventLoopDelayP99Ms: { localCloud: 12.4, workers: null },
  faults: ['worker 3c2497 ended with exit code 1'],
};

it('says in words what the figures say', () => {
  expect(describeReport(report)).toEqual([
    'cameras: gate running (172 frames), back-door invalid (0 frames)',
    'fleet: at most 2 workers, 2 times up, 1 times down, 1 at the end',
    'found: 172 frames inferred, 40 tracks; 400 Kinesis records, 40 DynamoDB items, 12 snapshots in S3',
    'against what was drawn: 87.1 % of the objects found, 93.2 % of the detections right, 93.8 % of the readable plates read',
    'event loops, p99 delay: 12 ms here, unknown in the workers',
    'fault: worker 3c2497 ended with exit code 1',
  ]);
});

it('is written whole or not at all, and says which path it was', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'kvs-infer-report-'));
  await writeReport(join(folder, 'report.json'), report);
  expect(JSON.parse(await readFile(join(folder, 'report.json'), 'utf8'))).toEqual(report);
  await expect(writeReport(join(folder, 'absent', 'report.json'), report)).rejects.toMatchObject({
    code: 'REPORT_NOT_WRITTEN',
    message: expect.stringContaining('absent'),
  });
});
