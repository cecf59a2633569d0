/** `--watch`: a line for what changed, in place on a terminal, and a Ctrl-C that is no failure. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect, it } from 'vitest';
import { putCameraRow } from '../../aws/camera-registry.ts';
import { deleteCameraRow } from '../../aws/camera-row.ts';
import { cloudStage, localKeys, region, tables } from './cloud-stage.ts';
import { commandEnvironment, program } from './kvs-infer.ts';

const cloud = cloudStage();

function watching(...words: string[]) {
  const place = ['--stage', 'test', '--region', region, '--endpoint-url', cloud.endpoint, '--interval', '1', '--watch'];
  const env = { ...commandEnvironment(), ...localKeys };
  const child = spawn(process.execPath, [program, ...words, ...place], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    line: async () => (await lines.next()).value as string,
    async interrupt() {
      child.kill('SIGINT');
      return once(child, 'exit');
    },
  };
}

it('tells each change on a line of its own, and Ctrl-C is exit code 0', async () => {
  const dock = { cameraId: 'dock', streamName: 'dock' };
  await putCameraRow(cloud.clients, tables.cameras, dock);
  const list = watching('camera', 'list');
  expect(await list.line()).toMatch(/^\d\d:\d\d:\d\d camera dock: unjudged: no run has seen its row yet$/);
  await putCameraRow(cloud.clients, tables.cameras, { cameraId: 'gate', streamName: 'gate' });
  expect(await list.line()).toMatch(/^\d\d:\d\d:\d\d camera gate: unjudged: /);
  await deleteCameraRow(cloud.clients, tables.cameras, dock);
  expect(await list.line()).toMatch(/^\d\d:\d\d:\d\d camera dock: is no longer registered$/);
  expect(await list.interrupt()).toEqual([0, null]);
});

it('gives the whole view on one line of JSON where something changed', async () => {
  await putCameraRow(cloud.clients, tables.cameras, { cameraId: 'gate', streamName: 'gate' });
  const list = watching('camera', 'list', '--json');
  expect(JSON.parse(await list.line())).toMatchObject([{ cameraId: 'gate' }]);
  await putCameraRow(cloud.clients, tables.cameras, { cameraId: 'yard', streamName: 'yard' });
  expect(JSON.parse(await list.line())).toMatchObject([{ cameraId: 'gate' }, { cameraId: 'yard' }]);
  expect(await list.interrupt()).toEqual([0, null]);
});
