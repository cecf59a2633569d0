/** A batch of the registry's stream: records of different cameras are handled some at once, those of one camera in their order. */
import { marshall } from '@aws-sdk/util-dynamodb';
import type { Context, DynamoDBRecord } from 'aws-lambda';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { comparableSequence } from '../aws/camera-states.ts';
import { buildCameraChangedHandler } from './camera-changed.ts';
import { type ControlStage, startControlStage } from './control-loop-stage.test-factory.ts';

const context = { functionName: 'camera-changed', awsRequestId: 'r' } as Context;
const atOnceMax = 8;
let test: ControlStage;
/** Verdicts in the order in which their writes began. */
let begun: { cameraId: string; sequence: string }[];
let underWay: { cameraId: string }[];
/** Holds every write until it resolves. */
let gate: Promise<void>;
let onWrite: () => void;

beforeEach(async () => {
  test = await startControlStage({ startMs: Date.parse('2026-11-24T12:00:00Z'), policy: { minWorkers: 1 } });
  [begun, underWay, gate, onWrite] = [[], [], Promise.resolve(), () => {}];
  test.clients.documents.middlewareStack.add(
    (next, { commandName }) =>
      async (args) => {
        const { Key, ExpressionAttributeValues: values } = args.input as Record<string, Record<string, string>>;
        if (!commandName?.startsWith('Update') || values?.[':sequence'] === undefined) return next(args);
        const write = { cameraId: Key?.cameraId ?? '', sequence: values[':sequence'] };
        expect(underWay.map(({ cameraId }) => cameraId)).not.toContain(write.cameraId);
        begun.push(write);
        underWay.push(write);
        try {
          onWrite();
          await gate;
          return await next(args);
        } finally {
          underWay.splice(underWay.indexOf(write), 1);
        }
      },
    { step: 'initialize' },
  );
});
afterEach(() => test.close());

function record(cameraId: string, sequence: number, row: Record<string, unknown> = {}): DynamoDBRecord {
  const SequenceNumber = String(sequence);
  const NewImage = marshall({ cameraId, streamName: cameraId, ...row });
  const dynamodb = { Keys: { cameraId: { S: cameraId } }, SequenceNumber, NewImage };
  return { eventID: SequenceNumber, eventName: 'INSERT', eventSource: 'aws:dynamodb', dynamodb } as DynamoDBRecord;
}

it('eight records are under way at once, and no more', async () => {
  let full = () => {};
  const isFull = new Promise<void>((resolve) => {
    full = resolve;
  });
  let open = () => {};
  gate = new Promise((resolve) => {
    open = resolve;
  });
  onWrite = () => {
    if (underWay.length === atOnceMax) full();
  };
  const Records = Array.from({ length: 40 }, (_, index) => record(`c-${index}`, index + 1));
  const handled = buildCameraChangedHandler(test.deps)({ Records }, context);
  await isFull;
  // Whoever would begin beside them has its turn.
  await new Promise(setImmediate);
  expect(begun).toHaveLength(atOnceMax);
  open();
  expect(await handled).toEqual({ batchItemFailures: [] });
  expect(await test.cameras()).toHaveLength(40);
});

it('records of one camera are written one after the other, in the order in which they came', async () => {
  const Records = Array.from({ length: 30 }, (_, index) =>
    record(index % 3 === 0 ? 'often' : `c-${index}`, index + 1, { priority: index }),
  );
  await buildCameraChangedHandler(test.deps)({ Records }, context);
  const often = begun.filter(({ cameraId }) => cameraId === 'often').map(({ sequence }) => sequence);
  expect(often).toEqual(Array.from({ length: 10 }, (_, index) => comparableSequence(String(3 * index + 1))));
  expect((await test.camera('often'))?.camera?.priority).toBe(27);
});

it('a record that fails is tried again, and stops none of the others, nor a later one of its own camera', async () => {
  onWrite = () => {
    if (begun.at(-1)?.sequence === comparableSequence('1'))
      throw Object.assign(new Error('slower'), { name: 'ThrottlingException' });
  };
  const Records = [record('a', 1), record('a', 2), record('b', 3)];
  const answer = await buildCameraChangedHandler(test.deps)({ Records }, context);
  expect(answer).toEqual({ batchItemFailures: [{ itemIdentifier: '1' }] });
  const versions = (await test.cameras()).map((state) => [state.cameraId, Number(state.rowSequenceNumber)]);
  expect(versions).toEqual([
    ['a', 2],
    ['b', 3],
  ]);
});
