/**
 * Judges the report of a real `npm start` run: the whole loop ran, or this exits with 1 and says what did not.
 * Usage: node .ci/check-report.mjs report.json [output and log, held to have none of the marked keys of .ci/run]
 */
import { readFileSync } from 'node:fs';

const [, , reportPath = 'report.json', ...written] = process.argv;
const report = JSON.parse(readFileSync(reportPath, 'utf8'));
const marks = /AKIAMARKED|marked-(key|session)/;
const camera = (id) =>
  report.cameras.find((candidate) => candidate.cameraId === id) ?? { phase: 'absent', framesInferred: 0 };
const checks = {
  'the fleet grew from nothing': report.fleet.maxWorkers >= 1 && report.fleet.scaleUps >= 1,
  'both cameras that are always on were watched':
    camera('gate').framesInferred > 20 && camera('crossing').framesInferred > 20,
  'the wrong row has its verdict and harmed nobody': camera('back-door').phase === 'invalid',
  'records, items and snapshots arrived':
    report.results.kinesisRecords > 0 && report.results.detectionItems > 0 && report.results.snapshots > 0,
  'half of what was drawn was found, and most detections are right':
    report.accuracy !== null && report.accuracy.recall >= 0.5 && report.accuracy.precision >= 0.7,
  // The bench reads more than nine in ten; a busy machine loses frames, and the votes of a passing car are few.
  'of the plates that were shown large enough, three in five were read exactly':
    report.accuracy !== null && report.accuracy.textAccuracy !== null && report.accuracy.textAccuracy >= 0.6,
  'no key of who started it was printed or logged': written.every((path) => !marks.test(readFileSync(path, 'utf8'))),
  'nothing went wrong': report.faults.length === 0,
};
for (const [claim, holds] of Object.entries(checks)) console.log(`${holds ? 'ok' : 'FAILED'}: ${claim}`);
if (Object.values(checks).includes(false)) {
  console.error(JSON.stringify(report, null, 2));
  process.exit(1);
}
