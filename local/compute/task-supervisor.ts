/**
 * The life of one task: PROVISIONING, PENDING, RUNNING, STOPPING, STOPPED. It starts the task's code through the runner with
 * the environment that the ECS agent would give, stops it with SIGTERM and, after the stop timeout, SIGKILL.
 * Invariant: a task reaches STOPPED once, and only after its code is gone.
 */
import { emitContainerInstanceStateChange, emitTaskStateChange } from './compute-events.ts';
import type { ContainerInstance, Deployment, Service, Task, TaskDefinition } from './compute-state.ts';
import { type ComputeWorld, newHexId, newUuid, type ReconcilePart } from './compute-world.ts';
import type { RunningTask, TaskExit, TaskSignal } from './task-runner.ts';

export type StopReason = { stopCode: string; reason: string };
export const essentialContainerExited: StopReason = {
  stopCode: 'EssentialContainerExited',
  reason: 'Essential container in task exited',
};

/** Stopped tasks that can still be described; the oldest go first. */
const stoppedTasksMax = 1_000;

export class TaskSupervisor implements ReconcilePart {
  readonly #world: ComputeWorld;
  readonly #running = new Map<string, RunningTask>();
  readonly #cancelKill = new Map<string, () => void>();
  readonly #stopListeners: ((task: Task) => void)[] = [];
  readonly #waiters = new Set<() => void>();

  constructor(world: ComputeWorld) {
    this.#world = world;
  }

  /** Called once for each task that has stopped. */
  onStopped(listener: (task: Task) => void): void {
    this.#stopListeners.push(listener);
  }

  place(service: Service, deployment: Deployment, definition: TaskDefinition, host: ContainerInstance): Task {
    const task: Task = {
      id: newHexId(),
      clusterName: service.clusterName,
      serviceName: service.name,
      deploymentId: deployment.id,
      taskDefinition: `${definition.family}:${definition.revision}`,
      containerInstanceArn: host.arn,
      containerId: newUuid(),
      capacityProvider: service.capacityProviderStrategy.length > 0 ? host.capacityProvider : '',
      availabilityZone: host.attributes['ecs.availability-zone'] ?? '',
      lastStatus: 'PROVISIONING',
      desiredStatus: 'RUNNING',
      requires: { ...definition.requires },
      createdAtMs: this.#world.nowMs(),
      startedAtMs: null,
      stoppingAtMs: null,
      stoppedAtMs: null,
      stopCode: null,
      stoppedReason: null,
      exitCode: null,
      protectedUntilMs: null,
      version: 0,
      pid: null,
      httpPort: null,
    };
    this.#world.state.tasks.set(task.id, task);
    this.#announce(task);
    emitContainerInstanceStateChange(this.#world, host);
    return task;
  }

  /** PROVISIONING tasks become PENDING at once and start after the start delay. */
  reconcile(): boolean {
    let moved = false;
    for (const task of this.#world.state.tasks.values()) {
      if (task.lastStatus !== 'PROVISIONING' || task.desiredStatus !== 'RUNNING') continue;
      task.lastStatus = 'PENDING';
      this.#announce(task);
      this.#world.after(this.#world.timings.taskStartDelayMs, () => this.#world.track(this.#start(task)));
      moved = true;
    }
    return moved;
  }

  /** Tells a task to stop; harmless when it already is stopping. */
  stop(task: Task, { stopCode, reason }: StopReason): void {
    if (task.desiredStatus === 'STOPPED') return;
    task.desiredStatus = 'STOPPED';
    task.stopCode = stopCode;
    task.stoppedReason = reason;
    task.stoppingAtMs = this.#world.nowMs();
    const running = this.#running.get(task.id);
    if (running === undefined) {
      // Not started: nothing to wait for. A start under way sees desiredStatus and ends itself.
      this.#finish(task, null);
      return;
    }
    task.lastStatus = 'STOPPING';
    this.#announce(task);
    running.signal('SIGTERM');
    const stopTimeoutMs = this.#world.state.taskDefinitions.get(task.taskDefinition)?.stopTimeoutMs ?? 30_000;
    this.#cancelKill.set(
      task.id,
      this.#world.after(stopTimeoutMs, () => this.#kill(running)),
    );
  }

  /** The host is gone: what still runs on it is gone as well. */
  hostGone(containerInstanceArn: string, reason: StopReason): void {
    for (const task of this.#world.state.tasks.values()) {
      if (task.containerInstanceArn !== containerInstanceArn || task.lastStatus === 'STOPPED') continue;
      this.stop(task, reason);
      const running = this.#running.get(task.id);
      if (running !== undefined) this.#kill(running);
    }
  }

