/**
 * What happens when a new version of a model is no good: it is rolled out as an operator would, and the canaries of the
 * rollout must take it back by themselves (decisions/0035).
 * Invariant: each is a version of its own, so that none is known from before.
 */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { readFleet } from '../../../aws/fleets.ts';
import { startModelRollout } from '../../../aws/model-rollouts.ts';
import { systemClock } from '../../../core/clock.ts';
import type { ModelRolloutState } from '../../../core/control/model-rollout.ts';
import { blockModel, encodeModel } from '../../../worker/detect/block-model.test-factory.ts';
import { pause } from '../chaos-world.ts';
import { type ChaosFault, recoveryMaxMs, type Scene } from '../fault.ts';

const lookEveryMs = 500;
const garbage = new TextEncoder().encode('this is not an ONNX file');
const withScores = (scoreFactor: number) => encodeModel(blockModel({ width: 80, height: 48, scoreFactor }));
const badFiles: readonly Uint8Array[] = [garbage, withScores(Number.NaN), withScores(0)];
/** Some 60 ms of one core for each frame, where the version before takes less than one. */
const slowFile = encodeModel(blockModel({ width: 80, height: 48, idleProducts: 16 }));
/** So long that no bad version goes to the whole fleet before it is known: a slow one needs 50 s. */
const bakeMs = 120_000;

type Fault = NonNullable<ModelRolloutState['fault']>;

/** @param faults for which of these it is to be taken back. */
async function rollOut({ world, watch, random }: Scene, file: Uint8Array, faults: readonly Fault[]) {
  const version = `default@${random.integer(2, 999_999)}`;
  await writeFile(path.join(world.modelsFolder, `${version}.onnx`), file);
  const { clients, fleet, names } = world;
  const wish = { version, by: 'chaos', bakeMs, canaryPercent: 25 };
  await startModelRollout(clients, names.tables, fleet, wish, systemClock.nowMs());
  let isReverted = false;
  const lookOn = async () => {
    const untilMs = systemClock.monotonicMs() + recoveryMaxMs;
    while (!isReverted && systemClock.monotonicMs() < untilMs) {
      await pause(lookEveryMs);
      // A look that another fault spoils is taken again.
      const item = await readFleet(clients, names.tables.fleets, fleet).catch(() => null);
      const { phase, fault } = item?.modelRolloutState ?? {};
      isReverted =
        item?.modelRollout?.version === version &&
        phase === 'reverted' &&
        fault !== undefined &&
        faults.includes(fault);
    }
  };
  void lookOn();
  const modelsInUse = () => watch.workers.flatMap(({ running }) => Object.values(running).map(({ model }) => model));
  return {
    cameras: world.cameraIds,
    isOver: () => isReverted && modelsInUse().every((model) => model === 'default'),
  };
}

export const modelFaults: readonly ChaosFault[] = [
  {
    ...{ name: 'bad-model', room: 'models', holdMs: 0, losesNothing: true },
    what: 'a version of a model that is no model, has NaN for weights, or sees nothing is rolled out to a quarter of the cameras first',
    rings: ['default-model-reverted'],
    inject: (scene) => rollOut(scene, scene.random.pick(badFiles), ['load', 'errors', 'detections']),
  },
  {
    ...{ name: 'slow-model', room: 'models', holdMs: 0, losesNothing: true },
    what: 'a version of a model that sees the same and takes 60 ms of CPU more for each frame is rolled out to a quarter of the cameras first',
    rings: ['default-model-reverted'],
    inject: (scene) => rollOut(scene, slowFile, ['latency']),
  },
];
