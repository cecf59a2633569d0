/** Rows that are each allowed and together too large for the list of one worker: some are left off and named, the others are watched. */
import { afterEach, expect, it } from 'vitest';
import { parseCameraRow } from '../core/parse-camera-row.ts';
import { SeededRandom } from '../core/seeded-random.ts';
import { type ControlStage, startControlStage } from './control-loop-stage.test-factory.ts';

let test: ControlStage | undefined;
afterEach(() => test?.close());

it('a camera whose row does not fit beside the others is left off the list and named; the list is written once', async () => {
  const random = new SeededRandom(7);
  // What does not compress.
  const word = () => Array.from({ length: 64 }, () => String.fromCharCode(random.integer(0x4e00, 0x9fff))).join('');
  const row = (cameraId: string, words: number) => ({
    ...{ cameraId, streamName: cameraId },
    detect: { classes: Array.from({ length: words }, word) },
  });
  const rows = [...[1, 2, 3, 4, 5, 6].map((number) => row(`big-${number}`, 190)), row('small', 1)];
  for (const one of rows) expect(parseCameraRow(one).issues).toEqual([]);
  test = await startControlStage({
    startMs: Date.parse('2026-11-24T08:00:00Z'),
    policy: { minWorkers: 1, maxWorkers: 1 },
    workerCapacity: 100,
  });
  for (const one of rows) {
    await test.createStream(one.cameraId);
    test.flowing.add(one.cameraId);
    await test.putCamera(one);
  }
  await test.advance(300);
  const [worker] = await test.workers();
  const listed = Object.keys(worker?.assignments ?? {});
  expect(listed).toContain('small');
  const left = rows.map(({ cameraId }) => cameraId).filter((cameraId) => !listed.includes(cameraId));
  expect(left.length).toBeGreaterThan(0);
  expect(left.length).toBeLessThan(4);
  expect((await test.camera('small'))?.phase).toBe('running');
  const actions = (await test.decisions()).at(-1)?.actions ?? [];
  for (const cameraId of left) {
    expect(actions).toContainEqual(
      expect.stringMatching(new RegExp(`camera ${cameraId} is left off the list of worker .*too large.*shorten`)),
    );
  }
  // It is said in each run, and what stands there is not written again.
  const wrote = worker?.listsTraceId;
  await test.advance(120);
  expect((await test.workers())[0]?.listsTraceId).toBe(wrote);
  // A shorter row gets its place.
  for (const cameraId of left) await test.putCamera(row(cameraId, 1));
  await test.advance(120);
  expect(Object.keys((await test.workers())[0]?.assignments ?? {})).toHaveLength(rows.length);
});
