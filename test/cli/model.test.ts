/** `model add`, `list` and `check`: a folder of models as people keep it, through the real command. */
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { blockModel, encodeModel } from '../../worker/detect/block-model.test-factory.ts';
import { prepareModel } from '../../worker/detect/prepare-model.ts';
import { yoloxModel } from '../../worker/detect/yolox-model.test-factory.ts';
import { documentOf, expectFailure, kvsInfer, temporaryFolder } from './kvs-infer.ts';

const files = temporaryFolder();
const run = (...words: string[]) => kvsInfer(['model', ...words], files.path('cache'));
const inFolder = (folder: string) => ['--folder', files.path(folder)];

describe.concurrent('model add', () => {
  it('puts a model under its name with what a worker needs to know, and list shows it', async () => {
    const file = await files.write('yolox_s.onnx', encodeModel(yoloxModel()));
    const labels = await files.write('labels.txt', 'red\ngreen\nblue\n');
    const words = ['--name', 'yard', '--labels', labels, '--licence', 'Apache-2.0'];
    const added = documentOf(await run('add', file, ...words, ...inFolder('yard'), '--json'));
    expect(added).toMatchObject({
      ...{ name: 'yard', layout: 'yolox', labels: ['red', 'green', 'blue'], licence: 'Apache-2.0' },
      ...{ source: 'yolox_s.onnx', input: { width: 64, height: 32, batch: 1 }, measured: { provider: 'cpu' } },
    });
    const { msPerFrame } = (added as { measured: { msPerFrame: number } }).measured;
    expect(msPerFrame).toBeGreaterThan(0);
    expect(msPerFrame).toBeLessThan(1_000);
    // The one file is enough: another folder, no catalogue, no labels file.
    const copy = await files.write('elsewhere.onnx', await readFile(path.join(files.path('yard'), 'yard.onnx')));
    const prepared = await prepareModel(copy, { cacheFolder: files.path('cache') });
    expect(prepared).toMatchObject({ family: 'yolox', labels: ['red', 'green', 'blue'] });
    expect((added as { sha256: string }).sha256).toBe(prepared.sha256);
    expect((await readdir(files.path('yard'))).sort()).toEqual(['catalogue.json', 'yard.onnx']);

    const list = await run('list', ...inFolder('yard'));
    expect(list).toMatchObject({ exitCode: 0, stderr: '' });
    expect(list.stdout).toMatch(/yard .*YOLOX .*64×32 .*3 .*Apache-2\.0 .*\(cpu\) .*[0-9a-f]{12}/);
    const check = documentOf(await run('check', 'yard', ...inFolder('yard'), '--json'));
    expect(check).toMatchObject({ layout: 'yolox', classes: ['red', 'green', 'blue'] });
  });

  it('copies a model that says everything itself byte by byte, and adding it again changes nothing', async () => {
    const bytes = encodeModel(blockModel());
    const file = await files.write('blocks.onnx', bytes);
    const first = await run('add', file, ...inFolder('again'));
    expect(first.stdout).toContain('added as "blocks": detect: { model: blocks }');
    expect(Buffer.compare(await readFile(path.join(files.path('again'), 'blocks.onnx')), bytes)).toBe(0);
    expect((await run('add', file, ...inFolder('again'))).stdout).toContain('was already as "blocks"');
  });

  it('does not put another model in the place of one, unless it is told to', async () => {
    const first = await files.write('first.onnx', encodeModel(blockModel()));
    const second = await files.write('second.onnx', encodeModel(blockModel({ width: 128 })));
    await run('add', first, '--name', 'one', ...inFolder('taken'));
    const words = ['add', second, '--name', 'one', ...inFolder('taken')];
    expectFailure(await run(...words), 1, 'MODEL_EXISTS', '--replace');
    expect((await run(...words, '--replace')).exitCode).toBe(0);
    const list = documentOf(await run('list', ...inFolder('taken'), '--json'));
    expect(list).toMatchObject({
      models: [{ name: 'one', state: 'ok', source: 'second.onnx', input: { width: 128 } }],
    });
  });

  it('leaves nothing behind of a file that is no model', async () => {
    const words = await files.write('words.onnx', 'words');
    const ended = await run('add', words, '--name', 'w', ...inFolder('nothing'));
    expectFailure(ended, 1, 'MODEL_UNUSABLE', 'words.onnx');
    expect(await readdir(files.path('nothing'))).toEqual([]);
  });

  it('a name that no camera could use is wrong usage', async () => {
    const file = await files.write('spaced.onnx', encodeModel(blockModel()));
    expectFailure(await run('add', file, '--name', 'my model', ...inFolder('x')), 2, 'MODEL_NAME_INVALID', 'my model');
    expectFailure(await run('add', file, '--layout', 'yolov9', ...inFolder('x')), 2, 'USAGE', 'yolov8, yolo11, yolox');
  });
});

describe.concurrent('a folder that somebody changed', () => {
  it('list names what is changed, missing or was never added, and fails; check refuses it', async () => {
    for (const [name, width] of [
      ['kept', 64],
      ['swapped', 128],
      ['gone', 192],
    ] as const) {
      const file = await files.write(`${name}.onnx`, encodeModel(blockModel({ width })));
      expect((await run('add', file, ...inFolder('changed'))).exitCode).toBe(0);
    }
    const at = (name: string) => path.join(files.path('changed'), `${name}.onnx`);
    await writeFile(at('swapped'), encodeModel(blockModel({ width: 256 })));
    await rm(at('gone'));
    await writeFile(at('extra'), encodeModel(blockModel()));
    const list = await run('list', ...inFolder('changed'), '--json');
    expect(list.exitCode).toBe(1);
    expect(
      JSON.parse(list.stdout).models.map(({ name, state }: { name: string; state: string }) => [name, state]),
    ).toEqual([
      ['extra', 'uncatalogued'],
      ['gone', 'missing'],
      ['kept', 'ok'],
      ['swapped', 'changed'],
    ]);
    expectFailure(await run('check', 'swapped', ...inFolder('changed')), 1, 'MODEL_CHANGED', 'swapped.onnx');
    expectFailure(await run('check', 'swaped', ...inFolder('changed')), 1, 'MODEL_NOT_FOUND', 'did you mean "swapped"');
  });

  it('a catalogue that is none is named', async () => {
    await run('add', await files.write('b.onnx', encodeModel(blockModel())), ...inFolder('torn'));
    await writeFile(path.join(files.path('torn'), 'catalogue.json'), '{"version":1,"models":{"b":{}}}');
    expectFailure(await run('list', ...inFolder('torn')), 1, 'MODEL_CATALOGUE_INVALID', 'models.b.sha256');
  });
});
