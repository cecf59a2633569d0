/** What `kvs-infer start` refuses, and that it does so before anything is drawn or started. */
import { existsSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { blockModel, encodeModel } from '../../worker/detect/block-model.test-factory.ts';
import { expectFailure, kvsInfer, temporaryFolder } from './kvs-infer.ts';

const folder = temporaryFolder();

async function start(state: string, ...words: string[]) {
  const model = await folder.write(`${state}.onnx`, encodeModel(blockModel()));
  const ended = await kvsInfer(['start', '--folder', folder.path(state), '--model', model, '--for', '1', ...words]);
  expect(existsSync(folder.path(`${state}/clips`))).toBe(false);
  return ended;
}

describe.concurrent('start', () => {
  it('a port that is taken is PORT_BUSY', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    expectFailure(await start('busy', '--port', String(port)), 1, 'PORT_BUSY', String(port));
    await new Promise((resolve) => server.close(resolve));
  });

  it.each([
    ['--port', '0'],
    ['--port', '65536'],
    ['--port', 'http'],
    ['--for', '0'],
    ['--for', '-5'],
    ['--for', 'ever'],
    ['--for', 'Infinity'],
  ])('%s %s is wrong usage', async (option, value) => {
    expectFailure(await kvsInfer(['start', option, value]), 2, 'USAGE', option, `'${value}'`);
  });

  it('a broken camera file is refused with the line', async () => {
    const cameras = await folder.write('broken.yaml', 'cameras:\n  - cameraId: a\n    streamName: "a\n');
    expectFailure(await start('broken', '--cameras', cameras), 1, 'CAMERA_FILE_INVALID', 'broken.yaml', /at line \d/);
  });

  it('a camera file whose rows have no id is refused', async () => {
    const cameras = await folder.write('nameless.yaml', '- { cameraId: a, streamName: a }\n- { streamName: b }\n');
    expectFailure(await start('nameless', '--cameras', cameras), 1, 'CAMERA_FILE_INVALID', 'row 2');
  });

  it('a missing camera file is named', async () => {
    const ended = await start('unread', '--cameras', folder.path('none.yaml'));
    expectFailure(ended, 1, 'CAMERA_FILE_UNREADABLE', 'none.yaml');
  });

  it('a missing model is named', async () => {
    const ended = await start('unmodelled', '--model', folder.path('none.onnx'));
    expectFailure(ended, 1, 'MODEL_NOT_FOUND', 'none.onnx');
  });

  it('a model that no worker could run is refused', async () => {
    const words = await folder.write('words.onnx', 'these are words');
    expectFailure(await start('worded', '--model', words), 1, 'MODEL_UNUSABLE', 'words.onnx');
  });

  it('a folder that cannot be made is named', async () => {
    const file = await folder.write('a-file', '');
    expectFailure(await start('unmade', '--folder', `${file}/below`), 1, 'FOLDER_UNWRITABLE', 'a-file/below');
  });

  it('a report that could not be written is refused now, not after the run', async () => {
    const ended = await start('unreported', '--report', folder.path('no-folder/report.json'));
    expectFailure(ended, 1, 'REPORT_NOT_WRITTEN', 'no-folder/report.json');
  });
});