  /** Sends a signal to a task's process as an operator on the host could; ECS knows nothing of it until it exits. */
  signal(taskId: string, signal: TaskSignal): boolean {
    const running = this.#running.get(taskId);
    if (running === undefined) return false;
    if (signal === 'SIGKILL') this.#kill(running);
    else running.signal(signal);
    return true;
  }

  /** Stops every task with SIGTERM; resolves when all are gone. Only once nothing places tasks any more. */
  async stopAll(reason: StopReason): Promise<void> {
    const open = () => [...this.#world.state.tasks.values()].filter((task) => task.lastStatus !== 'STOPPED');
    for (const task of open()) this.stop(task, reason);
    await this.until(() => open().length === 0);
  }

  /** Resolves when `condition` holds; looked at after each change of any task. */
  async until(condition: () => boolean): Promise<void> {
    if (condition()) return;
    await new Promise<void>((resolve) => {
      const check = (): void => {
        if (!condition()) return;
        this.#waiters.delete(check);
        resolve();
      };
      this.#waiters.add(check);
    });
  }

  async #start(task: Task): Promise<void> {
    if (task.desiredStatus === 'STOPPED') return;
    const definition = this.#world.state.taskDefinitions.get(task.taskDefinition);
    const container = definition?.containers[0];
    if (container === undefined) return;
    let running: RunningTask;
    try {
      running = await this.#world.runner.start({
        taskId: task.id,
        command: container.command,
        environment: this.#environment(task, container.environment),
      });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (task.lastStatus === 'STOPPED') return;
      task.desiredStatus = 'STOPPED';
      task.stopCode = 'TaskFailedToStart';
      task.stoppedReason = `CannotStartContainerError: ${message}`;
      this.#finish(task, null);
      return;
    }
    if ((task.desiredStatus as string) === 'STOPPED') {
      this.#kill(running);
      return;
    }
    this.#running.set(task.id, running);
    task.pid = running.pid;
    task.httpPort = running.httpPort;
    task.lastStatus = 'RUNNING';
    task.startedAtMs = this.#world.nowMs();
    this.#announce(task);
    void running.exited.then((exit) => this.#finish(task, exit));
    this.#world.changed();
  }

  /** What the ECS agent injects, over what the definition says, over what every local task gets. */
  #environment(task: Task, fromDefinition: Record<string, string>): Record<string, string> {
    const endpoint = this.#world.context.endpoint();
    const agent = `${endpoint}/ecs-agent/${task.id}`;
    return {
      AWS_REGION: this.#world.context.region,
      AWS_ACCESS_KEY_ID: 'local',
      AWS_SECRET_ACCESS_KEY: 'local',
      AWS_ENDPOINT_URL: endpoint,
      ...this.#world.taskEnvironment,
      ...fromDefinition,
      AWS_EXECUTION_ENV: 'AWS_ECS_EC2',
      ECS_AGENT_URI: agent,
      ECS_CONTAINER_METADATA_URI_V4: `${agent}/v4/${task.containerId}`,
    };
  }

  #kill(running: RunningTask): void {
    this.#world.track(running.exited);
    running.signal('SIGKILL');
  }

  #finish(task: Task, exit: TaskExit | null): void {
    if (task.lastStatus === 'STOPPED') return;
    this.#cancelKill.get(task.id)?.();
    this.#cancelKill.delete(task.id);
    this.#running.delete(task.id);
    if (this.#world.closed) return;
    if (task.desiredStatus === 'RUNNING') {
      task.desiredStatus = 'STOPPED';
      task.stopCode = essentialContainerExited.stopCode;
      task.stoppedReason = exit?.reason
        ? `${essentialContainerExited.reason}: ${exit.reason}`
        : essentialContainerExited.reason;
      task.stoppingAtMs = this.#world.nowMs();
    }
    task.lastStatus = 'STOPPED';
    task.exitCode = exit?.exitCode ?? null;
    task.stoppedAtMs = this.#world.nowMs();
    task.protectedUntilMs = null;
    this.#announce(task);
    const host = this.#world.state.containerInstances.get(task.containerInstanceArn);
    if (host !== undefined) emitContainerInstanceStateChange(this.#world, host);
    for (const listener of this.#stopListeners) listener(task);
    this.#forgetLater(task);
    this.#world.changed();
  }

  #forgetLater(task: Task): void {
    const { tasks } = this.#world.state;
    this.#world.after(this.#world.timings.historyMs, () => tasks.delete(task.id));
    const stopped = [...tasks.values()].filter((other) => other.lastStatus === 'STOPPED');
    for (const old of stopped.slice(0, Math.max(0, stopped.length - stoppedTasksMax))) tasks.delete(old.id);
  }

  #announce(task: Task): void {
    emitTaskStateChange(this.#world, task);
    for (const check of [...this.#waiters]) check();
  }
}
