/**
 * ECS, Auto Scaling and EC2 of the local cloud behind one door: the three APIs, the ECS agent's endpoints, and the reconciler
 * that turns desired counts into instances and tasks. Tests and `npm start` also use the in-process surface.
 * Invariant: what a client reads here, a reconciler did; no answer is made up at the time of the request.
 */
import type { ServerResponse } from 'node:http';
import { AwsError } from '../http/aws-error.ts';
import { sendJson } from '../http/respond.ts';
import type { CloudContext, LocalRequest, LocalService } from '../service.ts';
import { agentPathPrefix, answerAgent } from './agent-endpoint.ts';
import { autoScalingOperations } from './auto-scaling-api.ts';
import { emptyComputeState, type Instance, isProtected, type Task, type TaskStatus } from './compute-state.ts';
import { type ComputeOptions, ComputeWorld } from './compute-world.ts';
import { loadDefinitions, saveDefinitions } from './definitions-file.ts';
import { ec2Operations } from './ec2-api.ts';
import { ecsClusterOperations } from './ecs-cluster-api.ts';
import { ecsServiceOperations } from './ecs-service-api.ts';
import { ecsTaskOperations } from './ecs-task-api.ts';
import { createFleet, type FleetDefinition, type FleetNames } from './fleet.ts';
import { InstanceScaler } from './instance-scaler.ts';
import type { Shortage } from './launch-pools.ts';
import { parseQuery, sendQueryResult } from './query-protocol.ts';
import type { Fields, Operations } from './request-fields.ts';
import { ServiceScheduler } from './service-scheduler.ts';
import type { TaskSignal } from './task-runner.ts';
import { TaskSupervisor } from './task-supervisor.ts';
import type { Reservation } from './task-utilisation.ts';

export type TaskSummary = {
  taskId: string;
  taskArn: string;
  service: string;
  taskDefinition: string;
  containerInstanceArn: string;
  instanceId: string | null;
  lastStatus: TaskStatus;
  desiredStatus: 'RUNNING' | 'STOPPED';
  protected: boolean;
  exitCode: number | null;
  stopCode: string | null;
  stoppedReason: string | null;
  /** By its task definition. */
  reserved: Reservation;
  pid: number | null;
  /** Where the task serves /healthz and /metrics on loopback. */
  httpPort: number | null;
  createdAtMs: number;
  startedAtMs: number | null;
};

export type ComputeService = LocalService & {
  /** Sends a signal to a task's code, unknown to ECS until it exits. @returns false when the task does not run. */
  killTask(taskId: string, signal: TaskSignal): boolean;
  /** All tasks, the recently stopped ones included, oldest first. */
  listTasks(): TaskSummary[];
  listInstances(): Instance[];
  /** How many tasks each service wants, as its last UpdateService said. */
  desiredCounts(): { service: string; desired: number }[];
  /** Spot interruption notice now, termination after two minutes of the clock. */
  interruptSpot(instanceId: string): void;
  recommendRebalance(instanceId: string): void;
  /** Launches from these pools fail with InsufficientInstanceCapacity from now on; `[{}]` covers every pool, `[]` none. */
  setShortages(shortages: readonly Shortage[]): void;
  createFleet(definition: FleetDefinition): FleetNames;
  /** Resolves when nothing can happen before the clock moves or a task's own code acts. */
  settled(): Promise<void>;
  /** For an orderly end before `close`: places nothing any more, sends SIGTERM to all tasks, resolves when all are gone. */
  stopTasks(): Promise<void>;
  /** Resolves once the task has reached `status` (or is STOPPED). */
  taskReached(taskId: string, status: TaskStatus): Promise<void>;
};

