/**
 * What workers stored of a camera, as the API shows it: its tracks by time, page by page, and links to pictures that only
 * those can open who were given one.
 * Invariant: a link opens one object of the results bucket, for reading, and for minutes.
 */
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { QueryCommand } from '@aws-sdk/lib-dynamodb';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import type { AwsClients } from './clients.ts';
import { awsCall } from './error-codes.ts';
import type { DetectionItem } from './results.ts';

export type TrackPage = { tracks: DetectionItem[]; next: string | null };

/**
 * Tracks first seen in `[fromMs, toMs)`, newest first unless `oldestFirst`.
 * @param after the `next` of the page before; anything else begins anew.
 */
export async function readTracks(
  clients: AwsClients,
  table: string,
  cameraId: string,
  options: { fromMs: number; toMs: number; limit: number; after: string | null; oldestFirst?: boolean },
): Promise<TrackPage> {
  const { fromMs, toMs, limit, after, oldestFirst = false } = options;
  const iso = (atMs: number) => new Date(atMs).toISOString();
  const answer = await awsCall(`read the tracks of ${cameraId}`, () =>
    clients.documents.send(
      new QueryCommand({
        TableName: table,
        KeyConditionExpression: 'cameraId = :camera AND #at BETWEEN :from AND :to',
        ExpressionAttributeNames: { '#at': 'at#trackId' },
        ExpressionAttributeValues: { ':camera': cameraId, ':from': iso(fromMs), ':to': iso(toMs) },
        ScanIndexForward: oldestFirst,
        Limit: limit,
        ...(after === null ? {} : { ExclusiveStartKey: { cameraId, 'at#trackId': after } }),
      }),
    ),
  );
  const next = answer.LastEvaluatedKey?.['at#trackId'];
  return { tracks: (answer.Items ?? []) as DetectionItem[], next: typeof next === 'string' ? next : null };
}

/** What lies beside a picture is some kB; a person's own object under that name may be anything. */
const recordBytesMax = 1_000_000;

/**
 * The JSON beside a picture (docs/schemas/snapshot@1.json).
 * @returns null when it is gone: pictures are kept for some months. Who may not list a bucket is refused what is gone.
 */
export async function readPictureRecord(clients: AwsClients, bucket: string, key: string): Promise<unknown> {
  try {
    const answer = await awsCall(`read s3://${bucket}/${key}`, () =>
      clients.s3.send(new GetObjectCommand({ Bucket: bucket, Key: key.replace(/\.jpg$/, '.json') })),
    );
    if ((answer.ContentLength ?? 0) > recordBytesMax) return null;
    return JSON.parse((await answer.Body?.transformToString()) ?? 'null');
  } catch (error) {
    const { name = '' } = (error as { cause?: { name?: string } }).cause ?? {};
    if (error instanceof SyntaxError || name === 'NoSuchKey' || name === 'AccessDenied') return null;
    throw error;
  }
}

/** Whether the picture is still there shows when the link is opened. */
export function signedPictureUrl(
  clients: AwsClients,
  bucket: string,
  key: string,
  validSeconds: number,
): Promise<string> {
  return getSignedUrl(clients.s3, new GetObjectCommand({ Bucket: bucket, Key: key }), { expiresIn: validSeconds });
}
