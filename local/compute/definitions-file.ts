/**
 * Groups, clusters, capacity providers, task definitions and services on disk, so that a second `npm start` finds its fleet
 * again. Instances and tasks are not saved: the reconciler makes new ones from the desired counts.
 * Invariant: the file is replaced whole (write, then rename), so a crash leaves the old state or the new, never half of one.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { KvsInferError } from '../../core/errors.ts';
import type { CapacityProvider, Cluster, ComputeState, Group, Service, TaskDefinition } from './compute-state.ts';
import { serviceKey } from './compute-state.ts';
import { primaryDeployment } from './deployments.ts';

const fileName = 'compute.json';
const formatVersion = 1;
/** A fleet is defined anew at each start; until then a group that was saved without these launches on demand. */
const launchOfOlderFiles = { instanceTypes: ['g4dn.xlarge'], onDemandBase: 0, onDemandPercent: 100 };

type SavedDefinitions = {
  formatVersion: number;
  groups: Group[];
  clusters: Cluster[];
  capacityProviders: CapacityProvider[];
  taskDefinitions: TaskDefinition[];
  services: Service[];
};

/** Fills `state` from `folder`; a missing file is an empty state. @throws KvsInferError LOCAL_STATE_UNREADABLE. */
export function loadDefinitions(folder: string, state: ComputeState): void {
  const path = join(folder, fileName);
  let saved: SavedDefinitions;
  try {
    saved = JSON.parse(readFileSync(path, 'utf8')) as SavedDefinitions;
    if (saved.formatVersion !== formatVersion) {
      throw new Error(`format version ${saved.formatVersion} found, ${formatVersion} expected`);
    }
    for (const group of saved.groups) {
      if (!group.deleting) state.groups.set(group.name, { ...launchOfOlderFiles, ...group });
    }
    for (const cluster of saved.clusters) state.clusters.set(cluster.name, cluster);
    for (const provider of saved.capacityProviders) state.capacityProviders.set(provider.name, provider);
    for (const definition of saved.taskDefinitions) {
      state.taskDefinitions.set(`${definition.family}:${definition.revision}`, definition);
    }
    for (const service of saved.services) {
      if (service.status !== 'ACTIVE') continue;
      // Tasks of older deployments are gone with the process that ran them.
      service.deployments = [primaryDeployment(service)];
      Object.assign(service, { steady: false, placementFailures: 0, startFailures: 0, placementRetryAtMs: 0 });
      state.services.set(serviceKey(service.clusterName, service.name), service);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw new KvsInferError('LOCAL_STATE_UNREADABLE', `cannot read ${path}: ${(error as Error).message}`, {
      hint: 'start with --fresh to begin with an empty local cloud',
      cause: error,
    });
  }
}

export function saveDefinitions(folder: string, state: ComputeState): void {
  const saved: SavedDefinitions = {
    formatVersion,
    groups: [...state.groups.values()],
    clusters: [...state.clusters.values()],
    capacityProviders: [...state.capacityProviders.values()],
    taskDefinitions: [...state.taskDefinitions.values()],
    services: [...state.services.values()],
  };
  mkdirSync(folder, { recursive: true });
  const path = join(folder, fileName);
  writeFileSync(`${path}.new`, JSON.stringify(saved, null, 1));
  renameSync(`${path}.new`, path);
}
