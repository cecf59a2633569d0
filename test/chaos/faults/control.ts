/** What happens to the control loop: it dies between two writes, it is not there at all, its events go astray. */
import { systemClock } from '../../../core/clock.ts';
import { feeds } from '../../../local/stage-alarms.ts';
import { cameraRow } from '../../flow/camera-that-sends.ts';
import type { Courier } from '../control-process.ts';
import { type ChaosFault, camerasOf, type Scene, someOwner } from '../fault.ts';

const rowAfterMs = 15_000;

/** Ticks and events that reached nobody lie there until somebody does this. */
function purgeEvents({ world }: Scene): void {
  world.cloud.lambda.deadLettersOf(feeds('event-failures')).purge();
}

function killWithEvents(scene: Scene, courier: Courier) {
  const stop = scene.world.control.handEventsTo(courier);
  const taskId = someOwner(scene);
  const cameras = camerasOf(scene, [taskId]);
  scene.world.cloud.compute.killTask(taskId, 'SIGKILL');
  return { cameras, victims: [taskId], heal: stop };
}

export const controlFaults: readonly ChaosFault[] = [
  {
    ...{ name: 'control-killed', room: 'control', holdMs: 0 },
    what: 'a worker is killed, and the control loop is killed in the middle of applying what follows',
    // Which of two functions has the error depends on who comes first, the event or the tick; its event lies in the queue.
    rings: ['queue-event-failures'],
    inject(scene) {
      const { control, cloud } = scene.world;
      const taskId = someOwner(scene);
      const cameras = camerasOf(scene, [taskId]);
      // The first write takes the lock, the second notes that the task has stopped; then come the cameras.
      control.killAtWrite(scene.random.integer(3, 6));
      cloud.compute.killTask(taskId, 'SIGKILL');
      return { cameras, victims: [taskId], isOver: () => !control.isKillPending, mend: () => purgeEvents(scene) };
    },
  },
  {
    ...{ name: 'control-gone', room: 'control', holdMs: 30_000 },
    what: 'no invocation of any function survives its first call for 30 s, in the middle of which a row changes',
    rings: ['errors-reconcile', 'errors-camera-changed', 'queue-event-failures'],
    inject(scene) {
      const { world, watch, random } = scene;
      const good = random.pick(world.cameraIds);
      const priority = world.rows.get(good)?.priority === 41 ? 42 : 41;
      // So late that the last of its five tries comes when all is well again.
      systemClock.setTimer(rowAfterMs, () => void world.putRow(cameraRow(good, { priority })));
      const isTaken = () => watch.states.find(({ cameraId }) => cameraId === good)?.camera?.priority === priority;
      const heal = world.control.goAway();
      return { cameras: world.cameraIds, heal, isOver: isTaken, mend: () => purgeEvents(scene) };
    },
  },
  {
    ...{ name: 'events-lost', room: 'events', holdMs: 15_000 },
    what: 'a worker is killed while every event is lost for 15 s: only the tick is left',
    inject: (scene) => killWithEvents(scene, () => {}),
  },
  {
    ...{ name: 'events-shuffled', room: 'events', holdMs: 15_000 },
    what: 'a worker is killed while each event comes one to three times, up to 4 s late, in any order, for 15 s',
    inject(scene) {
      const { random } = scene;
      return killWithEvents(scene, (deliver) => {
        const times = random.integer(1, 3);
        for (let time = 0; time < times; time += 1) systemClock.setTimer(random.between(0, 4_000), deliver);
      });
    },
  },
];
