/** What happens to clocks: a worker's, and control's, wrong by half a minute, or standing still. */
import { systemClock } from '../../../core/clock.ts';
import type { ControlSkew } from '../chaos-world.ts';
import { type ChaosFault, camerasOf, type Scene, someOwner } from '../fault.ts';
import type { Levers } from '../worker-processes.ts';

const skewMs = 30_000;

function bend(scene: Scene, levers: Levers) {
  const taskId = someOwner(scene);
  const cameras = camerasOf(scene, [taskId]);
  scene.world.workers.pull(taskId, levers);
  return { cameras, heal: () => scene.world.workers.pull(taskId, {}) };
}

function bendControl({ world }: Scene, skew: Partial<ControlSkew>) {
  Object.assign(world.skew, skew);
  const heal = () => {
    Object.assign(world.skew, { controlAheadMs: 0, controlFrozenAtMs: null });
  };
  return { cameras: world.cameraIds, heal };
}

export const clockFaults: readonly ChaosFault[] = [
  {
    ...{ name: 'worker-behind', room: 'clocks', holdMs: 40_000, bendsTime: true },
    what: "one worker's clock is 30 s behind for 40 s",
    inject: (scene) => bend(scene, { aheadMs: -skewMs }),
  },
  {
    ...{ name: 'worker-ahead', room: 'clocks', holdMs: 40_000, bendsTime: true },
    what: "one worker's clock is 30 s ahead for 40 s",
    inject: (scene) => bend(scene, { aheadMs: skewMs }),
  },
  {
    ...{ name: 'worker-frozen', room: 'clocks', holdMs: 40_000, bendsTime: true },
    what: "one worker's clock stands still for 40 s",
    inject: (scene) => bend(scene, { frozenAtMs: systemClock.nowMs() }),
  },
  {
    ...{ name: 'control-ahead', room: 'clocks', holdMs: 40_000, bendsTime: true },
    what: "control's clock is 30 s ahead for 40 s",
    inject: (scene) => bendControl(scene, { controlAheadMs: skewMs }),
  },
  {
    ...{ name: 'control-behind', room: 'clocks', holdMs: 40_000, bendsTime: true },
    what: "control's clock is 30 s behind for 40 s",
    inject: (scene) => bendControl(scene, { controlAheadMs: -skewMs }),
  },
  {
    ...{ name: 'control-frozen', room: 'clocks', holdMs: 40_000, bendsTime: true },
    what: "control's clock stands still for 40 s",
    inject: (scene) => bendControl(scene, { controlFrozenAtMs: systemClock.nowMs() }),
  },
];
