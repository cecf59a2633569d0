/**
 * The two calls that test/flow/api-errors.test.ts does not come to, answered with every error that AWS documents: GetItem, made
 * for one row or state, and DescribeTasks, made for a worker that does not know its host.
 */
import { UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { usedCalls } from '../test/flow/documented-errors.ts';
import { buildCameraChangedHandler } from './camera-changed.ts';
import { type ControlStage, startControlStage } from './control-loop-stage.test-factory.ts';
import { completeDeps } from './handler-deps.ts';
import { reconcileFleet } from './reconcile-fleet.ts';

const policy = { leadTimeDefaultMs: 120_000, scaleInDelayMs: 60_000, silentGraceMs: 120_000, maxWorkers: 3 };
const context = { awsRequestId: 'test', functionName: 'test', getRemainingTimeInMillis: () => 50_000 } as never;
const errorsOf = (name: string) => usedCalls().find(({ operation }) => operation === name)?.errors ?? [];

let stage: ControlStage;
beforeAll(async () => {
  stage = await startControlStage({ startMs: Date.parse('2026-11-24T00:00:00Z'), policy });
  await stage.createStream('dock');
  stage.flowing.add('dock');
  await stage.putCamera({ cameraId: 'dock-1', streamName: 'dock' });
  await stage.advance(240);
}, 120_000);
afterAll(() => stage?.close());

function failing(operation: string, error: { code: string; status: number }) {
  let times = 0;
  const mend = stage.cloud.context.faults.inject(
    (call) => {
      const isMeant = call.operation === operation;
      if (isMeant) times += 1;
      return isMeant;
    },
    { ...error, message: 'as documented' },
  );
  return { mend, times: () => times };
}

it('DescribeTasks: each documented error leaves the fleet as it is, is named, and the next run sees all', async () => {
  const deps = completeDeps(stage.deps, 'test');
  const errors = errorsOf('DescribeTasks');
  expect(errors.length).toBeGreaterThan(5);
  expect(stage.instances()).toHaveLength(1);
  for (const error of errors) {
    const [worker] = await stage.workers();
    await stage.clients.documents.send(
      new UpdateCommand({
        TableName: stage.names.tables.workers,
        Key: { fleet: 'default', workerId: worker?.workerId },
        UpdateExpression: 'REMOVE instanceId, containerInstanceArn',
      }),
    );
    const fault = failing('DescribeTasks', error);
    const report = await reconcileFleet(deps, 'default', 'test');
    fault.mend();
    expect(fault.times(), error.code).toBeGreaterThan(0);
    expect(report, error.code).toMatchObject({ outcome: 'done' });
    expect(report.failures.join(), error.code).toContain('could not read');
    expect((await reconcileFleet(deps, 'default', 'test')).failures, error.code).toEqual([]);
    expect(await stage.camera('dock-1'), error.code).toMatchObject({
      phase: 'running',
      ownerWorkerId: worker?.workerId,
    });
  }
  expect(stage.instances()).toHaveLength(1);
});

it('GetItem: each documented error has the record tried again or told in its verdict, and disturbs no other camera', async () => {
  const handle = buildCameraChangedHandler(stage.deps);
  const errors = errorsOf('GetItem');
  expect(errors.length).toBeGreaterThan(5);
  for (const [index, error] of errors.entries()) {
    const cameraId = `moved-${index}`;
    const image = { cameraId: { S: cameraId }, streamName: { S: 'dock' }, enabled: { BOOL: false } };
    const record = (SequenceNumber: string) => ({
      ...{ eventID: SequenceNumber, eventName: 'MODIFY', eventSource: 'aws:dynamodb' },
      dynamodb: { Keys: { cameraId: { S: cameraId } }, SequenceNumber, OldImage: image, NewImage: image },
    });
    const fault = failing('GetItem', error);
    const answer = await handle({ Records: [record('100')] } as never, context);
    fault.mend();
    expect(fault.times(), error.code).toBeGreaterThan(0);
    const state = await stage.camera(cameraId);
    const isTriedAgain = answer.batchItemFailures.length === 1;
    expect(isTriedAgain || state?.phase === 'invalid', error.code).toBe(true);
    if (!isTriedAgain) expect(state?.issues[0]?.message, error.code).toContain(error.code);
    // As the stream repeats it, or as the row is saved again.
    expect(await handle({ Records: [record('101')] } as never, context)).toEqual({ batchItemFailures: [] });
    // The run that decides it takes its turn.
    await stage.advance(5);
    expect(await stage.camera(cameraId), error.code).toMatchObject({ phase: 'disabled', issues: [] });
    expect(await stage.camera('dock-1'), error.code).toMatchObject({ phase: 'running' });
  }
});
