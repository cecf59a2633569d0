/**
 * A fleet's policy: how small and large it may be and how patient it is. Defaults, then the deployment's overrides, then
 * the fleet item's, each checked alone and the result checked as a whole.
 * Invariant: a policy that leaves here satisfies every cross-check; what a person typed wrongly is reported and ignored.
 */
import * as z from 'zod';
import { isTimeZone } from '../camera.ts';
import { KvsInferError } from '../errors.ts';
import { type FleetItem, type FleetPolicy, heartbeatIntervalMs, workerFencesAfterMs } from '../fleet-state.ts';

/** From an assignment in the table to the first fragment read: one heartbeat and the opening of GetMedia. */
export const handoverMs = 5_000;
/** From the decision to the launch, which the measured lead times begin with: the run, and Auto Scaling's next look. */
export const orderToLaunchMs = 15_000;
/** A fleet is one cell; more cameras than this belong into another fleet (design: data model). */
export const camerasPerFleetMax = 2_000;
/** A pause or an override ends within a month: what is meant to last longer belongs into a schedule or the policy. */
export const orderDaysMax = 31;
/** More GPUs in one Auto Scaling group than any account gets by default; a typo must not order a thousand. */
export const workersPerFleetMax = 500;

export const defaultPolicy: FleetPolicy = {
  minWorkers: 0,
  maxWorkers: 10,
  targetUtilization: 0.75,
  // A T4 runs YOLOv8n at 640x384 in well under 10 ms; every worker measures its own when it starts.
  defaultInferencesPerSecond: 100,
  leadTimeDefaultMs: 420_000,
  scaleInDelayMs: 300_000,
  rolloutSurgeWorkers: 1,
  movesPerMinuteMax: 60,
  silentGraceMs: 300_000,
  workerDeadAfterMs: 25_000,
  reconcileIntervalMs: 60_000,
  instanceTypes: [],
  fallbackInstanceTypes: [],
  onDemandBase: 0,
  spotPercent: 0,
  dayTimeZone: 'UTC',
  instanceUsdPerHour: {},
};

const dayMs = 86_400_000;
/** Auto Scaling takes 40 overrides. */
const instanceTypes = z
  .array(z.string().regex(/^[a-z0-9-]+\.[a-z0-9]+$/, 'expected a type such as g4dn.xlarge'))
  .max(20);
const pricedInstance = /^[a-z0-9-]+\.[a-z0-9]+(\/(spot|on-demand))?$/;
const partialPolicySchema = z.strictObject({
  minWorkers: z.int().min(0).max(workersPerFleetMax).optional(),
  maxWorkers: z.int().min(0).max(workersPerFleetMax).optional(),
  targetUtilization: z.number().min(0.1).max(1).optional(),
  defaultInferencesPerSecond: z.number().gt(0).max(100_000).optional(),
  leadTimeDefaultMs: z.number().min(0).max(dayMs).optional(),
  scaleInDelayMs: z.number().min(0).max(dayMs).optional(),
  rolloutSurgeWorkers: z.int().min(0).max(workersPerFleetMax).optional(),
  movesPerMinuteMax: z.int().min(0).max(camerasPerFleetMax).optional(),
  silentGraceMs: z.number().min(1_000).max(dayMs).optional(),
  workerDeadAfterMs: z.number().min(1_000).max(dayMs).optional(),
  reconcileIntervalMs: z.number().min(1_000).max(dayMs).optional(),
  instanceTypes: instanceTypes.optional(),
  fallbackInstanceTypes: instanceTypes.optional(),
  onDemandBase: z.int().min(0).max(workersPerFleetMax).optional(),
  spotPercent: z.int().min(0).max(100).optional(),
  usdPerDayMax: z.number().gt(0).max(1_000_000).optional(),
  instanceUsdPerHour: z
    .record(
      z.string().regex(pricedInstance, 'expected a type such as g5.xlarge, or g5.xlarge/spot'),
      z.number().gt(0).max(1_000),
    )
    .optional(),
  dayTimeZone: z.string().refine(isTimeZone, 'expected an IANA zone such as Asia/Singapore').optional(),
});