export async function createComputeService(context: CloudContext, options: ComputeOptions): Promise<ComputeService> {
  const state = emptyComputeState();
  if (context.dataFolder !== null) loadDefinitions(context.dataFolder, state);
  const world = new ComputeWorld(context, options, state);
  const supervisor = new TaskSupervisor(world);
  const scaler = new InstanceScaler(world, supervisor);
  const scheduler = new ServiceScheduler(world, supervisor);
  for (const part of [scaler, scheduler, supervisor]) world.addPart(part);
  if (context.dataFolder !== null) saveOnChange(world, context.dataFolder);

  const ecs = {
    ...ecsClusterOperations(world),
    ...ecsServiceOperations(world, scheduler),
    ...ecsTaskOperations(world, supervisor),
  };
  const autoScaling = autoScalingOperations(world, scaler);
  const ec2 = ec2Operations(world);
  const instanceNamed = (instanceId: string): Instance => {
    const instance = state.instances.get(instanceId);
    if (instance === undefined)
      throw new AwsError(400, 'InvalidInstanceID.NotFound', `The instance ID '${instanceId}' does not exist`);
    return instance;
  };
  world.changed();

  return {
    scopes: ['ecs', 'autoscaling', 'ec2'],
    async handle(request, response) {
      if (request.path.startsWith(agentPathPrefix)) await answerAgent(world, request, response);
      else if (request.scope === 'ecs') await answerJson(ecs, request, response);
      else await answerQuery(request.scope === 'ec2' ? ec2 : autoScaling, request, response);
    },
    held: () => {
      const { tasks, instances, activities } = state;
      const items = tasks.size + instances.size + activities.length;
      const bytes = JSON.stringify([[...tasks.values()], [...instances.values()], activities]).length;
      return [
        {
          store: 'compute: tasks, instances, activities',
          items,
          bytes,
          bound: 'an hour after their end; 1,000 of each',
        },
      ];
    },
    close: () => world.close(),
    killTask: (taskId, signal) => supervisor.signal(taskId, signal),
    listTasks: () => [...state.tasks.values()].map((task) => summaryOf(world, task)),
    listInstances: () => [...state.instances.values()].map((instance) => ({ ...instance })),
    desiredCounts: () =>
      [...state.services.values()].map(({ name, desiredCount }) => ({ service: name, desired: desiredCount })),
    interruptSpot: (instanceId) => scaler.interrupt(instanceNamed(instanceId)),
    recommendRebalance: (instanceId) => scaler.recommendRebalance(instanceNamed(instanceId)),
    setShortages(shortages) {
      state.shortages = [...shortages];
    },
    createFleet: (definition) => createFleet(world, { ...ecs, ...autoScaling }, definition),
    settled: () => world.settled(),
    stopTasks() {
      world.pause();
      return supervisor.stopAll({ stopCode: 'ServiceSchedulerInitiated', reason: 'The local cloud is shutting down.' });
    },
    taskReached: (taskId, status) =>
      supervisor.until(() => {
        const task = state.tasks.get(taskId);
        return task === undefined || task.lastStatus === status || task.lastStatus === 'STOPPED';
      }),
  };
}

function saveOnChange(world: ComputeWorld, folder: string): void {
  let scheduled = false;
  world.onDefinitionChange(() => {
    if (scheduled) return;
    scheduled = true;
    queueMicrotask(() => {
      scheduled = false;
      try {
        saveDefinitions(folder, world.state);
      } catch (error) {
        // A full disk must not stop the fleet; it only loses what a restart would have kept.
        world.onWarning(`LOCAL_STATE_NOT_SAVED: cannot save the local fleet in ${folder}: ${(error as Error).message}`);
      }
    });
  });
}

function summaryOf(world: ComputeWorld, task: Task): TaskSummary {
  return {
    taskId: task.id,
    taskArn: world.arns.task(task.clusterName, task.id),
    service: task.serviceName,
    taskDefinition: task.taskDefinition,
    containerInstanceArn: task.containerInstanceArn,
    instanceId: world.state.containerInstances.get(task.containerInstanceArn)?.instanceId ?? null,
    lastStatus: task.lastStatus,
    desiredStatus: task.desiredStatus,
    protected: isProtected(task, world.nowMs()),
    exitCode: task.exitCode,
    stopCode: task.stopCode,
    stoppedReason: task.stoppedReason,
    reserved: { cpuUnits: task.requires.cpu, memoryMib: task.requires.memory },
    pid: task.lastStatus === 'STOPPED' ? null : task.pid,
    httpPort: task.lastStatus === 'STOPPED' ? null : task.httpPort,
    createdAtMs: task.createdAtMs,
    startedAtMs: task.startedAtMs,
  };
}

/** ECS: JSON 1.1. */
async function answerJson(operations: Operations, request: LocalRequest, response: ServerResponse): Promise<void> {
  const text = (await request.body()).toString();
  let input: unknown;
  try {
    input = text === '' ? {} : JSON.parse(text);
  } catch {
    throw new AwsError(400, 'SerializationException', 'The request body is not valid JSON.');
  }
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    throw new AwsError(400, 'SerializationException', 'Start of structure or map found where not expected.');
  }
  const run = Object.hasOwn(operations, request.operation) ? operations[request.operation] : undefined;
  if (run === undefined) throw new AwsError(400, 'UnknownOperationException', `Unknown operation ${request.operation}`);
  sendJson(response, run(input as Fields), { contentType: 'application/x-amz-json-1.1' });
}

/** Auto Scaling and EC2: forms in, XML out. */
async function answerQuery(operations: Operations, request: LocalRequest, response: ServerResponse): Promise<void> {
  const form = request.method === 'GET' ? request.query.toString() : (await request.body()).toString();
  const name = request.operation;
  const run = Object.hasOwn(operations, name) ? operations[name] : undefined;
  if (run === undefined)
    throw new AwsError(400, 'InvalidAction', `The action ${name} is not valid for this web service.`);
  sendQueryResult(request, response, name, run(parseQuery(form)));
}
