/**
 * What the control plane itself costs: its runs, the tables it keeps and the metrics it publishes, from what was counted
 * (`npm run bench -- reconcile`: calls of a run; sizes of the items of 2,000 cameras).
 * Invariant: a quantity is a count times a rate that says where it comes from; nothing here depends on GPU prices.
 */
import { controlMetrics, gpuMetrics } from '../fleet-metrics.ts';
import { hoursPerMonth, type LinePlan } from './bill.ts';

export type ControlPlaneInput = {
  /** Registered, watched or not: a run reads them all. */
  cameras: number;
  spanHours: number;
  instanceHours: number;
  cameraHours: number;
};

/** A tick a minute; events add a tenth (11,151 runs in a simulated week of 300 cameras). */
const runsPerHour = 66;
/** One reconcile of about 1 s at 1,024 MB. */
const gbSecondsPerRun = 1;
/** Taking and leaving the fleet's lock; a decision is written every 15 minutes or when something is done. */
const writesPerRun = 2.1;
/** The fleet's item, and a page of each table. */
const readsPerRun = 3;
/** Strongly consistent, one unit for 4 KB: a camera's state is about 1.2 KB, a worker's item about 2 KB. */
const readsPerRunAndCamera = 0.3;
const readsPerRunAndWorker = 0.5;
/** Twenty a minute, of an item of up to 2 KB with fifteen cameras (one unit for 1 KB). */
const writesPerInstanceHour = 1_200 * 2;
/** A checkpoint every 30 s of a state of up to 2 KB; every 5 minutes the state and the ledger's item, as one transaction (twice the units). */
const writesPerCameraHour = 120 * 2 + 12 * 2 * 3;
const customMetricsPerFleet = controlMetrics.length + Object.keys(gpuMetrics).length;

export function controlPlaneLines({
  cameras,
  spanHours,
  instanceHours,
  cameraHours,
}: ControlPlaneInput): Record<'tables' | 'lambda' | 'metrics', LinePlan> {
  const runs = spanHours * runsPerHour;
  const reads =
    runs * (readsPerRun + readsPerRunAndCamera * cameras) + runsPerHour * readsPerRunAndWorker * instanceHours;
  const writes = runs * writesPerRun + instanceHours * writesPerInstanceHour + cameraHours * writesPerCameraHour;
  return countedLines({
    spanHours,
    fleets: 1,
    runs,
    gbSeconds: runs * gbSecondsPerRun,
    readUnits: reads,
    writeUnits: writes,
  });
}

/** What was counted of the control plane over a span, whoever counted it. */
export type ControlPlaneCounts = {
  spanHours: number;
  fleets: number;
  runs: number;
  gbSeconds: number;
  readUnits: number;
  writeUnits: number;
};

export function countedLines(counts: ControlPlaneCounts): Record<'tables' | 'lambda' | 'metrics', LinePlan> {
  const { spanHours, fleets, runs, gbSeconds, readUnits, writeUnits } = counts;
  return {
    tables: {
      name: 'DynamoDB',
      configuration: 'heartbeats, checkpoints, ledger, and what the control loop reads',
      items: [
        { price: 'dynamodb.millionWrites', quantity: writeUnits / 1e6 },
        { price: 'dynamodb.millionReads', quantity: readUnits / 1e6 },
      ],
    },
    lambda: {
      name: 'Lambda',
      configuration: 'the control loop, once a minute and by events',
      items: [
        { price: 'lambda.gbSecond', quantity: gbSeconds },
        { price: 'lambda.millionRequests', quantity: runs / 1e6 },
      ],
    },
    metrics: {
      name: 'CloudWatch metrics',
      configuration: `${customMetricsPerFleet} custom metrics of ${fleets === 1 ? 'a fleet' : `each of ${fleets} fleets`}`,
      items: [
        { price: 'cloudwatch.metricMonth', quantity: (customMetricsPerFleet * fleets * spanHours) / hoursPerMonth },
      ],
    },
  };
}
