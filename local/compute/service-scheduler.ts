/**
 * The ECS service scheduler: keeps each service at its desired count on the revision of its primary deployment, rolls
 * deployments within minimum and maximum percent, stops unprotected tasks only, and backs off when a task cannot be placed.
 * Invariant: a protected task is never told to stop by a service; the excess stays until its protection ends.
 */
import { emitServiceAction } from './compute-events.ts';
import { type Deployment, isProtected, liveTasks, type Service, serviceKey, type Task } from './compute-state.ts';
import { type ComputeWorld, newUuid, type ReconcilePart } from './compute-world.ts';
import { completeDeployment, countFailedTask, primaryDeployment } from './deployments.ts';
import { findHost } from './placement.ts';
import type { TaskSupervisor } from './task-supervisor.ts';

/** DescribeServices gives the last 100 events. */
const serviceEventsMax = 100;
/** ECS starts at most 500 tasks per minute and service; a pass starts at most this many, the next pass goes on. */
const placementsPerPass = 10;
/** A task that ends by itself sooner than this counts as a failed start. AWS counts only tasks that never ran. */
const youngTaskMs = 10_000;
/** So many failed starts in a row slow the service down. */
const startFailuresBeforeThrottle = 3;

export class ServiceScheduler implements ReconcilePart {
  readonly #world: ComputeWorld;
  readonly #tasks: TaskSupervisor;

