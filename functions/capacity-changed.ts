/**
 * Something happened to the machines or the workers: a task or container instance changed state, a Spot notice came, a
 * launch failed, a worker is ready, has released a camera or is drained. What the event alone knows is written down
 * first; then the fleet's control loop runs and sees it.
 * Invariant: repeating an event, or losing it, leads to the same state as the minute would.
 */
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import type { Context, EventBridgeEvent } from 'aws-lambda';
import { readContainerInstances } from '../aws/capacity.ts';
import { isReadable } from '../aws/schema-versions.ts';
import { markDoomed, markDrained, markDraining, markReady, markStopped, readWorkers } from '../aws/workers.ts';
import { spotDrain } from '../core/control/handover.ts';
import { instanceOf } from '../core/control/observation.ts';
import { fleetAttribute, fleetResourceNames } from '../core/names.ts';
import { continuedTrace, invocationTrace } from './cause-trace.ts';
import { type ControlDeps, completeDeps, endedByLambda, type HandlerDeps, lambdaDeps } from './handler-deps.ts';
import { type ReconcileReport, reconcileOrReport, reconcileSoon } from './reconcile-fleet.ts';
import { capacityEventTypes, urgentEventTypes } from './triggers.ts';

const workerIdLengthMax = 256;

export type CapacityEvent = EventBridgeEvent<string, Record<string, unknown>>;
export type CapacityChangedHandler = (event: CapacityEvent, context: Context) => Promise<ReconcileReport[]>;

export function buildCapacityChangedHandler(given: HandlerDeps): CapacityChangedHandler {
  const deps = completeDeps(given, 'capacity-changed');
  return middy<CapacityEvent, ReconcileReport[]>(endedByLambda)
    .use(injectLambdaContext(deps.telemetry.logger))
    .handler(async (event, context) => {
      const own = invocationTrace(deps, context, event.id);
      const isWorkers = event.source === deps.environment.names.eventSource;
      const trace = isWorkers ? continuedTrace(own, detailOf(event)) : own;
      const touched = await factsOf(deps, event, trace.traceId);
      const trigger = `${event.source}: ${event['detail-type']}`;
      const reconcile = isUrgent(event) ? reconcileOrReport : reconcileSoon;
      return Promise.all(touched.map((fleet) => reconcile(deps, fleet, trigger, trace)));
    }) as CapacityChangedHandler;
}

function isUrgent({ 'detail-type': type, detail }: CapacityEvent): boolean {
  return (
    urgentEventTypes.includes(type) && (!capacityEventTypes.task.includes(type) || detail?.lastStatus === 'STOPPED')
  );
}

/** Writes down what only this event knows. @returns the fleets it concerns; none when it is somebody else's event. */
async function factsOf(deps: ControlDeps, event: CapacityEvent, traceId: string): Promise<string[]> {
  const detail = detailOf(event);
  switch (event.source) {
    case deps.environment.names.eventSource:
      return workerEvent(deps, event['detail-type'], detail);
    case 'aws.ecs':
      return ecsEvent(deps, event['detail-type'], detail);
    case 'aws.autoscaling':
      return fleetsWhere(deps, (fleet) => groupOf(deps, fleet) === detail.AutoScalingGroupName);
    case 'aws.ec2':
      return instanceEvent(deps, { ...event, detail }, traceId);
    default:
      return [];
  }
}

/** Events of others' making come over the same bus: a detail that is none says nothing. */
function detailOf({ detail }: CapacityEvent): CapacityEvent['detail'] {
  return typeof detail === 'object' && detail !== null ? detail : {};
}

async function workerEvent(deps: ControlDeps, type: string, detail: CapacityEvent['detail']): Promise<string[]> {
  const fleets = fleetsWhere(deps, (fleet) => fleet === detail.fleet);
  const [fleet] = fleets;
  const workerId = idOf(detail.workerId);
  const mark = type === 'Worker Ready' ? markReady : type === 'Worker Drained' ? markDrained : null;
  // A detail of a later version may mean something else: the run sees what is so.
  if (mark !== null && fleet !== undefined && workerId !== '' && isReadable(detail)) {
    await mark(deps.clients, deps.environment.names.tables.workers, { fleet, workerId }, deps.clock.nowMs());
  }
  return fleets;
}

