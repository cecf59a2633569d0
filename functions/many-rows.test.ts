/** Thousands of rows at once in one fleet: a batch of the stream costs calls for its own records, however large the fleet is. */
import { BatchWriteCommand } from '@aws-sdk/lib-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import type { Context, DynamoDBRecord } from 'aws-lambda';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { comparableSequence } from '../aws/camera-states.ts';
import { camerasPerFleetMax } from '../core/control/policy.ts';
import type { CameraState } from '../core/fleet-state.ts';
import { verdictOn } from '../core/row-verdict.ts';
import { buildCameraChangedHandler } from './camera-changed.ts';
import { type ControlStage, startControlStage } from './control-loop-stage.test-factory.ts';

const startMs = Date.parse('2026-11-24T07:00:00Z');
const context = { functionName: 'camera-changed', awsRequestId: 'r' } as Context;
/** As many as BatchWriteItem takes. */
const itemsPerCall = 25;
const beyondMax = 300;
const batchSize = 50;

/** One stream for all: what counts here is how many rows there are. */
const rowOf = (index: number) => ({
  cameraId: `c${String(index).padStart(6, '0')}`,
  streamName: 'shared',
  schedule: 'always',
});
const isNotHeld = ({ phase, phaseReason }: CameraState) => phase === 'shed' && phaseReason.includes('another fleet');
let stage: ControlStage;
beforeAll(async () => {
  stage = await startControlStage({ startMs, policy: {} });
  await stage.createStream('shared');
  stage.cloud.context.putMetric('AWS/KinesisVideo', 'PutMedia.IncomingFragments', { StreamName: 'shared' }, 1);
  const states = Array.from({ length: camerasPerFleetMax + beyondMax }, (_, index) => knownState(index));
  for (let index = 0; index < states.length; index += itemsPerCall) {
    const requests = states.slice(index, index + itemsPerCall).map((Item) => ({ PutRequest: { Item } }));
    await stage.clients.documents.send(
      new BatchWriteCommand({ RequestItems: { [stage.names.tables.cameraStates]: requests } }),
    );
  }
});
afterAll(() => stage?.close());

function knownState(index: number): CameraState {
  const { fleet, camera, issues } = verdictOn(rowOf(index), ['default']);
  return {
    ...{ fleet, cameraId: rowOf(index).cameraId, schemaVersion: 1, camera, issues, epoch: 0 },
    ...{ rowSequenceNumber: comparableSequence('1'), rowChangedAtMs: startMs },
    ...{ phase: 'off-schedule', phaseReason: 'new: the next run decides', phaseSinceMs: startMs },
  } as CameraState;
}

function addedRows(from: number): DynamoDBRecord[] {
  return Array.from({ length: batchSize }, (_, offset) => {
    const row = rowOf(from + offset);
    const SequenceNumber = String(from + offset);
    const dynamodb = { Keys: { cameraId: { S: row.cameraId } }, SequenceNumber, NewImage: marshall(row) };
    return { eventID: SequenceNumber, eventName: 'INSERT', eventSource: 'aws:dynamodb', dynamodb } as DynamoDBRecord;
  });
}

it('a batch of new rows is written for itself; the cameras that the fleet cannot hold are not written again', async () => {
  const handle = buildCameraChangedHandler(stage.deps);
  const known = camerasPerFleetMax + beyondMax;
  await handle({ Records: addedRows(known) }, context);
  const before = await stage.cameras();
  expect(before.filter(isNotHeld)).toHaveLength(beyondMax + batchSize);

  let writes = 0;
  stage.clients.documents.middlewareStack.add(
    (next, { commandName }) => {
      if (/Update|Put|Delete|Write/.test(commandName ?? '')) writes += 1;
      return next;
    },
    { step: 'initialize' },
  );
  await handle({ Records: addedRows(known + batchSize) }, context);
  const after = await stage.cameras();
  expect(after.filter(isNotHeld)).toHaveLength(beyondMax + 2 * batchSize);
  // Its verdict and its first phase, and the lock and the decision of the one run.
  expect(writes).toBeLessThanOrEqual(2 * batchSize + 4);
}, 120_000);
