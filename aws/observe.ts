/**
 * Everything reconcile knows of a fleet, read at once. Cameras and workers must be readable, or there is nothing to
 * decide; what else fails is named as missing and the plan holds.
 * Invariant: reads only; about eight calls for a fleet, at most two of them one after the other.
 */

import { shortageMemoryMs } from '../core/control/capacity-ladder.ts';
import { streamsToAskAbout } from '../core/control/demand.ts';
import { instancesToSample, type LeadTimes, withLeadTimeSamples } from '../core/control/lead-time.ts';
import {
  type FleetObservation,
  type GroupObservation,
  instanceOf,
  presentInstances,
} from '../core/control/observation.ts';
import { instanceHourPrices } from '../core/cost/instance-prices.ts';
import { priceTable } from '../core/cost/prices.ts';
import type { FleetItem, FleetPolicy } from '../core/fleet-state.ts';
import { fleetResourceNames, type ResourceNames } from '../core/names.ts';
import { readAllCameraStates } from './camera-states.ts';
import { readContainerInstances, readGroup, readLaunchTimes, readService, readTaskPlaces } from './capacity.ts';
import type { AwsClients } from './clients.ts';
import { readLaunchFailures, withMarkets } from './launches.ts';
import { readStreamActivity, readStreamStatuses } from './streams.ts';
import { readAllWorkers } from './workers.ts';

/** EC2 DescribeInstances by id; more new instances than this in one run are sampled in the next. */
const launchTimesMax = 20;

export type Surroundings = {
  clients: AwsClients;
  stage: string;
  names: ResourceNames;
  /** Period of the activity metric; AWS has 60 s. */
  activityPeriodMs: number;
};

export async function observeFleet(
  { clients, stage, names, activityPeriodMs }: Surroundings,
  item: FleetItem,
  policy: FleetPolicy,
  nowMs: number,
): Promise<FleetObservation> {
  const { service, autoScalingGroup } = fleetResourceNames(stage, item.fleet);
  const missing: string[] = [];
  const orMissing = async <Value>(what: string, read: Promise<Value>): Promise<Value | null> => {
    try {
      return await read;
    } catch (error) {
      missing.push(`${what} (${error instanceof Error ? error.message : String(error)})`);
      return null;
    }
  };
  const tables = Promise.all([
    readAllCameraStates(clients, names.tables.cameraStates, item.fleet),
    readAllWorkers(clients, names.tables.workers, item.fleet),
  ]);
  const activity = tables.then(([{ states }, { workers }]) => {
    const asked = streamsToAskAbout(states, workers, nowMs, policy);
    return asked.length === 0 ? new Map() : readStreamActivity(clients, asked, activityPeriodMs, nowMs);
  });
  const places = tables.then(([, { workers }]) => {
    const unplaced = workers.filter(
      (worker) => worker.instanceId === undefined && worker.containerInstanceArn === undefined,
    );
    const taskArns = unplaced.flatMap((worker) => worker.taskArn ?? []);
    return taskArns.length === 0 ? new Map<string, string>() : readTaskPlaces(clients, names.cluster, taskArns);
  });
  /** Launches and markets cost a call each: only a group that lacks instances, or climbed for want of them, is asked. */
  const lookAtLaunches = async (group: GroupObservation) => {
    const lacks = group.desired > presentInstances(group).length;
    const hasClimbed = (item.capacityLadder?.rung ?? 0) > 0;
    const [failures, described] = await Promise.all([
      lacks
        ? orMissing('its failed launches', readLaunchFailures(clients, autoScalingGroup, nowMs - shortageMemoryMs))
        : null,
      (lacks || hasClimbed || mixesMarkets(group)) && group.instances.length > 0
        ? orMissing('the markets of instances', withMarkets(clients, group))
        : null,
    ]);
    return { group: described ?? group, failures };
  };
  // Without cameras and workers the run ends; the rejection is taken by the await of `tables` below.
  const [grouped, serviceSeen, containerInstances, statusByName, activeAtMs, placeOfTask] = await Promise.all([
    orMissing('the Auto Scaling group', readGroup(clients, autoScalingGroup).then(lookAtLaunches)),
    orMissing('the ECS service', readService(clients, names.cluster, service)),
    orMissing('the container instances', readContainerInstances(clients, names.cluster, item.fleet)),
    orMissing('the video streams', readStreamStatuses(clients)),
    orMissing('the activity of video streams', activity),
    orMissing('the tasks of the workers', places),
  ]);
  const [read, members] = await tables;
  const workers = members.workers.map((worker) => {
    const containerInstanceArn = placeOfTask?.get(worker.taskArn ?? '');
    return containerInstanceArn === undefined ? worker : { ...worker, containerInstanceArn };
  });
  const types = [...policy.instanceTypes, ...policy.fallbackInstanceTypes];
  for (const { instanceType } of grouped?.group.instances ?? [])
    if (instanceType !== undefined) types.push(instanceType);
  return {
    usdPerHour: instanceHourPrices(priceTable, clients.region, types, policy.instanceUsdPerHour),
    fleet: item,
    cameras: read.states,
    workers,
    held: { cameras: read.held, workers: members.held },
    group: grouped?.group ?? null,
    ...(grouped?.failures == null ? {} : { launchFailures: grouped.failures }),
    service: serviceSeen,
    containerInstances,
    streams: { statusByName, activeAtMs: activeAtMs ?? new Map(), periodMs: activityPeriodMs },
    missing,
  };
}

/** Only then is the price of an instance more than its type. */
function mixesMarkets({ launch }: GroupObservation): boolean {
  return launch !== undefined && launch.onDemandPercent < 100;
}

/** Asks EC2 when instances were launched, only when one has just made its first inference. */
export async function learnLeadTimes(clients: AwsClients, observation: FleetObservation): Promise<LeadTimes | null> {
  const workers = observation.workers.map((worker) => ({
    worker,
    instanceId: instanceOf(worker, observation.containerInstances),
  }));
  const candidates = instancesToSample(observation.fleet, workers).slice(0, launchTimesMax);
  if (candidates.length === 0) return null;
  const launched = await readLaunchTimes(
    clients,
    candidates.map((candidate) => candidate.instanceId),
  );
  const types = (observation.group?.instances ?? []).flatMap(({ instanceId, instanceType }): [string, string][] =>
    instanceType === undefined ? [] : [[instanceId, instanceType]],
  );
  const present = new Set(workers.map(({ instanceId }) => instanceId));
  return withLeadTimeSamples(observation.fleet, candidates, launched, present, new Map(types));
}
