/**
 * The ECS agent beside a task: who am I (task metadata v4), and do not stop me (task protection).
 * Invariant: both are plain HTTP to an address the agent gave, wherever an answer would lead; without the address a worker runs unprotected and names
 * itself, and a failing agent never stops a worker.
 */
import { KvsInferError } from '../core/errors.ts';

const agentTimeoutMs = 5_000;

export type TaskIdentity = {
  taskArn: string;
  /** Last part of the task ARN. */
  taskId: string;
  /** `family:revision` of the task definition. */
  revision?: string;
  containerInstanceArn?: string;
  instanceId?: string;
};

/** The seam that tests replace. */
export type EcsAgent = {
  /** @returns null outside ECS. */
  identity(): Promise<TaskIdentity | null>;
  /**
   * Does nothing outside ECS.
   * @param minutes how long a protection lasts when it is not renewed, 1..2880.
   * @throws KvsInferError ECS_AGENT_UNAVAILABLE, ECS_AGENT_REFUSED, TASK_PROTECTION_REFUSED
   */
  protect(on: boolean, minutes: number): Promise<void>;
};

export function ecsAgent(options: { agentUri?: string; metadataUri?: string }): EcsAgent {
  return {
    async identity() {
      if (options.metadataUri === undefined) return null;
      const answer = (await agentCall(`${options.metadataUri}/task`, { method: 'GET' })) as Record<string, unknown>;
      const taskArn = textOf(answer.TaskARN);
      if (taskArn === undefined) {
        throw new KvsInferError('ECS_METADATA_UNUSABLE', 'the task metadata carry no TaskARN', {
          hint: 'the worker needs task metadata version 4',
        });
      }
      const family = textOf(answer.Family);
      const revision = textOf(answer.Revision);
      const containerInstanceArn = textOf(answer.ContainerInstanceARN);
      const instanceId = textOf(answer.EC2InstanceID) ?? textOf(answer.InstanceID);
      return {
        taskArn,
        taskId: taskArn.slice(taskArn.lastIndexOf('/') + 1),
        ...(family !== undefined && revision !== undefined ? { revision: `${family}:${revision}` } : {}),
        ...(containerInstanceArn === undefined ? {} : { containerInstanceArn }),
        ...(instanceId === undefined ? {} : { instanceId }),
      };
    },
    async protect(on, minutes) {
      if (options.agentUri === undefined) return;
      const answer = await agentCall(`${options.agentUri}/task-protection/v1/state`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(
          on ? { ProtectionEnabled: true, ExpiresInMinutes: minutes } : { ProtectionEnabled: false },
        ),
      });
      // What ECS itself refuses comes with status 200: while a deployment waits for the task's end, for example.
      const { failure } = answer as { failure?: { Reason?: unknown; Detail?: unknown } | null };
      if (failure === undefined || failure === null) return;
      const reason = [failure.Reason, failure.Detail]
        .filter((part) => typeof part === 'string' && part !== '')
        .join(': ');
      throw new KvsInferError('TASK_PROTECTION_REFUSED', `ECS does not change the protection of the task: ${reason}`, {
        hint: 'it is tried again',
        retryable: true,
      });
    },
  };
}

async function agentCall(url: string, init: RequestInit): Promise<unknown> {
  let status: number;
  let text: string;
  try {
    const response = await fetch(url, { ...init, redirect: 'error', signal: AbortSignal.timeout(agentTimeoutMs) });
    status = response.status;
    text = await response.text();
  } catch (cause) {
    throw new KvsInferError('ECS_AGENT_UNAVAILABLE', `the ECS agent did not answer ${init.method} ${url}`, {
      hint: 'it is tried again',
      retryable: true,
      cause,
    });
  }
  if (status !== 200) {
    const isPassing = status >= 500 || status === 429 || text.includes('ThrottlingException');
    throw new KvsInferError(
      'ECS_AGENT_REFUSED',
      `the ECS agent answered ${status} to ${init.method} ${url}: ${text.slice(0, 300)}`,
      {
        hint: isPassing
          ? 'it is tried again'
          : 'allow ecs:GetTaskProtection and ecs:UpdateTaskProtection for the task role',
        retryable: isPassing,
      },
    );
  }
  return text === '' ? {} : JSON.parse(text);
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
