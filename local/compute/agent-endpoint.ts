/**
 * The ECS agent's endpoints as a task sees them: container and task metadata (v4) and task scale-in protection. In AWS they
 * live on a link-local address of the host; here the task's id is in the path: `/ecs-agent/<taskId>/…`.
 * Invariant: a task that has stopped gets no metadata, so nothing can act in its name.
 */
import type { ServerResponse } from 'node:http';
import { AwsError } from '../http/aws-error.ts';
import { sendJson as send } from '../http/respond.ts';
import type { LocalRequest } from '../service.ts';
import type { Task } from './compute-state.ts';
import { type ComputeWorld, newUuid } from './compute-world.ts';
import { isoTime } from './ecs-views.ts';
import type { Fields } from './request-fields.ts';
import { checkedProtectionMinutes, protect, protectionView } from './task-protection.ts';

export const agentPathPrefix = '/ecs-agent/';

/** A protection request is one small JSON document. */
const bodyBytesMax = 4_096;

export async function answerAgent(world: ComputeWorld, request: LocalRequest, response: ServerResponse): Promise<void> {
  const [taskId = '', ...rest] = request.path.slice(agentPathPrefix.length).split('/').filter(Boolean);
  const task = world.state.tasks.get(taskId);
  const resource = rest.join('/');
  if (task === undefined || task.lastStatus === 'STOPPED') {
    sendJson(response, 404, `V4 container metadata handler: unable to get task arn for '${taskId}'`);
  } else if (resource === 'task-protection/v1/state') {
    await answerProtection(world, task, request, response);
  } else if (rest[0] === 'v4' && request.method === 'GET') {
    const last = rest.at(-1);
    const wantsTask = last === 'task' || last === 'taskWithTags';
    sendJson(response, 200, wantsTask ? taskMetadata(world, task) : containerMetadata(world, task));
  } else {
    sendJson(response, 404, `no such path: ${request.path}`);
  }
}

async function answerProtection(world: ComputeWorld, task: Task, request: LocalRequest, response: ServerResponse) {
  const arn = world.arns.task(task.clusterName, task.id);
  const refuse = (status: number, code: string, message: string): void =>
    sendJson(response, status, { requestID: newUuid(), error: { Arn: arn, Code: code, Message: message } });
  if (request.method !== 'PUT' && request.method !== 'GET') {
    return refuse(405, 'InvalidParameterException', `Method ${request.method} is not allowed`);
  }
  try {
    world.context.limits?.admit('ecs', request.method === 'PUT' ? 'UpdateTaskProtection' : 'GetTaskProtection');
    if (request.method === 'PUT') {
      const { enabled, minutes } = parseProtection((await request.body(bodyBytesMax)).toString());
      const refusal = protect(world, task, enabled, checkedProtectionMinutes(minutes));
      if (refusal !== null) {
        const failure = { Arn: arn, Reason: refusal, Detail: null };
        return sendJson(response, 200, { requestID: newUuid(), failure });
      }
    }
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    return refuse(error.status, error.code, error.message);
  }
  const { protectionEnabled, expirationDate } = protectionView(world, task, isoTime);
  const protection = {
    ...(expirationDate === undefined ? {} : { ExpirationDate: expirationDate }),
    ProtectionEnabled: protectionEnabled,
    TaskArn: arn,
  };
  sendJson(response, 200, { protection });
}

function parseProtection(body: string): { enabled: boolean; minutes: number | undefined } {
  const refuse = (message: string): AwsError => new AwsError(400, 'InvalidParameterException', message);
  let fields: Fields;
  try {
    fields = JSON.parse(body) as Fields;
  } catch {
    throw refuse('UpdateTaskProtection: failed to decode request');
  }
  if (typeof fields !== 'object' || fields === null) throw refuse('UpdateTaskProtection: failed to decode request');
  for (const name of Object.keys(fields)) {
    if (name !== 'ProtectionEnabled' && name !== 'ExpiresInMinutes') {
      throw refuse(`UpdateTaskProtection: failed to decode request: unknown field "${name}"`);
    }
  }
  const enabled = fields.ProtectionEnabled;
  if (typeof enabled !== 'boolean') {
    throw refuse("Invalid request: does not contain 'ProtectionEnabled' field");
  }
  const minutes = fields.ExpiresInMinutes;
  if (minutes !== undefined && minutes !== null && typeof minutes !== 'number') {
    throw refuse('UpdateTaskProtection: failed to decode request: ExpiresInMinutes is not a number');
  }
  return { enabled, minutes: minutes ?? undefined };
}

function containerMetadata(world: ComputeWorld, task: Task): Fields {
  const definition = world.state.taskDefinitions.get(task.taskDefinition);
  const container = definition?.containers[0];
  const name = container?.name ?? 'main';
  return {
    DockerId: task.containerId,
    Name: name,
    DockerName: `ecs-${task.taskDefinition.replace(':', '-')}-${name}`,
    Image: container?.image ?? '',
    ImageID: '',
    Labels: {
      'com.amazonaws.ecs.cluster': world.arns.cluster(task.clusterName),
      'com.amazonaws.ecs.container-name': name,
      'com.amazonaws.ecs.task-arn': world.arns.task(task.clusterName, task.id),
      'com.amazonaws.ecs.task-definition-family': definition?.family ?? '',
      'com.amazonaws.ecs.task-definition-version': String(definition?.revision ?? ''),
    },
    DesiredStatus: task.desiredStatus,
    KnownStatus: task.lastStatus,
    Limits: { CPU: task.requires.cpu, Memory: task.requires.memory },
    CreatedAt: isoTime(task.createdAtMs),
    ...(task.startedAtMs === null ? {} : { StartedAt: isoTime(task.startedAtMs) }),
    Type: 'NORMAL',
    ContainerARN: world.arns.container(task.clusterName, task.id, task.containerId),
    Networks: [{ NetworkMode: 'host', IPv4Addresses: ['127.0.0.1'] }],
  };
}

function taskMetadata(world: ComputeWorld, task: Task): Fields {
  const definition = world.state.taskDefinitions.get(task.taskDefinition);
  return {
    Cluster: world.arns.cluster(task.clusterName),
    TaskARN: world.arns.task(task.clusterName, task.id),
    Family: definition?.family ?? '',
    Revision: String(definition?.revision ?? ''),
    DesiredStatus: task.desiredStatus,
    KnownStatus: task.lastStatus,
    Limits: { CPU: task.requires.cpu / 1_024, Memory: task.requires.memory },
    PullStartedAt: isoTime(task.createdAtMs),
    PullStoppedAt: isoTime(task.startedAtMs ?? task.createdAtMs),
    AvailabilityZone: task.availabilityZone,
    LaunchType: 'EC2',
    ServiceName: task.serviceName,
    Containers: [containerMetadata(world, task)],
    // As the agent reports it for EC2 launch type with container instances registered by user data.
    ContainerInstanceARN: task.containerInstanceArn,
    EC2InstanceID: world.state.containerInstances.get(task.containerInstanceArn)?.instanceId,
  };
}

const sendJson = (response: ServerResponse, status: number, body: unknown): void => send(response, body, { status });
