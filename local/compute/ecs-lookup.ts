/**
 * Finding ECS records by short name or ARN, with AWS's refusal when there is none.
 * Invariant: a missing cluster name means the cluster `default`, as in AWS.
 */

import { AwsError } from '../http/aws-error.ts';
import { lastPart } from './arns.ts';
import { type Cluster, type Service, serviceKey, type TaskDefinition } from './compute-state.ts';
import type { ComputeWorld } from './compute-world.ts';
import { type FieldReader, type Fields, fieldReader } from './request-fields.ts';

export const ecsFields = (input: Fields): FieldReader => fieldReader(input, 'InvalidParameterException');
export const invalid = (message: string): AwsError => new AwsError(400, 'InvalidParameterException', message);
export const badToken = (): AwsError => invalid('Invalid token.');

export function clusterOf(world: ComputeWorld, fields: FieldReader): Cluster {
  const cluster = world.state.clusters.get(lastPart(fields.optionalText('cluster') ?? 'default'));
  if (cluster === undefined || cluster.status !== 'ACTIVE') {
    throw new AwsError(400, 'ClusterNotFoundException', 'Cluster not found.');
  }
  return cluster;
}

export function serviceOf(world: ComputeWorld, cluster: Cluster, nameOrArn: string): Service {
  const service = world.state.services.get(serviceKey(cluster.name, lastPart(nameOrArn)));
  if (service === undefined) throw new AwsError(400, 'ServiceNotFoundException', 'Service not found.');
  return service;
}

/** `family`, `family:revision` or an ARN; a family alone means its latest active revision. */
export function taskDefinitionOf(world: ComputeWorld, reference: string): TaskDefinition {
  const name = lastPart(reference);
  const exact = world.state.taskDefinitions.get(name);
  if (exact !== undefined) return exact;
  const latest = [...world.state.taskDefinitions.values()]
    .filter((definition) => definition.family === name && definition.status === 'ACTIVE')
    .sort((a, b) => b.revision - a.revision)[0];
  if (latest === undefined) {
    throw new AwsError(400, 'ClientException', `Unable to describe task definition. TaskDefinition not found: ${name}`);
  }
  return latest;
}

/** A page size from `maxResults`, 1–100 and 100 by default, as ECS's list operations have it. */
export function pageSizeOf(fields: FieldReader): number {
  const size = fields.optionalInteger('maxResults') ?? 100;
  if (size < 1 || size > 100) throw invalid('maxResults must be between 1 and 100.');
  return size;
}
