/**
 * A deployment of a new revision of the worker, as `sst deploy` makes it: a task definition, and the service told of it.
 * Invariant: nothing but the task definition changes.
 */
import {
  DescribeServicesCommand,
  DescribeTaskDefinitionCommand,
  RegisterTaskDefinitionCommand,
  UpdateServiceCommand,
} from '@aws-sdk/client-ecs';
import { fleetResourceNames } from '../../core/names.ts';
import type { SteppedSystem } from './stepped-system.ts';

const service = fleetResourceNames('flow', 'default').service;

export async function describeService(system: SteppedSystem) {
  const answer = await system.clients.ecs.send(
    new DescribeServicesCommand({ cluster: system.names.cluster, services: [service] }),
  );
  return answer.services?.[0];
}

/** @returns `family:revision` of what is deployed from now on. */
export async function deploy(system: SteppedSystem, change: { name: string; value: string }): Promise<string> {
  const { ecs } = system.clients;
  const taskDefinition = (await describeService(system))?.taskDefinition;
  const known = await ecs.send(new DescribeTaskDefinitionCommand({ taskDefinition }));
  const containers = (known.taskDefinition?.containerDefinitions ?? []).map((container) => ({
    ...container,
    environment: [...(container.environment ?? []), change],
  }));
  const { family, networkMode, requiresCompatibilities, cpu, memory } = known.taskDefinition ?? {};
  const { taskDefinition: made } = await ecs.send(
    new RegisterTaskDefinitionCommand({
      ...{ family, networkMode, requiresCompatibilities, cpu, memory, containerDefinitions: containers },
    }),
  );
  const revision = `${made?.family}:${made?.revision}`;
  await ecs.send(new UpdateServiceCommand({ cluster: system.names.cluster, service, taskDefinition: revision }));
  await system.settle();
  return revision;
}
