/**
 * ECS operations on tasks: list, describe, stop, and scale-in protection.
 * Invariant: StopTask stops a protected task too, as in AWS; protection guards only against the service scheduler.
 */
import { lastPart } from './arns.ts';
import type { Cluster, Task } from './compute-state.ts';
import type { ComputeWorld } from './compute-world.ts';
import { badToken, clusterOf, ecsFields, invalid, pageSizeOf, serviceOf } from './ecs-lookup.ts';
import { epochSeconds, taskView } from './ecs-views.ts';
import { type Fields, type Operations, pageOf } from './request-fields.ts';
import { checkedProtectionMinutes, protect, protectionView } from './task-protection.ts';
import type { TaskSupervisor } from './task-supervisor.ts';

/** DescribeTasks 100 tasks a call; UpdateTaskProtection 10; GetTaskProtection 100. */
const describeTasksMax = 100;
const updateProtectionMax = 10;

export function ecsTaskOperations(world: ComputeWorld, supervisor: TaskSupervisor): Operations {
  const { tasks } = world.state;

  const find = (cluster: Cluster, reference: string): Task | undefined => {
    const task = tasks.get(lastPart(reference));
    return task?.clusterName === cluster.name ? task : undefined;
  };
  const missing = (cluster: Cluster, reference: string): Fields => ({
    arn: world.arns.task(cluster.name, lastPart(reference)),
    reason: 'MISSING',
  });

  return {
    ListTasks(input) {
      const fields = ecsFields(input);
      const cluster = clusterOf(world, fields);
      const serviceName = fields.optionalText('serviceName');
      if (serviceName !== undefined) serviceOf(world, cluster, serviceName);
      const host = fields.optionalText('containerInstance');
      const family = fields.optionalText('family');
      const startedBy = fields.optionalText('startedBy');
      const desiredStatus = fields.optionalText('desiredStatus') ?? 'RUNNING';
      const chosen = [...tasks.values()].filter(
        (task) =>
          task.clusterName === cluster.name &&
          task.desiredStatus === desiredStatus &&
          (serviceName === undefined || task.serviceName === lastPart(serviceName)) &&
          (host === undefined || lastPart(task.containerInstanceArn) === lastPart(host)) &&
          (family === undefined || task.taskDefinition.startsWith(`${family}:`)) &&
          (startedBy === undefined || task.deploymentId === startedBy),
      );
      const { page, next } = pageOf(chosen, fields.optionalText('nextToken'), pageSizeOf(fields), badToken);
      return { taskArns: page.map((task) => world.arns.task(cluster.name, task.id)), nextToken: next };
    },

    DescribeTasks(input) {
      const fields = ecsFields(input);
      const cluster = clusterOf(world, fields);
      const references = fields.texts('tasks');
      if (references.length === 0) throw invalid('Tasks cannot be empty.');
      if (references.length > describeTasksMax) throw invalid('Tasks cannot have more than 100 elements.');
      const found: Fields[] = [];
      const failures: Fields[] = [];
      for (const reference of references) {
        const task = find(cluster, reference);
        if (task !== undefined) found.push(taskView(world, task, epochSeconds));
        else failures.push(missing(cluster, reference));
      }
      return { tasks: found, failures };
    },

    StopTask(input) {
      const fields = ecsFields(input);
      const cluster = clusterOf(world, fields);
      const task = find(cluster, fields.text('task'));
      if (task === undefined) throw invalid('The referenced task was not found.');
      const reason = fields.optionalText('reason') ?? 'Task stopped by user';
      supervisor.stop(task, { stopCode: 'UserInitiated', reason });
      world.changed();
      return { task: taskView(world, task, epochSeconds) };
    },

    GetTaskProtection(input) {
      const fields = ecsFields(input);
      const cluster = clusterOf(world, fields);
      const references = fields.texts('tasks');
      if (references.length > describeTasksMax) throw invalid('Tasks cannot have more than 100 elements.');
      const protectedTasks: Fields[] = [];
      const failures: Fields[] = [];
      const all =
        references.length > 0 ? references : [...tasks.values()].filter(isLiveIn(cluster)).map((task) => task.id);
      for (const reference of all) {
        const task = find(cluster, reference);
        if (task !== undefined) protectedTasks.push(protectionView(world, task, epochSeconds));
        else failures.push(missing(cluster, reference));
      }
      return { protectedTasks, failures };
    },

    UpdateTaskProtection(input) {
      const fields = ecsFields(input);
      const cluster = clusterOf(world, fields);
      const references = fields.texts('tasks');
      if (references.length === 0) throw invalid('Tasks cannot be empty.');
      if (references.length > updateProtectionMax) throw invalid('Tasks cannot have more than 10 elements.');
      const enabled = fields.optionalBoolean('protectionEnabled');
      if (enabled === undefined) throw invalid('protectionEnabled is required.');
      const minutes = checkedProtectionMinutes(fields.optionalInteger('expiresInMinutes'));
      const protectedTasks: Fields[] = [];
      const failures: Fields[] = [];
      for (const reference of references) {
        const task = find(cluster, reference);
        const refusal = task === undefined ? 'MISSING' : protect(world, task, enabled, minutes);
        if (task !== undefined && refusal === null) protectedTasks.push(protectionView(world, task, epochSeconds));
        else failures.push({ ...missing(cluster, reference), reason: refusal });
      }
      return { protectedTasks, failures };
    },
  };
}

const isLiveIn =
  (cluster: Cluster) =>
  (task: Task): boolean =>
    task.clusterName === cluster.name && task.lastStatus !== 'STOPPED';
