/** `kvs-infer camera check`: the system's own verdict on rows, before they are put into the registry. */
import { describe, expect, it } from 'vitest';
import { documentOf, expectFailure, kvsInfer, temporaryFolder } from './kvs-infer.ts';

const folder = temporaryFolder();

type Verdict = {
  cameraId: string;
  valid: boolean;
  issues: { severity: string; path: string; message: string }[];
  camera: unknown;
};

async function check(name: string, content: string) {
  const ended = await kvsInfer(['camera', 'check', await folder.write(name, content), '--json']);
  expect(ended.stderr).toBe('');
  return { exitCode: ended.exitCode, verdicts: JSON.parse(ended.stdout) as Verdict[] };
}

describe.concurrent('camera check', () => {
  it('a valid row comes back with every default', async () => {
    const { exitCode, verdicts } = await check('valid.yaml', 'cameraId: dock-1\nstreamName: kvs-dock-1\n');
    expect(exitCode).toBe(0);
    expect(verdicts).toMatchObject([
      {
        cameraId: 'dock-1',
        valid: true,
        issues: [],
        camera: { enabled: true, schedule: 'always', detect: { fps: 5 } },
      },
    ]);
  });

  it('warnings alone are exit code 0', async () => {
    const { exitCode, verdicts } = await check('warned.yaml', 'cameraId: a\nstreamName: a\npriorty: 10\n');
    expect(exitCode).toBe(0);
    expect(verdicts[0]?.valid).toBe(true);
    expect(verdicts[0]?.issues).toMatchObject([{ severity: 'warning', path: 'priorty' }]);
    expect(verdicts[0]?.issues[0]?.message).toMatch(/priority/);
  });

  it('an error is exit code 1, and every issue of every row is told', async () => {
    const { exitCode, verdicts } = await check(
      'wrong.yaml',
      '- { cameraId: a, streamName: a }\n- { cameraId: b, detect: { fps: 0, iou: 2 } }\n- 7\n',
    );
    expect(exitCode).toBe(1);
    expect(verdicts.map(({ cameraId, valid }) => [cameraId, valid])).toEqual([
      ['a', true],
      ['b', false],
      ['row 3', false],
    ]);
    expect(verdicts[1]?.issues.map(({ path }) => path).sort()).toEqual(['detect.fps', 'detect.iou', 'streamName']);
    expect(verdicts[1]?.camera).toBeNull();
  });

  it('an id that is listed twice is an error, also across files', async () => {
    const first = await folder.write('first.yaml', '{ cameraId: a, streamName: a }');
    const second = await folder.write('second.json', JSON.stringify({ cameras: [{ cameraId: 'a', streamName: 'b' }] }));
    const { exitCode, stdout } = await kvsInfer(['camera', 'check', first, second]);
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^a: ok\na: invalid, would not run\n {2}error: cameraId: "a" is listed twice/);
  });

  it('of the several files that are given, all are judged', async () => {
    const files = [
      await folder.write('one.yaml', '{ cameraId: one, streamName: s }'),
      await folder.write('two.yaml', '{ cameraId: two, streamName: s }'),
    ];
    expect(documentOf(await kvsInfer(['camera', 'check', ...files, '--json']))).toMatchObject([
      { cameraId: 'one' },
      { cameraId: 'two' },
    ]);
  });

  it.each([
    ['broken.yaml', 'cameraId: a\nstreamName: [a\nenabled: true\n', /at line [23]/],
    ['tabs.yaml', 'cameraId: a\n\tstreamName: a\n', /at line 2/],
    ['broken.json', '{ "cameraId": "a",\n  "streamName": "a"\n', /at line [23]/],
  ])('%s is refused with the line', async (name, content, line) => {
    const file = await folder.write(name, content);
    expectFailure(await kvsInfer(['camera', 'check', file, '--json']), 1, 'CAMERA_FILE_INVALID', name, line);
  });

  it.each([
    ['empty.yaml', '', 'an empty file'],
    ['list.yaml', '[]', 'an empty list'],
    ['text.yaml', 'just words', 'got string'],
    ['cameras.yaml', 'cameras: 7', '"cameras" to be a list'],
  ])('%s holds no rows', async (name, content, what) => {
    const file = await folder.write(name, content);
    expectFailure(await kvsInfer(['camera', 'check', file]), 1, 'CAMERA_FILE_INVALID', name, what);
  });

  it('a missing file is named', async () => {
    const ended = await kvsInfer(['camera', 'check', folder.path('none.yaml')]);
    expectFailure(ended, 1, 'CAMERA_FILE_UNREADABLE', 'none.yaml', 'ENOENT');
  });
});
