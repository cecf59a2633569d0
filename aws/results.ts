/**
 * Where results go: records to Kinesis Data Streams, pictures to S3, one item per track to DynamoDB.
 * Invariant: `putRecords` says for every record whether it arrived, so that the caller sends again only what failed;
 * pictures are always encrypted at rest (SSE-S3).
 */
import { PutRecordsCommand } from '@aws-sdk/client-kinesis';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { PutCommand } from '@aws-sdk/lib-dynamodb';
import type { KvsInferError } from '../core/errors.ts';
import type { AwsClients } from './clients.ts';
import { awsCall, wrapAwsError } from './error-codes.ts';

export type OutgoingRecord = { partitionKey: string; data: Uint8Array };
/** @property index in the call. */
export type RefusedRecord = { index: number; error: KvsInferError };

/** Item of the detections table: key `cameraId` / `at#trackId`, where the sort key reads `<firstSeenAt>#<trackId>`. */
export type DetectionItem = {
  cameraId: string;
  'at#trackId': string;
  trackId: string;
  epoch: number;
  workerId: string;
  model: string;
  label: string;
  classId: number;
  score: number;
  /** `[x1, y1, x2, y2]`, fractions of the frame, at the track's best score. */
  box: number[];
  firstSeenAt: string;
  lastSeenAt: string;
  /** False until the track has ended. */
  ended: boolean;
  /** Areas that the track has been in. */
  regions?: string[];
  /** How long, by area, once it has left. */
  regionDwellMs?: Record<string, number>;
  text?: { value: string; score: number };
  snapshotKey?: string;
  /** DynamoDB TTL, seconds. */
  expiresAt: number;
};

/** The seam that tests and the standalone mode replace. */
export type ResultStore = {
  /** @returns the records that did not arrive, and why. @throws KvsInferError when the whole call failed. */
  putRecords(records: OutgoingRecord[]): Promise<RefusedRecord[]>;
  putObject(key: string, body: Uint8Array, contentType: string): Promise<void>;
  putDetection(item: DetectionItem): Promise<void>;
};

export type ResultPlaces = { stream: string; bucket: string; detectionsTable: string };

export function awsResultStore(clients: AwsClients, places: Partial<ResultPlaces>): Partial<ResultStore> {
  const { stream, bucket, detectionsTable } = places;
  return {
    ...(stream === undefined
      ? {}
      : {
          async putRecords(records: OutgoingRecord[]) {
            const answer = await awsCall(`put ${records.length} records into ${stream}`, () =>
              clients.kinesis.send(
                new PutRecordsCommand({
                  StreamName: stream,
                  Records: records.map(({ partitionKey, data }) => ({ PartitionKey: partitionKey, Data: data })),
                }),
              ),
            );
            return (answer.Records ?? []).flatMap(({ ErrorCode, ErrorMessage }, index) => {
              if (ErrorCode === undefined) return [];
              const refusal = Object.assign(new Error(ErrorMessage ?? 'refused'), { name: ErrorCode });
              return [{ index, error: wrapAwsError(`put a record into ${stream}`, refusal) }];
            });
          },
        }),
    ...(bucket === undefined
      ? {}
      : {
          async putObject(key: string, body: Uint8Array, contentType: string) {
            await awsCall(`put s3://${bucket}/${key}`, () =>
              clients.s3.send(
                new PutObjectCommand({
                  Bucket: bucket,
                  Key: key,
                  Body: body,
                  ContentType: contentType,
                  ServerSideEncryption: 'AES256',
                }),
              ),
            );
          },
        }),
    ...(detectionsTable === undefined
      ? {}
      : {
          async putDetection(item: DetectionItem) {
            await awsCall(`put a track of ${item.cameraId} into ${detectionsTable}`, () =>
              clients.documents.send(new PutCommand({ TableName: detectionsTable, Item: item })),
            );
          },
        }),
  };
}
