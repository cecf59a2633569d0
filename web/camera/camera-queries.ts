/** What the page of a camera reads. Invariant: all of it under ['camera', id, …], so that an event renews what it concerns. */
import { queryOptions } from '@tanstack/react-query';
import type { Coverage, LedgerHour } from '../../core/control/coverage.ts';
import type { CameraView } from '../../core/views/camera-view.ts';
import { ApiProblem, ask } from '../api/client.ts';
import { liveMs } from '../api/queries.ts';

export type Track = {
  trackId: string;
  firstSeenAt: string;
  lastSeenAt: string;
  ended: boolean;
  label: string;
  score: number;
  regions: string[];
  text: { value: string; score: number } | null;
  snapshotKey: string | null;
};
export type Picture = {
  capturedAt: string;
  width: number;
  height: number;
  detections: { label: string; score: number; box: number[]; trackId?: string; text?: { value: string } }[];
};
export type Snapshot = { url: string; validSeconds: number; track: Track; picture: Picture | null };
export type ShownTrack = Pick<Track, 'trackId' | 'firstSeenAt'> | null;

const path = (cameraId: string) => `/api/cameras/${encodeURIComponent(cameraId)}`;

export const cameraQuery = (cameraId: string) =>
  queryOptions({
    queryKey: ['camera', cameraId, 'row'],
    queryFn: async ({ signal }) => {
      const asked = await ask<{ row: Record<string, unknown>; state: CameraView | null }>(path(cameraId), { signal });
      return { ...asked.body, etag: asked.etag };
    },
    refetchInterval: liveMs,
  });

export const tracksQuery = (cameraId: string) =>
  queryOptions({
    queryKey: ['camera', cameraId, 'tracks'],
    queryFn: async ({ signal }) =>
      (await ask<{ tracks: Track[] }>(`${path(cameraId)}/tracks?limit=50`, { signal })).body.tracks,
    refetchInterval: liveMs,
  });

export const coverageQuery = (cameraId: string) =>
  queryOptions({
    queryKey: ['camera', cameraId, 'coverage'],
    queryFn: async ({ signal }) =>
      (await ask<{ coverage: Coverage; hours: LedgerHour[] }>(`${path(cameraId)}/coverage?days=7`, { signal })).body,
    refetchInterval: 60_000,
  });

/** @param shown null: the newest picture. Null: there is none. */
export const snapshotQuery = (cameraId: string, shown: ShownTrack) =>
  queryOptions({
    queryKey: ['camera', cameraId, 'snapshot', shown?.trackId ?? null],
    queryFn: async ({ signal }): Promise<Snapshot | null> => {
      const query = shown === null ? '' : `?${new URLSearchParams({ ...shown })}`;
      try {
        return (await ask<Snapshot>(`${path(cameraId)}/snapshot${query}`, { signal })).body;
      } catch (error) {
        if (error instanceof ApiProblem && error.status === 404) return null;
        throw error;
      }
    },
    // The picture of a track is final; its link opens for five minutes.
    staleTime: shown === null ? 10_000 : 240_000,
  });
