/**
 * A worker's line to the control plane: its heartbeat, the checkpoints and releases of its cameras, its events.
 * Invariant: the heartbeat is ONE UpdateItem that sets worker-written attributes only and reads the control-written ones
 * from the same answer; a write to a camera's state carries the condition `ownerWorkerId = me AND epoch = mine`.
 */
import { UpdateCommand } from '@aws-sdk/lib-dynamodb';
import type { Assignment, Checkpoint, StandbyOrder, WatchReport, WorkerItem } from '../core/fleet-state.ts';
import { traceIdIn } from '../core/trace.ts';
import type { AwsClients } from './clients.ts';
import { awsCall, conditionHeld } from './error-codes.ts';
import { putOwnEvent } from './own-events.ts';
import { listsOf, packed } from './packed-attributes.ts';
import { heartbeatThatFits } from './worker-item-size.ts';

/** A heartbeat that takes longer is given up: the next one is due after 3 s. */
const heartbeatTimeoutMs = 2_500;

export type HeartbeatFields = Omit<
  WorkerItem,
  'fleet' | 'workerId' | 'assignments' | 'standbys' | 'listsTraceId' | 'drain'
>;
export type HeartbeatAnswer = {
  assignments: Record<string, Assignment>;
  /** Streams to open ahead of time. */
  standbys: Record<string, StandbyOrder>;
  drain: WorkerItem['drain'] | undefined;
  /** Of the run that wrote the lists. */
  listsTraceId?: string | undefined;
};
export type CameraProgress = {
  /** Of the run that gave the camera. */
  watchTraceId?: string;
  checkpoint?: Checkpoint;
  lastMediaAtMs?: number;
  lastInferenceAtMs?: number;
  watch?: WatchReport;
  /** Set when the camera has been let go for good. */
  released?: boolean;
};
export type WorkerEvent = 'Worker Ready' | 'Standby Ready' | 'Camera Released' | 'Worker Drained' | 'Model Failed';

/** The seam that tests replace. */
export type ControlLink = {
  heartbeat(fields: HeartbeatFields): Promise<HeartbeatAnswer>;
  /** @returns false when this worker does not own the camera at this epoch any more, or has released it already. */
  writeProgress(cameraId: string, epoch: number, progress: CameraProgress): Promise<boolean>;
  putEvent(event: WorkerEvent, cameraId?: string, traceId?: string): Promise<void>;
};

export type ControlLinkOptions = {
  fleet: string;
  workerId: string;
  workersTable: string;
  cameraStatesTable: string;
  eventSource: string;
  /** Told what time AWS had when it answered a heartbeat, to the second. */
  onServerTime?: (serverMs: number) => void;
};

export function controlLink(clients: AwsClients, options: ControlLinkOptions): ControlLink {
  const { fleet, workerId } = options;
  return {
    async heartbeat(given) {
      const fields = heartbeatThatFits(given);
      const update = assignment('SET', { ...fields, running: packed(fields.running) });
      const command = new UpdateCommand({
        TableName: options.workersTable,
        Key: { fleet, workerId },
        ReturnValues: 'ALL_NEW',
        ...update,
      });
      let dated: string | undefined;
      command.middlewareStack.add(
        (next) => async (args) => {
          const result = await next(args);
          dated = (result.response as { headers?: Record<string, string> }).headers?.date;
          return result;
        },
        { step: 'deserialize', name: 'readDate', override: true },
      );
      const answer = await awsCall(`send the heartbeat of ${workerId}`, () =>
        clients.documents.send(command, { requestTimeout: heartbeatTimeoutMs }),
      );
      if (dated !== undefined) options.onServerTime?.(Date.parse(dated));
      const item = answer.Attributes ?? {};
      const { assignments = {}, standbys = {} } = listsOf(item);
      const listsTraceId = traceIdIn(item.listsTraceId) ?? undefined;
      return { assignments, standbys, drain: item.drain as WorkerItem['drain'], listsTraceId };
    },

    async writeProgress(cameraId, epoch, { released, ...fields }) {
      const isLastWord = released === true;
      const set = { ...fields, ...(isLastWord ? { releasedEpoch: epoch } : {}) };
      if (Object.keys(set).length === 0) return true;
      const { UpdateExpression, ExpressionAttributeNames, ExpressionAttributeValues } = assignment('SET', set);
      // A checkpoint of an earlier owner is none to continue after: that owner may have gone on and been killed.
      const forgotten = isLastWord && fields.checkpoint === undefined ? ' REMOVE checkpoint' : '';
      // A checkpoint that was under way when the camera was released is older than the release's own.
      const beforeRelease = isLastWord ? '' : ' AND (attribute_not_exists(releasedEpoch) OR releasedEpoch <> :epoch)';
      return conditionHeld(`write the progress of ${cameraId}`, () =>
        clients.documents.send(
          new UpdateCommand({
            TableName: options.cameraStatesTable,
            Key: { fleet, cameraId },
            UpdateExpression: `${UpdateExpression}${forgotten}`,
            ConditionExpression: `#owner = :me AND #epoch = :epoch${beforeRelease}`,
            ExpressionAttributeNames: { ...ExpressionAttributeNames, '#owner': 'ownerWorkerId', '#epoch': 'epoch' },
            ExpressionAttributeValues: { ...ExpressionAttributeValues, ':me': workerId, ':epoch': epoch },
          }),
        ),
      );
    },

    putEvent: (event, cameraId, traceId) =>
      // What is undefined is not in it.
      putOwnEvent(clients, { source: options.eventSource, stageTable: options.workersTable }, event, {
        ...{ fleet, workerId, cameraId, traceId },
      }),
  };
}

/** `SET #a = :a, …` for every attribute that is not undefined. */
function assignment(verb: 'SET', fields: Record<string, unknown>) {
  const names: Record<string, string> = {};
  const values: Record<string, unknown> = {};
  const parts: string[] = [];
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    names[`#${name}`] = name;
    values[`:${name}`] = value;
    parts.push(`#${name} = :${name}`);
  }
  return {
    UpdateExpression: `${verb} ${parts.join(', ')}`,
    ExpressionAttributeNames: names,
    ExpressionAttributeValues: values,
  };
}
