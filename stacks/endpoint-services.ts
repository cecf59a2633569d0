/**
 * Which of AWS's services the workers and their instances reach privately, per network mode. A file of its own, because
 * preflight asks the region for the same list.
 */
import type { NetworkMode } from './settings.ts';

/** What the workers send most of their bytes to; cheaper than NAT in every mode. */
const alwaysPrivate = ['ecr.api', 'ecr.dkr', 'logs', 'kinesis-streams'];
/**
 * Everything else that instances, the ECS agent, the workers and ECS Exec call. kinesisvideo: AWS opened PrivateLink for
 * it on 2026-09-30; `kvs-infer preflight` looks whether the region has it.
 */
const privateWithoutNat = [
  'kinesisvideo',
  'ecs',
  'ecs-agent',
  'ecs-telemetry',
  'ssm',
  'ssmmessages',
  'sts',
  'monitoring',
  'events',
];

/** Free, and where most bytes go: layers of the image, pictures, models, tables. */
export const gatewayEndpoints = ['s3', 'dynamodb'];

export function interfaceEndpoints(mode: NetworkMode): string[] {
  return mode === 'endpoints' ? [...alwaysPrivate, ...privateWithoutNat] : alwaysPrivate;
}
