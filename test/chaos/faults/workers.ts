/** What happens to worker processes: killed, stopped in their tracks, all at once, short of memory. */
import { type ChaosFault, camerasOf, type Scene, someOwner } from '../fault.ts';

function kill(scene: Scene, victims: readonly string[]) {
  const cameras = camerasOf(scene, victims);
  for (const taskId of victims) scene.world.cloud.compute.killTask(taskId, 'SIGKILL');
  return { cameras, victims };
}

export const workerFaults: readonly ChaosFault[] = [
  {
    ...{ name: 'kill', room: 'workers', holdMs: 0 },
    what: 'one worker is killed (SIGKILL)',
    inject: (scene) => kill(scene, [someOwner(scene)]),
  },
  {
    ...{ name: 'kill-all', room: 'workers', holdMs: 0 },
    what: 'all workers are killed at once: no spare capacity is left',
    inject: (scene) =>
      kill(
        scene,
        scene.world.liveTasks().map(({ taskId }) => taskId),
      ),
  },
  {
    ...{ name: 'hang', room: 'workers', holdMs: 0 },
    what: 'one worker is stopped (SIGSTOP) and never goes on',
    inject(scene) {
      const taskId = someOwner(scene);
      const cameras = camerasOf(scene, [taskId]);
      scene.world.cloud.compute.killTask(taskId, 'SIGSTOP');
      const isGone = () => scene.world.liveTasks().every((task) => task.taskId !== taskId);
      return { cameras, victims: [taskId], isOver: isGone };
    },
  },
  {
    ...{ name: 'stall', room: 'workers', holdMs: 20_000 },
    what: 'one worker is stopped for 20 s and then goes on: longer than its lease, shorter than its death',
    inject(scene) {
      const taskId = someOwner(scene);
      scene.world.cloud.compute.killTask(taskId, 'SIGSTOP');
      const heal = () => void scene.world.cloud.compute.killTask(taskId, 'SIGCONT');
      return { cameras: camerasOf(scene, [taskId]), heal };
    },
  },
  {
    ...{ name: 'memory', room: 'host', holdMs: 0 },
    what: 'one worker fills its memory until it dies of it',
    inject(scene) {
      const taskId = someOwner(scene);
      const cameras = camerasOf(scene, [taskId]);
      scene.world.workers.pull(taskId, { isGreedy: true });
      return { cameras, victims: [taskId] };
    },
  },
];
