/**
 * Deployments of an ECS service: one PRIMARY, the older ones ACTIVE until their last task is gone; the circuit breaker with
 * rollback. Invariant: a service has exactly one PRIMARY deployment, and it is the first of the list.
 */
import { emitDeploymentStateChange } from './compute-events.ts';
import { type Deployment, liveTasks, type Service, type Task } from './compute-state.ts';
import { type ComputeWorld, newDeploymentId } from './compute-world.ts';

/** The circuit breaker trips at half the desired count, within these bounds (ECS developer guide). */
const breakerThresholdMin = 3;
const breakerThresholdMax = 200;

export function newDeployment(taskDefinition: string, nowMs: number): Deployment {
  const id = newDeploymentId();
  return {
    id,
    status: 'PRIMARY',
    taskDefinition,
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
    failedTasks: 0,
    rolloutState: 'IN_PROGRESS',
    rolloutStateReason: `ECS deployment ${id} in progress.`,
  };
}

export function primaryDeployment(service: Service): Deployment {
  const primary = service.deployments[0];
  if (primary === undefined) throw new Error(`service ${service.name} has no deployment`);
  return primary;
}

export function startDeployment(world: ComputeWorld, service: Service, taskDefinition: string): Deployment {
  for (const older of service.deployments) older.status = 'ACTIVE';
  const deployment = newDeployment(taskDefinition, world.nowMs());
  service.deployments.unshift(deployment);
  service.steady = false;
  forgetEmptyDeployments(world, service);
  emitDeploymentStateChange(
    world,
    service,
    deployment.id,
    'SERVICE_DEPLOYMENT_IN_PROGRESS',
    `ECS deployment ${deployment.id} in progress.`,
  );
  return deployment;
}

/** The service is steady on `primary`: the rollout is done and older deployments go. */
export function completeDeployment(world: ComputeWorld, service: Service, primary: Deployment, live: Task[]): void {
  service.deployments = service.deployments.filter(
    (deployment) => deployment === primary || live.some((task) => task.deploymentId === deployment.id),
  );
  if (primary.rolloutState !== 'IN_PROGRESS') return;
  primary.rolloutState = 'COMPLETED';
  primary.rolloutStateReason = `ECS deployment ${primary.id} completed.`;
  primary.updatedAtMs = world.nowMs();
  service.lastStableTaskDefinition = primary.taskDefinition;
  emitDeploymentStateChange(world, service, primary.id, 'SERVICE_DEPLOYMENT_COMPLETED', primary.rolloutStateReason);
  world.definitionChanged();
}

/** Counts a task that failed to start; trips the circuit breaker and, where asked for, rolls back. */
export function countFailedTask(
  world: ComputeWorld,
  service: Service,
  task: Task,
  onRollback: (deployment: Deployment) => void,
): void {
  const primary = primaryDeployment(service);
  if (task.deploymentId !== primary.id || primary.rolloutState !== 'IN_PROGRESS') return;
  primary.failedTasks += 1;
  const threshold = Math.min(breakerThresholdMax, Math.max(breakerThresholdMin, Math.ceil(service.desiredCount / 2)));
  if (!service.circuitBreaker.enable || primary.failedTasks < threshold) return;
  primary.rolloutState = 'FAILED';
  primary.rolloutStateReason = `ECS deployment circuit breaker: tasks failed to start. Task definition ${primary.taskDefinition}.`;
  primary.updatedAtMs = world.nowMs();
  emitDeploymentStateChange(world, service, primary.id, 'SERVICE_DEPLOYMENT_FAILED', primary.rolloutStateReason);
  const target = service.lastStableTaskDefinition;
  if (service.circuitBreaker.rollback && target !== null && target !== primary.taskDefinition) {
    onRollback(startDeployment(world, service, target));
    world.definitionChanged();
  }
}

function forgetEmptyDeployments(world: ComputeWorld, service: Service): void {
  const live = liveTasks(world.state, service);
  service.deployments = service.deployments.filter(
    (deployment, index) => index === 0 || live.some((task) => task.deploymentId === deployment.id),
  );
}
