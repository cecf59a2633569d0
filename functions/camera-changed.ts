/**
 * A row of the registry changed: parse it, store the verdict, create its video stream where the row asks for it, and let
 * the fleets it touches react at once.
 * Invariants: a row that cannot be used changes nothing but its own state; an older or repeated event changes nothing; a
 * record that can never succeed is acknowledged and recorded, only what may succeed later is reported as failed.
 */
import { BatchProcessor, EventType, processPartialResponse } from '@aws-lambda-powertools/batch';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import type { Context, DynamoDBBatchResponse, DynamoDBRecord, DynamoDBStreamEvent } from 'aws-lambda';
import { fromAttributeMap } from '../aws/attribute-values.ts';
import { markLeaving, readCameraState, saveVerdict } from '../aws/camera-states.ts';
import { isRetryable } from '../aws/error-codes.ts';
import { putOwnEvent } from '../aws/own-events.ts';
import { takingTurns } from '../aws/parallel.ts';
import { createStream } from '../aws/streams.ts';
import type { Camera, Issue } from '../core/camera.ts';
import { KvsInferError } from '../core/errors.ts';
import { firstFleet, fleetOfRow, verdictOn } from '../core/row-verdict.ts';
import type { Trace } from '../core/trace.ts';
import { rowTraceId } from './cause-trace.ts';
import { type ControlDeps, completeDeps, endedByLambda, type HandlerDeps, lambdaDeps } from './handler-deps.ts';
import { reconcileSoon } from './reconcile-fleet.ts';
import { rowsChanged } from './triggers.ts';

export type CameraChangedHandler = (event: DynamoDBStreamEvent, context: Context) => Promise<DynamoDBBatchResponse>;

export function buildCameraChangedHandler(given: HandlerDeps): CameraChangedHandler {
  const deps = completeDeps(given, 'camera-changed');
  return middy<DynamoDBStreamEvent, DynamoDBBatchResponse>(endedByLambda)
    .use(injectLambdaContext(deps.telemetry.logger))
    .handler(async (event, context) => {
      const batch: Batch = { touchedBy: new Map(), createTurn: takingTurns(1) };
      const writeTurn = takingTurns(recordsAtOnceMax);
      const handled = new Map<string | null, Promise<void>>();
      const inTurn = (record: DynamoDBRecord) => {
        const cameraId = cameraIdOf(record);
        // Records of one camera come in order and are handled in order.
        const done = writeTurn(() => acknowledgeOrThrow(deps, record, batch), handled.get(cameraId));
        handled.set(cameraId, done);
        return done;
      };
      const processor = new BatchProcessor(EventType.DynamoDBStreams, { logger: deps.telemetry.logger });
      const options = { context, processInParallel: true, throwOnFullBatchFailure: false };
      const answer = await processPartialResponse(event, inTurn, processor, options);
      const touched: Touched = new Map();
      for (const record of event.Records) {
        for (const fleet of batch.touchedBy.get(record) ?? []) touch(deps, touched, fleet, record);
      }
      const fleets = [...touched].sort(([one], [other]) => (one < other ? -1 : 1));
      await Promise.all(
        fleets.map(([fleet, trace]) =>
          reconcileSoon(deps, fleet, 'camera changed', trace, () => tellLoop(deps, fleet, trace)),
        ),
      );
      return answer;
    }) as CameraChangedHandler;
}

/** As many writes a second as the partition takes that holds a fleet's states, at some 8 ms each. */
const recordsAtOnceMax = 8;

type Batch = {
  touchedBy: Map<DynamoDBRecord, Set<string>>;
  /** Kinesis Video creates few streams a second. */
  createTurn: ReturnType<typeof takingTurns>;
};

/** Fleets to run, each under the first change of the batch that touched it; the later ones are links. */
type Touched = Map<string, Trace>;

function touch(deps: ControlDeps, touched: Touched, fleet: string, record: DynamoDBRecord): void {
  const traceId = rowTraceId(record, deps.clock.nowMs());
  const first = touched.get(fleet);
  touched.set(fleet, first === undefined ? { traceId } : { ...first, links: [...(first.links ?? []), traceId] });
  deps.telemetry.logger.info('camera row changed', { cameraId: cameraIdOf(record), fleet, traceId });
}

/** The rows behind these do not wait until the fleet's next run may begin. */
function tellLoop({ clients, environment: { names } }: ControlDeps, fleet: string, { traceId }: Trace): Promise<void> {
  const sender = { source: names.eventSource, stageTable: names.tables.workers };
  return putOwnEvent(clients, sender, rowsChanged, { fleet, traceId });
}

