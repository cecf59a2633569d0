/** `demux`, `clip` and `model check`: files in, one JSON document out, a named error for what cannot be used. */
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { frameRecordSchema } from '../../core/records.ts';
import { encodeClip, writeMp4 } from '../../worker/decode/encoded-clip.test-factory.ts';
import { kvsFragment } from '../../worker/demux/matroska.test-factory.ts';
import { blockModel, encodeModel } from '../../worker/detect/block-model.test-factory.ts';
import { documentOf, expectFailure, kvsInfer, temporaryFolder } from './kvs-infer.ts';

const folder = temporaryFolder();
const capture = Buffer.concat(
  ['1001', '1002'].map((number) =>
    kvsFragment({ number, frames: [{ keyframe: true }, { relativeMs: 40, data: Buffer.alloc(500) }] }),
  ),
);

describe.concurrent('demux', () => {
  it('--json lists tracks, fragments, frames and errors', async () => {
    const file = await folder.write('capture.mkv', capture);
    expect(documentOf(await kvsInfer(['demux', file, '--json']))).toMatchObject({
      tracks: [{ number: 1, codec: 'h264', width: 640, height: 360 }],
      fragments: [
        { number: '1001', continuationToken: '1001', frames: 2, keyframes: 1, bytes: 505 },
        { number: '1002', producerTimestampMs: 1_511_852_108_513, serverTimestampMs: 1_511_852_109_126 },
      ],
      frames: 4,
      errors: [],
    });
  });

  it('a capture that is cut off tells what is there, and where it ends: exit code 0', async () => {
    const file = await folder.write('cut.mkv', capture.subarray(0, capture.length - 300));
    const report = documentOf(await kvsInfer(['demux', file, '--json'])) as Record<string, unknown[]>;
    expect(report.fragments).toMatchObject([{ number: '1001' }, { number: '1002', complete: false }]);
    expect(report.errors).toMatchObject([{ code: 'MATROSKA_TRUNCATED', atByte: expect.any(Number) }]);
  });

  it.each([
    ['text.mkv', Buffer.from('no Matroska at all, in any sense of the word\n')],
    ['empty.mkv', Buffer.alloc(0)],
  ])('%s cannot be read', async (name, bytes) => {
    const file = await folder.write(name, bytes);
    expectFailure(await kvsInfer(['demux', file, '--json']), 1, 'MEDIA_UNREADABLE', name);
  });

  it('a missing file is named', async () => {
    const ended = await kvsInfer(['demux', folder.path('none.mkv'), '--json']);
    expectFailure(ended, 1, 'MEDIA_UNREADABLE', 'none.mkv: no such file');
  });
});

describe.concurrent('clip', () => {
  const model = () => folder.write('blocks.onnx', encodeModel(blockModel()));

  it('writes one frame@1 record per inferred frame, and the summary to stdout', async () => {
    const file = folder.path('clip.mp4');
    writeMp4(file, encodeClip({ frames: 10 }), 320, 192);
    const [out, summary] = [folder.path('frames.ndjson'), folder.path('summary.json')];
    const options = ['--model', await model(), '--fps', 'all', '--out', out, '--summary', summary, '--json'];
    const document = documentOf(await kvsInfer(['clip', file, ...options], folder.path('cache')));
    expect(document).toMatchObject({ frames: 10, decoded: 10, inferred: 10, provider: 'cpu', errors: [] });
    expect(JSON.parse(await readFile(summary, 'utf8'))).toEqual(document);
    const lines = (await readFile(out, 'utf8')).split('\n');
    expect(lines.pop()).toBe('');
    expect(lines.map((line) => frameRecordSchema.parse(JSON.parse(line)).frameIndex)).toEqual([...Array(10).keys()]);
  });

  it('a model that is none is refused', async () => {
    const file = await folder.write('none.onnx', 'these are words');
    const ended = await kvsInfer(
      ['clip', 'x.mkv', '--model', file, '--out', folder.path('no.ndjson')],
      folder.path('cache'),
    );
    expectFailure(ended, 1, 'MODEL_UNUSABLE', 'none.onnx');
  });

  it('a missing file is named', async () => {
    const options = ['--model', await model(), '--out', folder.path('missing.ndjson')];
    const ended = await kvsInfer(['clip', folder.path('missing.mp4'), ...options], folder.path('cache'));
    expectFailure(ended, 1, 'MEDIA_UNREADABLE', 'missing.mp4');
  });

  it.each([
    ['--fps', '0'],
    ['--fps', 'fast'],
    ['--confidence', '1.5'],
  ])('%s %s is wrong usage', async (option, value) => {
    const ended = await kvsInfer(['clip', 'x.mkv', '--model', 'm', '--out', 'o', option, value]);
    expectFailure(ended, 2, 'USAGE', option, `'${value}'`);
  });
});

describe.concurrent('model check', () => {
  it('tells what the file is and how fast it runs', async () => {
    const file = await folder.write('checked.onnx', encodeModel(blockModel()));
    expect(documentOf(await kvsInfer(['model', 'check', file, '--json'], folder.path('cache')))).toMatchObject({
      input: { width: 64, height: 32 },
      classes: ['red', 'green', 'blue'],
      provider: 'cpu',
      timings: [{ threads: 1 }, { threads: 2 }],
    });
  });

  it('a classifier, or no model at all, is refused', async () => {
    const file = await folder.write('words.onnx', 'these are words');
    expectFailure(
      await kvsInfer(['model', 'check', file, '--json'], folder.path('cache')),
      1,
      'MODEL_UNUSABLE',
      'words.onnx',
    );
  });

  it('a missing file is named', async () => {
    const ended = await kvsInfer(['model', 'check', folder.path('missing.onnx')], folder.path('cache'));
    expectFailure(ended, 1, 'MODEL_NOT_FOUND', 'missing.onnx');
  });
});
