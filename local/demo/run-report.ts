/**
 * The figures of a run, as `npm start -- --report` writes them and as its last lines say them.
 * Contract: scripts read this shape; add to it, never change it.
 */
import { rename, writeFile } from 'node:fs/promises';
import { KvsInferError } from '../../core/errors.ts';
import type { CameraTally, FleetTally } from './run-tally.ts';

export type RunReport = {
  cameras: CameraTally[];
  fleet: FleetTally;
  results: { kinesisRecords: number; detectionItems: number; snapshots: number };
  /**
   * Fractions 0..1 against the drawn scenes; null with a model of one's own. `textAccuracy`: tracks whose plate was shown
   * 60 px wide and read exactly; null when no camera that reads text showed one.
   */
  accuracy: { recall: number; precision: number; textAccuracy: number | null } | null;
  /** How long the event loops kept work waiting, 99th percentile; null when it could not be read. */
  eventLoopDelayP99Ms: { localCloud: number; workers: number | null };
  /** What went wrong, one sentence each; empty in a good run. */
  faults: string[];
};

export async function writeReport(path: string, report: RunReport): Promise<void> {
  try {
    await writeFile(`${path}.new`, `${JSON.stringify(report, null, 2)}\n`);
    await rename(`${path}.new`, path);
  } catch (error) {
    throw new KvsInferError(
      'REPORT_NOT_WRITTEN',
      `cannot write ${path}: ${error instanceof Error ? error.message : error}`,
      {
        hint: 'choose a folder that exists and has room',
        cause: error,
      },
    );
  }
}

export function describeReport({
  cameras,
  fleet,
  results,
  accuracy,
  eventLoopDelayP99Ms,
  faults,
}: RunReport): string[] {
  const inferred = cameras.reduce((sum, camera) => sum + camera.framesInferred, 0);
  const tracks = cameras.reduce((sum, camera) => sum + camera.tracks, 0);
  const percent = (fraction: number) => `${(fraction * 100).toFixed(1)} %`;
  const lines = [
    `cameras: ${cameras.map((camera) => `${camera.cameraId} ${camera.phase} (${camera.framesInferred} frames)`).join(', ')}`,
    `fleet: at most ${fleet.maxWorkers} workers, ${fleet.scaleUps} times up, ${fleet.scaleDowns} times down, ${fleet.finalWorkers} at the end`,
    `found: ${inferred} frames inferred, ${tracks} tracks; ${results.kinesisRecords} Kinesis records, ${results.detectionItems} DynamoDB items, ${results.snapshots} snapshots in S3`,
  ];
  if (accuracy !== null) {
    const { recall, precision, textAccuracy } = accuracy;
    const plates = textAccuracy === null ? '' : `, ${percent(textAccuracy)} of the readable plates read`;
    lines.push(
      `against what was drawn: ${percent(recall)} of the objects found, ${percent(precision)} of the detections right${plates}`,
    );
  }
  const { localCloud, workers } = eventLoopDelayP99Ms;
  lines.push(
    `event loops, p99 delay: ${localCloud.toFixed(0)} ms here, ${workers === null ? 'unknown' : `${workers.toFixed(0)} ms`} in the workers`,
  );
  for (const fault of faults) lines.push(`fault: ${fault}`);
  return lines;
}
