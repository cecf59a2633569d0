/**
 * Task scale-in protection: one rule for the ECS API and for the agent endpoint inside the task.
 * Invariant: protection always has an end; when it comes, the scheduler looks again.
 */
import { isProtected, liveTasks, serviceKey, type Task } from './compute-state.ts';
import type { ComputeWorld } from './compute-world.ts';
import { primaryDeployment } from './deployments.ts';
import { invalid } from './ecs-lookup.ts';
import type { TimeFormat } from './ecs-views.ts';
import type { Fields } from './request-fields.ts';

/** UpdateTaskProtection, API reference: 1 to 2,880 minutes, 120 by default. */
const protectionMinutesMin = 1;
const protectionMinutesMax = 2_880;
const protectionMinutesDefault = 120;

const expiryTimers = new WeakMap<Task, () => void>();

export function checkedProtectionMinutes(minutes: number | undefined): number {
  if (minutes === undefined) return protectionMinutesDefault;
  if (!Number.isInteger(minutes) || minutes < protectionMinutesMin || minutes > protectionMinutesMax) {
    throw invalid(`expiresInMinutes must be between ${protectionMinutesMin} and ${protectionMinutesMax}.`);
  }
  return minutes;
}

/** @returns null when done, else AWS's failure reason: TASK_NOT_VALID or DEPLOYMENT_BLOCKED. */
export function protect(world: ComputeWorld, task: Task, enabled: boolean, minutes: number): string | null {
  const service = world.state.services.get(serviceKey(task.clusterName, task.serviceName));
  if (service === undefined || task.desiredStatus === 'STOPPED') return 'TASK_NOT_VALID';
  const nowMs = world.nowMs();
  if (!enabled) {
    expiryTimers.get(task)?.();
    task.protectedUntilMs = null;
    world.changed();
    return null;
  }
  const primary = primaryDeployment(service);
  const others = liveTasks(world.state, service).filter((other) => other !== task && isProtected(other, nowMs)).length;
  // During a rollout, protecting more tasks than are wanted would keep the old revision for ever.
  if (primary.rolloutState === 'IN_PROGRESS' && task.deploymentId !== primary.id && others + 1 > service.desiredCount) {
    return 'DEPLOYMENT_BLOCKED';
  }
  task.protectedUntilMs = nowMs + minutes * 60_000;
  // Workers renew every minute or so: each renewal replaces the timer of the one before.
  expiryTimers.get(task)?.();
  expiryTimers.set(
    task,
    world.after(minutes * 60_000, () => {}),
  );
  world.changed();
  return null;
}

/** The API's lowerCamel shape; the agent endpoint capitalises it. */
export function protectionView(world: ComputeWorld, task: Task, at: TimeFormat): Fields {
  const taskArn = world.arns.task(task.clusterName, task.id);
  if (task.protectedUntilMs === null || task.protectedUntilMs <= world.nowMs()) {
    return { taskArn, protectionEnabled: false };
  }
  return { taskArn, protectionEnabled: true, expirationDate: at(task.protectedUntilMs) };
}