  constructor(world: ComputeWorld, tasks: TaskSupervisor) {
    this.#world = world;
    this.#tasks = tasks;
    tasks.onStopped((task) => this.#taskStopped(task));
  }

  reconcile(): boolean {
    let moved = false;
    for (const service of [...this.#world.state.services.values()]) {
      if (service.status !== 'INACTIVE') moved = this.#reconcileService(service) || moved;
    }
    return moved;
  }

  /** After UpdateService: whatever slowed the service down is forgotten. */
  reset(service: Service): void {
    service.placementFailures = 0;
    service.startFailures = 0;
    service.placementRetryAtMs = 0;
    service.steady = false;
  }

  #reconcileService(service: Service): boolean {
    const live = liveTasks(this.#world.state, service);
    const primary = primaryDeployment(service);
    const stale = live.filter((task) => task.deploymentId !== primary.id || this.#isDraining(task));
    const fresh = live.filter((task) => !stale.includes(task));
    if (this.#stopExcess(service, primary, stale, fresh)) return true;
    if (this.#startMissing(service, primary, live, fresh)) return true;
    return this.#settle(service, primary, live, stale);
  }

  #isDraining(task: Task): boolean {
    return this.#world.state.containerInstances.get(task.containerInstanceArn)?.status === 'DRAINING';
  }

  #stopExcess(service: Service, primary: Deployment, stale: Task[], fresh: Task[]): boolean {
    const nowMs = this.#world.nowMs();
    const stoppable = (task: Task) => !isProtected(task, nowMs);
    const isRunning = (task: Task) => task.lastStatus === 'RUNNING';
    // Old tasks that do not run yet serve nobody; running ones go as far as the minimum healthy percent allows.
    const minimumHealthy = Math.ceil((service.desiredCount * service.minimumHealthyPercent) / 100);
    const running = [...stale, ...fresh].filter(isRunning).length;
    const staleRunning = stale.filter((task) => isRunning(task) && stoppable(task));
    const stopped = [
      ...stale.filter((task) => !isRunning(task) && stoppable(task)),
      ...staleRunning.slice(0, Math.max(0, running - minimumHealthy)),
    ];
    const excess = fresh.length - service.desiredCount;
    if (excess > 0) {
      const order = fresh
        .filter(stoppable)
        .sort((a, b) => Number(isRunning(a)) - Number(isRunning(b)) || b.createdAtMs - a.createdAtMs);
      stopped.push(...order.slice(0, excess));
    }
    if (stopped.length === 0) return false;
    const reason = `Scaling activity initiated by (deployment ${primary.id})`;
    for (const task of stopped) this.#tasks.stop(task, { stopCode: 'ServiceSchedulerInitiated', reason });
    this.say(service, `has stopped ${stopped.length} running tasks: ${listOf(stopped)}.`);
    service.steady = false;
    return true;
  }

  #startMissing(service: Service, primary: Deployment, live: Task[], fresh: Task[]): boolean {
    const maximum = Math.floor((service.desiredCount * service.maximumPercent) / 100);
    const missing = service.desiredCount - fresh.length;
    const wanted = Math.min(missing, Math.max(0, maximum - live.length), placementsPerPass);
    if (wanted <= 0 || this.#world.nowMs() < service.placementRetryAtMs) return false;
    const definition = this.#world.state.taskDefinitions.get(primary.taskDefinition);
    if (definition === undefined) return false;
    const started: Task[] = [];
    for (let index = 0; index < wanted; index += 1) {
      const placement = findHost(this.#world.state, service, definition);
      if (placement.host === null) {
        this.#placementFailed(service, placement.resource, placement.why);
        break;
      }
      started.push(this.#tasks.place(service, primary, definition, placement.host));
    }
    if (started.length === 0) return false;
    service.steady = false;
    if (started.length === wanted) service.placementFailures = 0;
    this.say(service, `has started ${started.length} tasks: ${listOf(started)}.`);
    return true;
  }

  #placementFailed(service: Service, resource: string, why: string): void {
    this.#backOff(service, service.placementFailures);
    service.placementFailures += 1;
    service.steady = false;
    this.say(
      service,
      `was unable to place a task because no container instance met all of its requirements. Reason: ${why} For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.`,
    );
    emitServiceAction(this.#world, service, {
      eventType: 'ERROR',
      eventName: 'SERVICE_TASK_PLACEMENT_FAILURE',
      reason: resource,
    });
  }

  #backOff(service: Service, failures: number): void {
    const { placementBackoffMs, placementBackoffMaxMs } = this.#world.timings;
    const waitMs = Math.min(placementBackoffMaxMs, placementBackoffMs * 2 ** Math.min(failures, 30));
    service.placementRetryAtMs = this.#world.nowMs() + waitMs;
    this.#world.after(waitMs, () => {});
  }

  #settle(service: Service, primary: Deployment, live: Task[], stale: Task[]): boolean {
    if (service.status === 'DRAINING') {
      const left = [...this.#world.state.tasks.values()].some(
        (task) =>
          task.serviceName === service.name &&
          task.clusterName === service.clusterName &&
          task.lastStatus !== 'STOPPED',
      );
      if (left) return false;
      service.status = 'INACTIVE';
      this.#world.definitionChanged();
      const key = serviceKey(service.clusterName, service.name);
      // INACTIVE services can be described for a while, then are forgotten; a new one of the same name takes the key.
      this.#world.after(this.#world.timings.historyMs, () => {
        if (this.#world.state.services.get(key) === service) this.#world.state.services.delete(key);
      });
      return true;
    }
    const running = live.filter((task) => task.lastStatus === 'RUNNING').length;
    if (service.steady || stale.length > 0 || live.length !== service.desiredCount || running !== live.length)
      return false;
    service.steady = true;
    completeDeployment(this.#world, service, primary, live);
    this.say(service, 'has reached a steady state.');
    emitServiceAction(this.#world, service, { eventType: 'INFO', eventName: 'SERVICE_STEADY_STATE' });
    return true;
  }

  #taskStopped(task: Task): void {
    const service = this.#world.state.services.get(serviceKey(task.clusterName, task.serviceName));
    if (service === undefined) return;
    service.steady = false;
    const byItself = task.stopCode === 'EssentialContainerExited' || task.stopCode === 'TaskFailedToStart';
    if (!byItself) return;
    const livedMs = task.startedAtMs === null ? 0 : this.#world.nowMs() - task.startedAtMs;
    if (livedMs >= youngTaskMs) {
      service.startFailures = 0;
      return;
    }
    service.startFailures += 1;
    countFailedTask(this.#world, service, task, (deployment) => {
      this.reset(service);
      this.say(service, `rolling back to deployment ${deployment.id}.`);
    });
    if (service.startFailures < startFailuresBeforeThrottle) return;
    this.#backOff(service, service.startFailures - startFailuresBeforeThrottle);
    this.say(
      service,
      'is unable to consistently start tasks successfully. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.',
    );
    emitServiceAction(this.#world, service, { eventType: 'WARN', eventName: 'SERVICE_TASK_START_IMPAIRED' });
  }

  /** Adds a service event, newest first, in ECS's wording: `(service name) …`. */
  say(service: Service, text: string): void {
    const message = `(service ${service.name}) ${text}`;
    service.events.unshift({ id: newUuid(), createdAtMs: this.#world.nowMs(), message });
    service.events.length = Math.min(service.events.length, serviceEventsMax);
  }
}

const listOf = (tasks: Task[]): string => tasks.map((task) => `(task ${task.id})`).join(' ');
