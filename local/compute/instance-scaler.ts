/**
 * Auto Scaling's and EC2's part of the reconciler: brings each group's instances to its desired capacity. Instances boot
 * (Pending → InService), register with ECS as container instances, are replaced when unhealthy, and are terminated.
 * Invariant: lowering desired capacity never picks an instance that is protected from scale-in.
 */
import {
  emitContainerInstanceStateChange,
  emitInstanceState,
  emitRebalanceRecommendation,
  emitScalingActivity,
  emitSpotInterruption,
} from './compute-events.ts';
import { type Activity, type ContainerInstance, type Group, type Instance, tasksOn } from './compute-state.ts';
import { type ComputeWorld, newInstanceId, type ReconcilePart } from './compute-world.ts';
import { capacityProviderOf, containerInstanceOf, registerContainerInstance } from './container-registration.ts';
import { choosePool, failedLaunchWords, marketOfNext, shortageWords } from './launch-pools.ts';
import { ScalingActivities } from './scaling-activities.ts';
import type { StopReason, TaskSupervisor } from './task-supervisor.ts';

/** Managed draining's lifecycle hook gives up after 48 hours (ECS developer guide). */
const managedDrainingMaxMs = 48 * 3_600_000;

export class InstanceScaler implements ReconcilePart {
  readonly #world: ComputeWorld;
  readonly #tasks: TaskSupervisor;
  readonly #activities: ScalingActivities;
  /** Per group: no launch before this time, because the last one failed. */
  readonly #launchRetryAtMs = new Map<string, number>();
  /** Per group: the desired capacity that protected instances keep from being reached, reported once. */
  readonly #blockedDesired = new Map<string, number>();
  /** Instances in Terminating:Wait, with what ends the wait. */
  readonly #draining = new Map<string, () => void>();
  #zoneTurn = 0;

  constructor(world: ComputeWorld, tasks: TaskSupervisor) {
    this.#world = world;
    this.#tasks = tasks;
    this.#activities = new ScalingActivities(world);
  }

  /** Pending and InService: what counts towards desired capacity. */
  active(group: Group): Instance[] {
    return this.all(group).filter((one) => one.groupState === 'Pending' || one.groupState === 'InService');
  }

  /** Everything the group still shows. */
  all(group: Group): Instance[] {
    return [...this.#world.state.instances.values()].filter(
      (one) => one.groupName === group.name && one.groupState !== 'Terminated',
    );
  }

  reconcile(): boolean {
    let moved = this.#endDraining();
    for (const group of [...this.#world.state.groups.values()]) moved = this.#reconcileGroup(group) || moved;
    return moved;
  }

  #reconcileGroup(group: Group): boolean {
    for (const instance of this.active(group)) {
      if (!instance.healthy) {
        const cause = `At ${this.#time()} an instance was taken out of service in response to an EC2 health check indicating it has been terminated or stopped.`;
        this.terminate(group, instance, cause);
        return true;
      }
    }
    const active = this.active(group);
    if (active.length < group.desiredCapacity) {
      this.#blockedDesired.delete(group.name);
      if (this.#world.nowMs() < (this.#launchRetryAtMs.get(group.name) ?? 0)) return false;
      this.#launch(group, active);
      return true;
    }
    if (active.length > group.desiredCapacity) return this.#scaleIn(group, active);
    this.#blockedDesired.delete(group.name);
    if (group.deleting && this.all(group).length === 0) {
      this.#world.state.groups.delete(group.name);
      this.#world.definitionChanged();
      return true;
    }
    return false;
  }

  #scaleIn(group: Group, active: Instance[]): boolean {
    // Default termination policy, near enough: the oldest instance first.
    const candidate = active
      .filter((one) => group.deleting || !one.protectedFromScaleIn)
      .sort((a, b) => a.launchedAtMs - b.launchedAtMs)[0];
    const from = active.length;
    const shrinking = `At ${this.#time()} an instance was taken out of service in response to a difference between desired and actual capacity, shrinking the capacity from ${from} to ${from - 1}.`;
    if (candidate !== undefined) {
      this.terminate(group, candidate, `${group.desiredCause}  ${shrinking}`);
      return true;
    }
    if (this.#blockedDesired.get(group.name) === group.desiredCapacity) return false;
    this.#blockedDesired.set(group.name, group.desiredCapacity);
    const activity = this.#activities.begin(
      group,
      'Could not scale to desired capacity because all remaining instances are protected from scale-in.',
      group.desiredCause,
      {},
    );
    this.#activities.end(
      activity,
      'Failed',
      'Could not scale to desired capacity because all remaining instances are protected from scale-in.',
    );
    return false;
  }

