/** What happens to machines: Spot takes them back, EC2 has none, or they are emptied. */
import { markDraining } from '../../../aws/workers.ts';
import { systemClock } from '../../../core/clock.ts';
import { type ChaosFault, camerasOf, someOwner } from '../fault.ts';
import { cutOff } from './apis.ts';

export const capacityFaults: readonly ChaosFault[] = [
  {
    ...{ name: 'spot-half', room: 'capacity', holdMs: 0 },
    what: 'half of the instances (rounded up) get a Spot notice; they go 30 s later (AWS: 120 s)',
    inject(scene) {
      const { world, random } = scene;
      const tasks = world.liveTasks().filter(({ instanceId }) => instanceId !== null);
      const first = random.integer(0, tasks.length - 1);
      const taken = Array.from(
        { length: Math.ceil(tasks.length / 2) },
        (_, index) => tasks[(first + index) % tasks.length],
      );
      const victims = taken.flatMap((task) => task?.taskId ?? []);
      const cameras = camerasOf(scene, victims);
      for (const task of taken) world.cloud.compute.interruptSpot(task?.instanceId ?? '');
      const isGone = () => world.liveTasks().every(({ taskId }) => !victims.includes(taskId));
      return { cameras, victims, isOver: isGone };
    },
  },
  {
    ...{ name: 'drought', room: 'capacity', holdMs: 20_000 },
    what: 'EC2 has no machine for 20 s, and one that runs is lost',
    rings: ['default-no-capacity'],
    inject(scene) {
      const { compute } = scene.world.cloud;
      const taskId = someOwner(scene);
      const cameras = camerasOf(scene, [taskId]);
      const host = compute.listTasks().find((task) => task.taskId === taskId);
      const instance = compute.listInstances().find(({ id }) => id === host?.instanceId);
      compute.setShortages([{}]);
      compute.interruptSpot(instance?.id ?? '');
      return { cameras, victims: [taskId], heal: () => compute.setShortages([]) };
    },
  },
  {
    ...{ name: 'spot-unpublished', room: 'capacity', holdMs: 14_000 },
    what: 'a Spot notice for the machine of a worker whose way to the result stream is reset for 14 s',
    inject(scene) {
      const { compute } = scene.world.cloud;
      const { taskId, cameras, heal } = cutOff(scene, ['kinesis'], 'reset');
      compute.interruptSpot(compute.listTasks().find((task) => task.taskId === taskId)?.instanceId ?? '');
      const isOver = () => scene.world.liveTasks().every((task) => task.taskId !== taskId);
      return { cameras, victims: [taskId], heal, isOver };
    },
  },
  {
    ...{ name: 'handover-unpublished', room: 'capacity', holdMs: 20_000, losesNothing: true },
    what: 'a worker whose way to the result stream is reset for 20 s hands all its cameras over',
    async inject(scene) {
      const { clients, names, fleet } = scene.world;
      const { taskId, cameras, heal } = cutOff(scene, ['kinesis'], 'reset');
      const drain = { sinceMs: systemClock.nowMs(), reason: 'chaos', handover: {} };
      await markDraining(clients, names.tables.workers, { fleet, workerId: taskId }, drain);
      const isOver = () => scene.world.liveTasks().every((task) => task.taskId !== taskId);
      return { cameras, victims: [taskId], heal, isOver };
    },
  },
];
