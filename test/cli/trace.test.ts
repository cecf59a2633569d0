/** `kvs-infer trace` on a stage whose control loop runs: from the id that `camera show` prints to the first frame. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { TraceStep } from '../../core/views/trace-view.ts';
import { type ControlStage, startControlStage } from '../../functions/control-loop-stage.test-factory.ts';
import { documentOf, expectFailure, kvsInfer, temporaryFolder } from './kvs-infer.ts';

const folder = temporaryFolder();
let stage: ControlStage;
let rowId: string;
beforeAll(async () => {
  stage = await startControlStage({
    startMs: Date.parse('2026-11-24T08:00:00Z'),
    policy: { leadTimeDefaultMs: 120_000, maxWorkers: 2 },
  });
  await stage.createStream('dock-1');
  stage.flowing.add('dock-1');
  await stage.advance(60);
  await stage.putCamera({ cameraId: 'dock-1', streamName: 'dock-1' });
  // A machine must boot first, so a later run gives the camera.
  await stage.advance(300);
  rowId = (await stage.camera('dock-1'))?.rowTraceId ?? '';
});
afterAll(() => stage?.close());

const onStage = (...words: string[]) =>
  kvsInfer(words, undefined, {
    ...{ AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local', AWS_REGION: 'ap-southeast-1' },
    ...{ AWS_ENDPOINT_URL: stage.cloud.endpoint, KVS_INFER_STAGE: 'test' },
  });
const trace = (...words: string[]) => onStage('trace', ...words);
const stepsOf = async (id: string) =>
  documentOf(await trace(id, '--json')) as { traceId: string; beganAt: string; steps: TraceStep[]; log: unknown };

it('tells of a row: its change, the run that asked for a machine, the later run that gave it, the first frame', async () => {
  const { traceId, beganAt, steps, log } = await stepsOf(rowId);
  expect({ traceId, beganAt, log }).toEqual({ traceId: rowId, beganAt: '2026-11-24T08:01:00.000Z', log: null });
  const [row, asked] = steps;
  expect(row).toMatchObject({ kind: 'row', at: '2026-11-24T08:01:00.000Z', cameraId: 'dock-1', traceId: rowId });
  expect(asked).toMatchObject({ kind: 'decision', traceId: rowId });
  expect(asked?.actions.join()).toContain('Auto Scaling group');
  const gave = steps.find(({ actions }) => actions.some((action) => action.startsWith('gives camera dock-1')));
  expect(gave?.traceId).not.toBe(rowId);
  expect(steps.slice(-2)).toMatchObject([
    { kind: 'given', cameraId: 'dock-1', traceId: gave?.traceId },
    { kind: 'first frame', cameraId: 'dock-1', traceId: gave?.traceId },
  ]);
  const times = steps.map(({ at }) => at);
  expect(times).toEqual([...times].sort());
  // Under the id of the run that gave it the story begins there.
  const later = await stepsOf(gave?.traceId ?? '');
  expect(later.steps.map(({ kind }) => kind)).toEqual(['decision', 'given', 'first frame']);
});

it('says so in words, takes X-Ray’s header too, and shows the lines of a log', async () => {
  const line = JSON.stringify({
    level: 'INFO',
    message: 'first frame inferred',
    cameraId: 'dock-1',
    rowTraceId: rowId,
  });
  const path = await folder.write('system.log', `nothing\nworker w-1: ${line}\nworker w-1: {}\n`);
  const { stdout, stderr, exitCode } = await trace(`Root=${rowId};Sampled=0`, '--log', path);
  expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
  expect(stdout).toMatch(/^1-\S+, stage test: its cause came at 2026-11-24T08:01:00.000Z\n/);
  expect(stdout).toMatch(/\n\S+Z {2}row {10}the row of camera dock-1 changed; it is running now: /);
  expect(stdout).toMatch(
    /\n\S+Z {2}first frame {2}worker \w+ inferred the first frame of camera dock-1; .* \(1-\S+\)\n/,
  );
  expect(stdout).toContain(`1 line of ${path}:\n  worker w-1: ${line}\n`);
  expectFailure(await trace(rowId, '--log', folder.path('none.log')), 1, 'LOG_UNREADABLE', 'none.log');
});

it('Tab gives the ids of the newest decisions', async () => {
  const { stdout } = await onStage('complete', 'trace', '1-');
  const [newest] = (await stage.decisions()).reverse();
  expect(stdout.split('\n')[0]).toBe(`${newest?.traceId}\t${newest?.at} ${newest?.trigger}`);
});

it('refuses what is no id, and says when nothing is known of one', async () => {
  expectFailure(await trace('dock-1'), 2, 'USAGE', 'dock-1', '1-<8 hex digits>');
  const unknown = '1-69256f2a-0123456789abcdef01234567';
  expectFailure(await trace(unknown), 1, 'TRACE_NOT_FOUND', unknown);
});
