/**
 * What a deployment tells its functions, read from the environment once and checked as a whole.
 * Invariant: a function with a wrong environment does not start; it names every variable that is missing or wrong.
 */
import { fleetPattern } from '../core/camera.ts';
import { deploymentPolicy, parsePartialPolicy } from '../core/control/policy.ts';
import { KvsInferError } from '../core/errors.ts';
import type { FleetPolicy } from '../core/fleet-state.ts';
import { chosenNames, type ResourceNames, resourceNames } from '../core/names.ts';

/** CloudWatch keeps AWS's own metrics at one minute. */
const activityPeriodDefaultSeconds = 60;

export type ControlEnvironment = {
  stage: string;
  accountId: string;
  region: string;
  /** Base URL of the local cloud; absent in AWS. */
  endpoint?: string;
  /** The fleets of this deployment, in order; the first one gets the verdicts of rows that name no known fleet. */
  fleets: string[];
  names: ResourceNames;
  policy: FleetPolicy;
  activityPeriodMs: number;
  logLevel: string;
};

/** @throws KvsInferError ENVIRONMENT_INVALID, POLICY_INVALID */
export function controlEnvironment(env: Readonly<Record<string, string | undefined>>): ControlEnvironment {
  const problems: string[] = [];
  const required = (name: string, pattern: RegExp, expected: string): string => {
    const value = env[name] ?? '';
    if (!pattern.test(value))
      problems.push(`${name}: expected ${expected}, got ${value === '' ? 'nothing' : `"${value}"`}`);
    return value;
  };
  const stage = required('KVS_INFER_STAGE', /^[a-z0-9-]{1,20}$/, '1 to 20 of a-z 0-9 -');
  const accountId = required('KVS_INFER_ACCOUNT_ID', /^\d{12}$/, 'an account id of 12 digits');
  const region = required('AWS_REGION', /^[a-z0-9-]+$/, 'a region such as ap-southeast-1');
  const fleets = [...new Set((env.KVS_INFER_FLEETS ?? 'default').split(',').map((fleet) => fleet.trim()))];
  for (const fleet of fleets) {
    if (!fleetPattern.test(fleet)) problems.push(`KVS_INFER_FLEETS: expected names of a-z 0-9 -, got "${fleet}"`);
  }
  const periodSeconds = Number(env.KVS_INFER_ACTIVITY_PERIOD_SECONDS ?? activityPeriodDefaultSeconds);
  if (!Number.isInteger(periodSeconds) || periodSeconds < 1) {
    problems.push('KVS_INFER_ACTIVITY_PERIOD_SECONDS: expected a whole number of seconds');
  }
  let overrides: unknown = {};
  try {
    overrides = JSON.parse(env.KVS_INFER_FLEET_POLICY ?? '{}');
  } catch {
    problems.push('KVS_INFER_FLEET_POLICY: expected a JSON object');
  }
  if (problems.length > 0) {
    throw new KvsInferError('ENVIRONMENT_INVALID', problems.join('; '), { hint: 'correct the function environment' });
  }
  const source = 'KVS_INFER_FLEET_POLICY';
  return {
    stage,
    accountId,
    region,
    ...(env.AWS_ENDPOINT_URL === undefined ? {} : { endpoint: env.AWS_ENDPOINT_URL }),
    fleets,
    names: resourceNames(stage, accountId, chosenNames(env)),
    policy: deploymentPolicy(parsePartialPolicy(overrides, source), source),
    activityPeriodMs: periodSeconds * 1000,
    logLevel: env.LOG_LEVEL ?? 'INFO',
  };
}