/**
 * @param source where the value was typed, for the message.
 * @throws KvsInferError POLICY_INVALID naming every wrong attribute.
 */
export function parsePartialPolicy(value: unknown, source: string): Partial<FleetPolicy> {
  const parsed = partialPolicySchema.safeParse(value);
  if (parsed.success) return withoutUndefined(parsed.data);
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'policy'}: ${issue.message}`);
  throw invalidPolicy(source, problems);
}

/** @returns what is wrong with the attributes taken together, one sentence each; empty when nothing is. */
export function policyConflicts(policy: FleetPolicy): string[] {
  const conflicts: string[] = [];
  if (policy.minWorkers > policy.maxWorkers) {
    conflicts.push(`minWorkers ${policy.minWorkers} is more than maxWorkers ${policy.maxWorkers}`);
  }
  const deadAtLeastMs = workerFencesAfterMs + heartbeatIntervalMs;
  if (policy.workerDeadAfterMs < deadAtLeastMs) {
    conflicts.push(
      `workerDeadAfterMs ${policy.workerDeadAfterMs} is less than ${deadAtLeastMs}: the worker may still publish`,
    );
  }
  if (policy.leadTimeDefaultMs + policy.reconcileIntervalMs > dayMs) {
    conflicts.push('leadTimeDefaultMs and reconcileIntervalMs together are more than a day');
  }
  return conflicts;
}

/** @throws KvsInferError POLICY_INVALID */
export function deploymentPolicy(overrides: Partial<FleetPolicy>, source: string): FleetPolicy {
  const policy = { ...defaultPolicy, ...overrides };
  const conflicts = policyConflicts(policy);
  if (conflicts.length > 0) throw invalidPolicy(source, conflicts);
  return policy;
}

/**
 * The policy that holds for a fleet. A fleet item is typed by people while the system runs: what is wrong in it is
 * reported and ignored as a whole, so that the cameras go on under the deployment's policy.
 */
export function fleetPolicy(
  deployment: FleetPolicy,
  item: FleetItem | null,
): { policy: FleetPolicy; problem: string | null } {
  if (item?.policy === undefined) return { policy: deployment, problem: null };
  const source = `fleets item ${item.fleet}`;
  try {
    const policy = { ...deployment, ...parsePartialPolicy(item.policy, source) };
    const conflicts = policyConflicts(policy);
    if (conflicts.length > 0) throw invalidPolicy(source, conflicts);
    return { policy, problem: null };
  } catch (error) {
    return { policy: deployment, problem: error instanceof Error ? error.message : String(error) };
  }
}

/**
 * What a person ordered for a while: a pause (nothing is watched and no worker kept, whatever the schedules and the
 * minimum say) or an override (at least this many workers). An order whose end cannot be read is not an order: nothing lasts for ever. */
export function activeOrders(
  item: FleetItem | null,
  nowMs: number,
): {
  pause: { untilMs: number; reason: string } | null;
  override: { minWorkers: number; untilMs: number; reason: string } | null;
} {
  const pauseUntilMs = Date.parse(item?.pause?.until ?? '');
  const overrideUntilMs = Date.parse(item?.override?.until ?? '');
  const minWorkers = item?.override?.minWorkers ?? Number.NaN;
  return {
    pause: pauseUntilMs > nowMs ? { untilMs: pauseUntilMs, reason: item?.pause?.reason ?? '' } : null,
    override:
      overrideUntilMs > nowMs && Number.isInteger(minWorkers) && minWorkers >= 0
        ? { minWorkers, untilMs: overrideUntilMs, reason: item?.override?.reason ?? '' }
        : null,
  };
}

function invalidPolicy(source: string, problems: string[]): KvsInferError {
  return new KvsInferError('POLICY_INVALID', `the policy in ${source} is wrong: ${problems.join('; ')}`, {
    hint: 'correct the named attributes; docs/operate.md lists them with their units',
  });
}

function withoutUndefined(policy: z.output<typeof partialPolicySchema>): Partial<FleetPolicy> {
  return Object.fromEntries(Object.entries(policy).filter(([, value]) => value !== undefined)) as Partial<FleetPolicy>;
}
