/** When a modelled worker crashes, hangs or is cut off: drawn once, at its start, from its own chance. */
import type { SeededRandom } from '../seeded-random.ts';
import type { FleetWorld } from './fleet-world.ts';
import type { ModelWorker } from './model-worker.ts';
import { drawMs, drawWaitMs } from './settings.ts';

export function drawWorkerFault(worker: ModelWorker, random: SeededRandom, world: FleetWorld): void {
  const { settings } = world.input;
  const waitMs = drawWaitMs(random, settings.workerFaultsPerDay / 24);
  const kind = random.pick(['crash', 'hang', 'cut'] as const);
  const lastsMs = drawMs(random, settings.cutMs);
  if (!Number.isFinite(waitMs)) return;
  world.queue.at(world.nowMs + waitMs, () => {
    if (worker.endedAtMs !== null) return;
    world.count(`worker ${kind}`);
    if (kind === 'crash') world.cloud.stopTask(worker.workerId, 'crashed');
    else worker.cutOff(kind === 'hang' ? Number.POSITIVE_INFINITY : world.nowMs + lastsMs);
  });
}