/** Throws only what is worth another try; everything else becomes the camera's verdict. */
async function acknowledgeOrThrow(deps: ControlDeps, record: DynamoDBRecord, batch: Batch): Promise<void> {
  const touched = new Set<string>();
  batch.touchedBy.set(record, touched);
  try {
    await handleRecord(deps, record, touched, batch);
  } catch (error) {
    if (isRetryable(error)) throw error;
    const failure = error instanceof Error ? error.message : String(error);
    const cameraId = cameraIdOf(record);
    const rowTrace = rowTraceId(record, deps.clock.nowMs());
    const { logger } = deps.telemetry;
    logger.error('a record of the camera registry cannot be used', { cameraId, failure, traceId: rowTrace });
    // Its state is left as it is; once the version is known, `camera rebuild` brings the row into it.
    if (cameraId === null || (error instanceof KvsInferError && error.code === 'ITEM_VERSION_LATER')) return;
    const issue: Issue = { severity: 'error', path: '', message: `the row could not be processed: ${failure}` };
    const sequenceNumber = record.dynamodb?.SequenceNumber ?? '';
    const { fleets } = deps.environment;
    const fleet = fleetOfRow(fromAttributeMap(record.dynamodb?.NewImage), fleets) ?? firstFleet(fleets);
    const table = deps.environment.names.tables.cameraStates;
    await saveVerdict(
      deps.clients,
      table,
      { fleet, cameraId, camera: null, issues: [issue], sequenceNumber, rowTraceId: rowTrace },
      deps.clock.nowMs(),
    );
    touched.add(fleet);
  }
}

async function handleRecord(
  deps: ControlDeps,
  record: DynamoDBRecord,
  touched: Set<string>,
  { createTurn }: Batch,
): Promise<void> {
  const { clients, clock, environment } = deps;
  const { fleets } = environment;
  const table = environment.names.tables.cameraStates;
  const cameraId = cameraIdOf(record);
  const sequenceNumber = record.dynamodb?.SequenceNumber;
  if (cameraId === null || sequenceNumber === undefined)
    throw new Error('the record has no camera id or sequence number');
  const oldRow = fromAttributeMap(record.dynamodb?.OldImage);
  const oldFleet = oldRow === null ? null : (fleetOfRow(oldRow, fleets) ?? firstFleet(fleets));
  const newRow = record.eventName === 'REMOVE' ? null : fromAttributeMap(record.dynamodb?.NewImage);

  if (newRow === null) {
    // A state on its way to another fleet still lies in the one before: look there too.
    for (const fleet of new Set([oldFleet ?? firstFleet(fleets), ...fleets])) {
      if (await markLeaving(clients, table, { fleet, cameraId }, sequenceNumber, null, clock.nowMs()))
        touched.add(fleet);
    }
    return;
  }
  const { fleet, camera, issues } = verdictOn(newRow, fleets);
  if (camera?.stream.create === true) await createTurn(() => ensureStream(deps, camera, issues));
  const verdict = { cameraId, camera, issues, sequenceNumber, rowTraceId: rowTraceId(record, clock.nowMs()) };
  const present = oldRow === null ? null : await fleetThatHolds(deps, cameraId, fleet, oldFleet);
  if (present !== null && present !== fleet) {
    // The state goes with its owner's lease: the old fleet lets go first, then hands it over. The new verdict waits in it.
    const kept = await saveVerdict(clients, table, { ...verdict, fleet: present }, clock.nowMs(), fleet);
    if (kept) for (const other of [present, fleet]) touched.add(other);
    else if ((await readCameraState(clients, table, present, cameraId)) === null)
      throw movedMeanwhile(cameraId, present);
  } else if (await saveVerdict(clients, table, { ...verdict, fleet }, clock.nowMs())) {
    touched.add(fleet);
  }
}

/** The fleet let go between the look and the write: the next try finds the state where it is now. */
function movedMeanwhile(cameraId: string, fleet: string): KvsInferError {
  return new KvsInferError('CAMERA_MOVED', `camera ${cameraId} left fleet ${fleet} while its row was read`, {
    hint: 'it is tried again',
    retryable: true,
  });
}

/**
 * Where the state of a camera lies: in the fleet that its row named before or, when it is still on its way there, in any
 * other. A second state beside it would have the camera watched twice.
 */
async function fleetThatHolds(
  { clients, environment }: ControlDeps,
  cameraId: string,
  fleet: string,
  oldFleet: string | null,
): Promise<string | null> {
  const table = environment.names.tables.cameraStates;
  const likely = [...(oldFleet === null ? [] : [oldFleet]), fleet];
  for (const candidate of new Set([...likely, ...environment.fleets])) {
    if ((await readCameraState(clients, table, candidate, cameraId)) !== null) return candidate;
  }
  return null;
}

/** A stream that cannot be made is a warning on the row: the camera waits for it as for any stream that is absent. */
async function ensureStream(
  deps: ControlDeps,
  { cameraId, streamName, stream }: Camera,
  issues: Issue[],
): Promise<void> {
  try {
    const created = await createStream(deps.clients, streamName, stream.retentionHours);
    if (created) deps.telemetry.logger.info('created video stream', { cameraId, streamName });
  } catch (error) {
    if (isRetryable(error)) throw error;
    const message = error instanceof Error ? error.message : String(error);
    issues.push({ severity: 'warning', path: 'stream.create', message });
  }
}

function cameraIdOf(record: DynamoDBRecord): string | null {
  return record.dynamodb?.Keys?.cameraId?.S ?? null;
}

let built: CameraChangedHandler | undefined;
export const handler: CameraChangedHandler = (event, context) => {
  built ??= buildCameraChangedHandler(lambdaDeps());
  return built(event, context);
};