async function ecsEvent(deps: ControlDeps, type: string, detail: CapacityEvent['detail']): Promise<string[]> {
  if (!text(detail.clusterArn).endsWith(`/${deps.environment.names.cluster}`)) return [];
  if (type === 'ECS Container Instance State Change') return fleetsOfInstance(deps, detail.attributes);
  // Service actions and deployments only tell what our own calls did.
  if (type !== 'ECS Task State Change') return [];
  const fleets = fleetsWhere(deps, (fleet) => text(detail.group) === `service:${serviceOf(deps, fleet)}`);
  if (detail.lastStatus === 'STOPPED') {
    const workerId = idOf(text(detail.taskArn).split('/').at(-1));
    for (const fleet of workerId === '' ? [] : fleets) {
      await markStopped(deps.clients, deps.environment.names.tables.workers, { fleet, workerId }, deps.clock.nowMs());
    }
    return fleets;
  }
  // A task on its way up says nothing that its worker does not say better when it is ready.
  return detail.desiredStatus === 'STOPPED' ? fleets : [];
}

/**
 * EC2 takes a Spot instance back, or recommends to leave it. Its worker hands its cameras over from now on and its
 * replacement is ordered, both in this invocation. A notice names the end: what has found no other place by then is given up
 * just before it, and not now, because a doomed worker sees more than none. A recommendation names none.
 */
async function instanceEvent(
  deps: ControlDeps,
  { time, detail, ...event }: CapacityEvent,
  traceId: string,
): Promise<string[]> {
  const type = event['detail-type'];
  const isNotice = type === 'EC2 Spot Instance Interruption Warning';
  if (!isNotice && type !== 'EC2 Instance Rebalance Recommendation') return [];
  const { clients, environment, clock } = deps;
  const { workers: table } = environment.names.tables;
  const saidAtMs = Date.parse(time);
  const drain = spotDrain(isNotice ? (Number.isNaN(saidAtMs) ? clock.nowMs() : saidAtMs) : null, clock.nowMs());
  const mark = isNotice ? markDoomed : markDraining;
  const touched = new Set<string>();
  await Promise.all(
    environment.fleets.map(async (fleet) => {
      const workers = await readWorkers(clients, table, fleet);
      // A wave of notices asks ECS only where a worker does not know where it runs.
      const isUnplaced = workers.some((worker) => worker.instanceId === undefined);
      const hosts = isUnplaced ? await readContainerInstances(clients, environment.names.cluster, fleet) : [];
      for (const worker of workers) {
        if (instanceOf(worker, hosts) !== text(detail['instance-id'])) continue;
        touched.add(fleet);
        await mark(clients, table, worker, { ...drain, traceId });
      }
    }),
  );
  return [...touched].sort();
}

/** An instance that was launched before it told its fleet may be of any. */
function fleetsOfInstance(deps: ControlDeps, attributes: unknown): string[] {
  const told = (Array.isArray(attributes) ? attributes : []).find((one) => one?.name === fleetAttribute);
  return told === undefined ? deps.environment.fleets : fleetsWhere(deps, (fleet) => fleet === told.value);
}

function fleetsWhere(deps: ControlDeps, matches: (fleet: string) => boolean): string[] {
  return deps.environment.fleets.filter(matches);
}

function groupOf(deps: ControlDeps, fleet: string): string {
  return fleetResourceNames(deps.environment.stage, fleet).autoScalingGroup;
}

function serviceOf(deps: ControlDeps, fleet: string): string {
  return fleetResourceNames(deps.environment.stage, fleet).service;
}

/** A worker's id is that of its task; a longer one is no key of a table. */
function idOf(value: unknown): string {
  return text(value).length <= workerIdLengthMax ? text(value) : '';
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

let built: CapacityChangedHandler | undefined;
export const handler: CapacityChangedHandler = (event, context) => {
  built ??= buildCapacityChangedHandler(lambdaDeps());
  return built(event, context);
};
