/**
 * How the local system differs from a deployed one, in one place: everything is quicker, so that a newcomer need not
 * wait, and each "GPU" is given a small budget, so that a fleet of two fits two cores.
 * docs/local-cloud.md tells the reader the same.
 */
import type { FleetPolicy } from '../../core/fleet-state.ts';
import type { ComputeTimings } from '../compute/compute-world.ts';

export const localRegion = 'us-east-1';
/** AWS's own convention for emulators; part of the bucket's name. */
export const localAccountId = '000000000000';
export const localStageName = 'local';
export const defaultPort = 4566;
export const defaultDashboardPort = 4580;

/** AWS: one minute. */
export const tick = 'rate(5 seconds)';
/** AWS: KVS metrics are seen 2 to 3 minutes late. */
export const serviceMetricLagMs = 3_000;
/** AWS: 60 s. */
export const activityPeriodSeconds = 5;

/** AWS: 420 s lead time until it is learned, 5 min before scale-in, 5 min of grace for a silent camera. */
export const policy: Partial<FleetPolicy> = {
  minWorkers: 0,
  maxWorkers: 2,
  leadTimeDefaultMs: 10_000,
  scaleInDelayMs: 10_000,
  silentGraceMs: 10_000,
  reconcileIntervalMs: 5_000,
};

/** What one worker offers here, so that the demo's five cameras at 3 frames per second need two of them. */
export const demoInferencesPerSecond = 12;

/** AWS: minutes from launch to a registered GPU instance. */
export const computeTimings: Partial<ComputeTimings> = {
  bootDelayMs: 3_000,
  bootJitterMs: 1_000,
  registrationDelayMs: 500,
  taskStartDelayMs: 200,
  terminationDelayMs: 1_000,
  launchRetryMs: 10_000,
};