  #launch(group: Group, active: Instance[]): void {
    const from = active.length;
    const cause = `${group.desiredCause}  At ${this.#time()} an instance was started in response to a difference between desired and actual capacity, increasing the capacity from ${from} to ${from + 1}.`;
    const market = marketOfNext(group, active);
    const fault = this.#world.context.faults.take({
      service: 'ec2',
      operation: 'RunInstances',
      resource: group.name,
      caller: 'autoscaling',
    });
    const turn = this.#zoneTurn++;
    const { pool, failedZones } =
      fault === null
        ? choosePool(group, market, this.#world.state.shortages, turn)
        : { pool: null, failedZones: group.availabilityZones.slice(0, 1) };
    for (const zone of failedZones) {
      const words =
        fault === null ? shortageWords(group, market, zone) : failedLaunchWords(market, fault.code, fault.message);
      this.#failLaunch(group, zone, cause, words);
    }
    if (pool === null) {
      this.#launchRetryAtMs.set(group.name, this.#world.nowMs() + this.#world.timings.launchRetryMs);
      this.#world.after(this.#world.timings.launchRetryMs, () => {});
      return;
    }
    const { zone, instanceType } = pool;
    const details = { 'Subnet ID': group.subnetIds.split(',')[0] ?? '', 'Availability Zone': zone };
    this.#launchRetryAtMs.delete(group.name);
    const id = newInstanceId();
    const activity = this.#activities.begin(group, `Launching a new EC2 instance: ${id}`, cause, details);
    const instance: Instance = {
      id,
      groupName: group.name,
      instanceType,
      lifecycle: market,
      availabilityZone: zone,
      privateIp: `10.0.${this.#zoneTurn % 250}.${10 + (this.#world.state.instances.size % 240)}`,
      ec2State: 'pending',
      groupState: 'Pending',
      healthy: true,
      protectedFromScaleIn: group.newInstancesProtected,
      launchedAtMs: this.#world.nowMs(),
      stateReason: '',
      terminatedAtMs: null,
      interruptionAtMs: null,
      launchActivityId: activity.id,
    };
    this.#world.state.instances.set(id, instance);
    emitInstanceState(this.#world, instance);
    this.#world.after(this.#world.timings.bootDelayMs + this.#world.jitterMs(), () =>
      this.#inService(group, instance, activity),
    );
  }

  #failLaunch(group: Group, zone: string, cause: string, message: string): void {
    const description = `Launching a new EC2 instance.  Status Reason: ${message}`;
    const details = { 'Subnet ID': group.subnetIds.split(',')[0] ?? '', 'Availability Zone': zone };
    const activity = this.#activities.begin(group, description, cause, details);
    this.#activities.end(activity, 'Failed', message);
    emitScalingActivity(this.#world, group, activity, 'Launch', null);
  }

  #inService(group: Group, instance: Instance, activity: Activity): void {
    if (instance.groupState !== 'Pending') return;
    instance.ec2State = 'running';
    instance.groupState = 'InService';
    emitInstanceState(this.#world, instance);
    this.#activities.end(activity, 'Successful', null);
    emitScalingActivity(this.#world, group, activity, 'Launch', instance);
    this.#world.after(this.#world.timings.registrationDelayMs, () => registerContainerInstance(this.#world, instance));
  }

  /**
   * Begins to terminate. With managed draining a healthy instance first waits (Terminating:Wait) while its tasks leave;
   * then, or at once, tasks that are left get SIGTERM, and SIGKILL when the machine is off.
   */
  terminate(group: Group, instance: Instance, cause: string): Activity {
    const activity = this.#activities.begin(group, `Terminating EC2 instance: ${instance.id}`, cause, {
      'Subnet ID': group.subnetIds.split(',')[0] ?? '',
      'Availability Zone': instance.availabilityZone,
    });
    const launch = this.#world.state.activities.find((one) => one.id === instance.launchActivityId);
    if (launch?.statusCode === 'InProgress') {
      this.#activities.end(launch, 'Cancelled', 'The instance was terminated while it started.');
    }
    const proceed = (): void => {
      this.#draining.delete(instance.id);
      instance.groupState = 'Terminating';
      this.#shutDown(instance, cause, () => {
        instance.groupState = 'Terminated';
        this.#activities.end(activity, 'Successful', null);
        emitScalingActivity(this.#world, group, activity, 'Terminate', instance);
      });
    };
    const host = containerInstanceOf(this.#world, instance.id);
    const drains = capacityProviderOf(this.#world, group.name)?.managedDraining === 'ENABLED';
    if (host === undefined || !drains || !instance.healthy || tasksOn(this.#world.state, host).length === 0) {
      proceed();
      return activity;
    }
    instance.groupState = 'Terminating:Wait';
    this.#draining.set(instance.id, proceed);
    this.#drain(host);
    this.#world.after(managedDrainingMaxMs, () => this.#draining.get(instance.id)?.());
    return activity;
  }

  #drain(host: ContainerInstance): void {
    if (host.status !== 'ACTIVE') return;
    host.status = 'DRAINING';
    emitContainerInstanceStateChange(this.#world, host);
  }

  /** Instances whose last task has left go on to terminate. */
  #endDraining(): boolean {
    let moved = false;
    for (const [instanceId, proceed] of [...this.#draining]) {
      const host = containerInstanceOf(this.#world, instanceId);
      if (host !== undefined && tasksOn(this.#world.state, host).length > 0) continue;
      proceed();
      moved = true;
    }
    return moved;
  }

  #shutDown(instance: Instance, reason: string, done: () => void): void {
    const off = (): void => {
      const stopReason = hostTerminated(instance);
      const host = containerInstanceOf(this.#world, instance.id);
      if (host !== undefined) {
        this.#tasks.hostGone(host.arn, stopReason);
        host.status = 'INACTIVE';
        emitContainerInstanceStateChange(this.#world, host);
        this.#world.state.containerInstances.delete(host.arn);
      }
      instance.ec2State = 'terminated';
      instance.terminatedAtMs = this.#world.nowMs();
      emitInstanceState(this.#world, instance);
      this.#world.after(this.#world.timings.historyMs, () => this.#world.state.instances.delete(instance.id));
      done();
    };
    instance.ec2State = 'shutting-down';
    instance.stateReason = reason;
    emitInstanceState(this.#world, instance);
    const host = containerInstanceOf(this.#world, instance.id);
    if (host !== undefined) {
      host.agentConnected = false;
      emitContainerInstanceStateChange(this.#world, host);
      for (const task of this.#world.state.tasks.values()) {
        if (task.containerInstanceArn === host.arn) this.#tasks.stop(task, hostTerminated(instance));
      }
    }
    this.#world.after(this.#world.timings.terminationDelayMs, off);
  }

  /** Spot: the notice now, the end after two minutes; the ECS agent drains the container instance meanwhile. */
  interrupt(instance: Instance): void {
    if (instance.interruptionAtMs !== null || instance.groupState === 'Terminated') return;
    instance.interruptionAtMs = this.#world.nowMs() + this.#world.timings.spotNoticeMs;
    emitSpotInterruption(this.#world, instance);
    const host = containerInstanceOf(this.#world, instance.id);
    if (host !== undefined) this.#drain(host);
    this.#world.after(this.#world.timings.spotNoticeMs, () => {
      instance.healthy = false;
      this.#draining.get(instance.id)?.();
    });
    this.#world.changed();
  }

  recommendRebalance(instance: Instance): void {
    emitRebalanceRecommendation(this.#world, instance);
  }

  #time(): string {
    return `${new Date(this.#world.nowMs()).toISOString().slice(0, 19)}Z`;
  }
}

function hostTerminated(instance: Instance): StopReason {
  return {
    stopCode: instance.interruptionAtMs === null ? 'TerminationNotice' : 'SpotInterruption',
    reason: `Host EC2 (instance ${instance.id}) terminated.`,
  };
}
