/**
 * Which container instance takes a task: it must be ACTIVE and connected, belong to the service's capacity provider, satisfy
 * the placement constraints and have CPU, memory and GPUs left. Among those: spread by zone, then by instance.
 * Invariant: a GPU is never promised twice; a stopping task still holds its own.
 */

import { lastPart } from './arns.ts';
import {
  type ComputeState,
  type ContainerInstance,
  remainingResources,
  type Service,
  type TaskDefinition,
  tasksOn,
} from './compute-state.ts';

export type Placement =
  | { host: ContainerInstance }
  /** `resource` as in the event's reason, `why` as in the service event's text. */
  | { host: null; resource: string; why: string };

export function findHost(state: ComputeState, service: Service, definition: TaskDefinition): Placement {
  const providers = service.capacityProviderStrategy.map((item) => item.capacityProvider);
  const constraints = [...definition.placementConstraints, ...service.placementConstraints];
  const candidates = [...state.containerInstances.values()].filter(
    (host) =>
      host.clusterName === service.clusterName &&
      host.status === 'ACTIVE' &&
      host.agentConnected &&
      (providers.length === 0 || providers.includes(host.capacityProvider)),
  );
  if (candidates.length === 0) {
    return { host: null, resource: 'NO_CONTAINER_INSTANCE', why: 'No Container Instances were found in your cluster.' };
  }
  const matching = candidates.filter((host) => constraints.every((constraint) => satisfies(host, constraint)));
  if (matching.length === 0) {
    return {
      host: null,
      resource: 'ATTRIBUTE',
      why: `The closest matching container-instance ${lastPart(candidates[0]?.arn ?? '')} is missing an attribute required by your task.`,
    };
  }
  const ranked = matching
    .map((host) => ({ host, left: remainingResources(state, host), tasks: tasksOn(state, host).length }))
    .map((entry) => ({ ...entry, lacking: lackingResource(entry.left, definition) }));
  const zoneLoad = new Map<string, number>();
  for (const { host, tasks } of ranked) {
    const zone = host.attributes['ecs.availability-zone'] ?? '';
    zoneLoad.set(zone, (zoneLoad.get(zone) ?? 0) + tasks);
  }
  const load = (host: ContainerInstance) => zoneLoad.get(host.attributes['ecs.availability-zone'] ?? '') ?? 0;
  const free = ranked
    .filter((entry) => entry.lacking === null)
    .sort(
      (a, b) => load(a.host) - load(b.host) || a.tasks - b.tasks || a.host.registeredAtMs - b.host.registeredAtMs,
    )[0];
  if (free !== undefined) return { host: free.host };
  const closest = ranked[0];
  return {
    host: null,
    resource: `RESOURCE:${closest?.lacking ?? 'GPU'}`,
    why: `The closest matching container-instance ${lastPart(closest?.host.arn ?? '')} has insufficient ${closest?.lacking ?? 'GPU'} units available.`,
  };
}

function lackingResource(left: { cpu: number; memory: number; gpu: number }, { requires }: TaskDefinition) {
  if (left.gpu < requires.gpu) return 'GPU';
  if (left.cpu < requires.cpu) return 'CPU';
  if (left.memory < requires.memory) return 'MEMORY';
  return null;
}

/** The cluster query language as far as it is used here: `attribute:name (=~|==|!=) value` and `(!)exists`, joined by `and` or `or`. */
export function satisfies(host: ContainerInstance, constraint: { type?: string; expression?: string }): boolean {
  if (constraint.type !== 'memberOf' || constraint.expression === undefined) return true;
  return constraint.expression.split(/\s+or\s+/).some((alternative) =>
    alternative.split(/\s+and\s+/).every((term) => {
      const match = /^\(?\s*attribute:([\w.-]+)\s*(=~|==|!=|!?exists)\s*(.*?)\s*\)?$/.exec(term.trim());
      if (match === null) return false;
      const [, name = '', operator, wanted = ''] = match;
      const value = host.attributes[name];
      if (operator === 'exists') return value !== undefined;
      if (operator === '!exists') return value === undefined;
      if (operator === '!=') return value !== wanted;
      if (value === undefined) return false;
      return operator === '==' ? value === wanted : matches(value, wanted);
    }),
  );
}

function matches(value: string, pattern: string): boolean {
  try {
    return new RegExp(`^(?:${pattern})$`).test(value);
  } catch {
    return false;
  }
}
