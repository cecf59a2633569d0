/** The row of a camera with the version that is to be replaced. */
import { ask } from '../api/client.ts';
import type { StoredRow } from './proposal.ts';

export async function storedRow(cameraId: string, signal?: AbortSignal): Promise<StoredRow> {
  const path = `/api/cameras/${encodeURIComponent(cameraId)}`;
  const { body, etag } = await ask<{ row: Record<string, unknown> }>(path, signal === undefined ? {} : { signal });
  return { cameraId, row: body.row, etag: etag ?? '' };
}
