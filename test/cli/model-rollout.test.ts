/** `model rollout` and `model rollback` as an operator runs them; what control makes of the orders is in test/flow. */
import { PutCommand } from '@aws-sdk/lib-dynamodb';
import { expect, it } from 'vitest';
import { saveVerdict } from '../../aws/camera-states.ts';
import { readFleet } from '../../aws/fleets.ts';
import { parseCameraRow } from '../../core/parse-camera-row.ts';
import { cloudStage, tables } from './cloud-stage.ts';
import { documentOf, expectFailure, kvsInfer } from './kvs-infer.ts';

const cloud = cloudStage();
const docksCamera = {
  ...{ fleet: 'docks', cameraId: 'dock-1' },
  ...parseCameraRow({ cameraId: 'dock-1', streamName: 'dock-1', fleet: 'docks' }),
};
const run = (...words: string[]) => kvsInfer(['model', ...words, '--stage', 'test'], undefined, cloud.environment);

it('orders a rollout and its way back, one at a time, and names what cannot be', { timeout: 120_000 }, async () => {
  expectFailure(await run('rollout', 'default@2', '--fleet', 'docks'), 1, 'FLEET_NOT_FOUND', 'docks');
  const fleet = { fleet: 'docks', schemaVersion: 1, lastDecisionAtMs: Date.now(), meteredThroughMs: Date.now() };
  await cloud.clients.documents.send(new PutCommand({ TableName: tables.fleets, Item: fleet }));
  await saveVerdict(cloud.clients, tables.cameraStates, { ...docksCamera, sequenceNumber: '1' }, Date.now());
  expectFailure(await run('rollback', '--fleet', 'docks'), 1, 'MODEL_ROLLOUT_NONE');
  expectFailure(await run('rollout', 'default', '--fleet', 'docks'), 1, 'MODEL_ROLLOUT_INVALID', 'default');
  expectFailure(await run('rollout', 'default@2', '--bake', 'soon'), 2, 'WRONG_SPAN', 'soon');

  const ordered = await run('rollout', 'default@2', '--fleet', 'docks', '--canary-percent', '20%', '--bake', '30m');
  expect(ordered).toMatchObject({ exitCode: 0, stderr: '' });
  expect(ordered.stdout).toMatch(/^fleet docks: default@2 for 20 % of its cameras first; a verdict by 20/);
  const stored = await readFleet(cloud.clients, tables.fleets, 'docks');
  expect(stored.modelRollout).toMatchObject({ version: 'default@2', canary: { percent: 20 }, bakeMs: 1_800_000 });

  expectFailure(await run('rollout', 'default@3', '--fleet', 'docks'), 1, 'MODEL_ROLLOUT_RUNNING', 'default@2');
  const replaced = documentOf(await run('rollout', 'default@3', '--fleet', 'docks', '--replace', '--json'));
  expect(replaced).toMatchObject({ fleet: 'docks', modelRollout: { version: 'default@3' } });
  const back = await run('rollback', '--fleet', 'docks', '--reason', 'misses forklifts');
  expect(back.stdout).toBe('fleet docks: default@3 is taken back by the next run of the control loop\n');
});
