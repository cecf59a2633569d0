/**
 * ECS, Auto Scaling and EC2 of the local cloud behind one door: the three APIs, the ECS agent's endpoints, and the reconciler
 * that turns desired counts into instances and tasks. Tests and `npm start` also use the in-process surface.
 * Invariant: what a client reads here, a reconciler did; no answer is made up at the time of the request.
 */
import type { ServerResponse } from 'node:http';
import type { CloudContext, LocalRequest, LocalService } from '../service.ts';
import { agentPathPrefix, answerAgent } from './agent-endpoint.ts';
import { autoScalingOperations, type Operations } from './auto-scaling-api.ts';
import { emptyComputeState, type Instance, isProtected, type Task, type TaskStatus } from './compute-state.ts';
import { type ComputeOptions, ComputeWorld } from './compute-world.ts';
import { loadDefinitions, saveDefinitions } from './definitions-file.ts';
import { ec2Operations } from './ec2-api.ts';
import { ecsClusterOperations } from './ecs-cluster-api.ts';
import { ecsServiceOperations } from './ecs-service-api.ts';
import { ecsTaskOperations } from './ecs-task-api.ts';
import { createFleet, type FleetDefinition, type FleetNames } from './fleet.ts';
import { InstanceScaler } from './instance-scaler.ts';
import { ServiceScheduler } from './service-scheduler.ts';
import type { TaskSignal } from './task-runner.ts';
import { TaskSupervisor } from './task-supervisor.ts';
import {
  AwsRefusal,
  type Fields,
  parseQuery,
  sendEc2Refusal,
  sendEc2Result,
  sendJson,
  sendJsonRefusal,
  sendQueryRefusal,
  sendQueryResult,
} from './wire-protocols.ts';

const autoScalingNamespace = 'http://autoscaling.amazonaws.com/doc/2011-01-01/';
const ec2Namespace = 'http://ec2.amazonaws.com/doc/2016-11-15/';

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
  pid: number | null;
  createdAtMs: number;
  startedAtMs: number | null;
};

export type ComputeService = LocalService & {
  /** Sends a signal to a task's code, unknown to ECS until it exits. @returns false when the task does not run. */
  killTask(taskId: string, signal: TaskSignal): boolean;
  /** All tasks, the recently stopped ones included, oldest first. */
  listTasks(): TaskSummary[];
  listInstances(): Instance[];
  /** Spot interruption notice now, termination after two minutes of the clock. */
  interruptSpot(instanceId: string): void;
  recommendRebalance(instanceId: string): void;
  /** While on, every instance launch fails with InsufficientInstanceCapacity. */
  setCapacityShortage(on: boolean): void;
  createFleet(definition: FleetDefinition): FleetNames;
  /** Resolves when nothing can happen before the clock moves or a task's own code acts. */
  settled(): Promise<void>;
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
      throw new AwsRefusal('InvalidInstanceID.NotFound', `The instance ID '${instanceId}' does not exist`);
    return instance;
  };
  world.changed();

  return {
    scopes: ['ecs', 'autoscaling', 'ec2'],
    async handle(request, response) {
      if (request.path.startsWith(agentPathPrefix)) await answerAgent(world, request, response);
      else if (request.scope === 'ecs') await answerJson(context, ecs, request, response);
      else await answerQuery(context, request.scope === 'ec2' ? ec2 : autoScaling, request, response);
    },
    close: () => world.close(),
    killTask: (taskId, signal) => supervisor.signal(taskId, signal),
    listTasks: () => [...state.tasks.values()].map((task) => summaryOf(world, task)),
    listInstances: () => [...state.instances.values()].map((instance) => ({ ...instance })),
    interruptSpot: (instanceId) => scaler.interrupt(instanceNamed(instanceId)),
    recommendRebalance: (instanceId) => scaler.recommendRebalance(instanceNamed(instanceId)),
    setCapacityShortage(on) {
      state.capacityShortage = on;
    },
    createFleet: (definition) => createFleet(world, { ...ecs, ...autoScaling }, definition),
    settled: () => world.settled(),
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
    pid: task.lastStatus === 'STOPPED' ? null : task.pid,
    createdAtMs: task.createdAtMs,
    startedAtMs: task.startedAtMs,
  };
}

async function answerJson(
  context: CloudContext,
  operations: Operations,
  request: LocalRequest,
  response: ServerResponse,
) {
  try {
    const text = (await request.body()).toString();
    let input: unknown;
    try {
      input = text === '' ? {} : JSON.parse(text);
    } catch {
      throw new AwsRefusal('SerializationException', 'The request body is not valid JSON.');
    }
    if (typeof input !== 'object' || input === null || Array.isArray(input)) {
      throw new AwsRefusal('SerializationException', 'Start of structure or map found where not expected.');
    }
    const operation = Object.hasOwn(operations, request.operation) ? operations[request.operation] : undefined;
    if (operation === undefined)
      throw new AwsRefusal('UnknownOperationException', `Unknown operation ${request.operation}`);
    takeFault(context, 'ecs', request.operation, input as Fields, ['service', 'serviceName', 'task', 'cluster']);
    sendJson(response, 200, operation(input as Fields));
  } catch (error) {
    sendJsonRefusal(response, refusalOf(error, 'ServerException'));
  }
}

async function answerQuery(
  context: CloudContext,
  operations: Operations,
  request: LocalRequest,
  response: ServerResponse,
) {
  const isEc2 = request.scope === 'ec2';
  try {
    const input = parseQuery(request.method === 'GET' ? request.query.toString() : (await request.body()).toString());
    const name = request.operation === '' ? String(input.Action ?? '') : request.operation;
    const operation = Object.hasOwn(operations, name) ? operations[name] : undefined;
    if (operation === undefined)
      throw new AwsRefusal('InvalidAction', `The action ${name} is not valid for this endpoint.`);
    takeFault(context, request.scope, name, input, ['AutoScalingGroupName', 'InstanceId']);
    const result = operation(input);
    if (isEc2) sendEc2Result(response, ec2Namespace, name, result);
    else sendQueryResult(response, autoScalingNamespace, name, result);
  } catch (error) {
    const refusal = refusalOf(error, isEc2 ? 'InternalError' : 'InternalFailure');
    if (isEc2) sendEc2Refusal(response, refusal);
    else sendQueryRefusal(response, autoScalingNamespace, refusal);
  }
}

function takeFault(
  context: CloudContext,
  service: string,
  operation: string,
  input: Fields,
  resourceFields: string[],
): void {
  const resource = resourceFields.map((field) => input[field]).find((value) => typeof value === 'string');
  const fault = context.faults.take({ service, operation, resource: typeof resource === 'string' ? resource : '' });
  if (fault !== null) throw new AwsRefusal(fault.code, fault.message, fault.status);
}

/** An unexpected error is the service's own fault: status 500, as AWS would answer, so that clients retry. */
function refusalOf(error: unknown, internalCode: string): AwsRefusal {
  if (error instanceof AwsRefusal) return error;
  return new AwsRefusal(internalCode, error instanceof Error ? error.message : String(error), 500);
}
