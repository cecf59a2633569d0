/**
 * The custom metrics that each fleet has in CloudWatch, by name: what the control loop counts in each run (functions/telemetry.ts)
 * and what instances report of their GPUs. Alarms, dashboard and forecast take them from here.
 * Invariant: a name that is not here is neither published, nor alarmed on, nor paid for.
 */
import type { CameraPhase } from './fleet-state.ts';

/** Phases of cameras that are wanted, or that somebody should look at. */
export const countedPhases = [
  'running',
  'degraded',
  'starting',
  'waiting-capacity',
  'silent',
  'shed',
  'invalid',
] as const satisfies readonly CameraPhase[];

const phaseMetrics = countedPhases.map((phase) => `Cameras-${phase}` as const);

export const controlMetrics = [
  ...(['DesiredInstances', 'DesiredTasks', 'WorkersServing', 'WorkersIdle', 'WorkersNeeded'] as const),
  ...(['CamerasWanted', 'CamerasMoved', 'CamerasShedByBudget', 'CamerasBlind', 'CamerasLiveUnscheduled'] as const),
  ...(['ActionsFailed', 'InputProblems', 'UsdToday', 'CapacityExhausted', 'WindowsMissed'] as const),
  ...(['WorkersUnstored', 'ModelReverted', 'ReconcileFailed'] as const),
  ...phaseMetrics,
];
export type ControlMetric = (typeof controlMetrics)[number];

/** What each instance reports of its GPU (stacks/fleet/gpu-metrics.ts). */
export const gpuMetrics = { load: 'GpuLoadPercent', memory: 'GpuMemoryPercent' } as const;
