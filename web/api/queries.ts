/**
 * What the dashboard reads, by name. Invariant: types come from the code that makes the answers, so that the two cannot
 * drift apart; live pages look again every few seconds, and not at all in a hidden tab.
 */
import { queryOptions } from '@tanstack/react-query';
import type { Decision } from '../../core/control/record.ts';
import type { CameraView } from '../../core/views/camera-view.ts';
import type { FleetView } from '../../core/views/fleet-view.ts';
import type { DemandStep, Overview } from '../../core/views/overview-view.ts';
import { ask } from './client.ts';

export const liveMs = 5_000;
const slowMs = 60_000;

export type Me = { name: string; role: 'viewer' | 'operator'; stage: string; region: string; fleets: string[] };
export type HistoryPoint = { at: string; needed: number; desired: number; serving: number; reason: string };
export type FleetHistory = { points: HistoryPoint[]; isWhole: boolean; ahead: DemandStep[]; maxWorkers: number };

const read =
  <Body>(path: string) =>
  async ({ signal }: { signal: AbortSignal }) =>
    (await ask<Body>(path, { signal })).body;

export const meQuery = queryOptions({
  queryKey: ['me'],
  queryFn: read<Me>('/api/me'),
  staleTime: Number.POSITIVE_INFINITY,
});

export const overviewQuery = queryOptions({
  queryKey: ['overview'],
  queryFn: read<Overview>('/api/overview'),
  refetchInterval: liveMs,
});

export const camerasQuery = queryOptions({
  queryKey: ['cameras'],
  queryFn: async (context) => (await read<{ cameras: CameraView[] }>('/api/cameras')(context)).cameras,
  refetchInterval: liveMs,
});

export const fleetsQuery = queryOptions({
  queryKey: ['fleets'],
  queryFn: async (context) => (await read<{ fleets: FleetView[] }>('/api/fleets')(context)).fleets,
  refetchInterval: liveMs,
});

export const historyQuery = (fleet: string) =>
  queryOptions({
    queryKey: ['fleets', fleet, 'history'],
    queryFn: read<FleetHistory>(`/api/fleets/${encodeURIComponent(fleet)}/history?hours=24`),
    refetchInterval: slowMs,
  });

export const decisionsQuery = (fleet: string) =>
  queryOptions({
    queryKey: ['fleets', fleet, 'decisions'],
    queryFn: async (context) =>
      (await read<{ decisions: Decision[] }>(`/api/fleets/${encodeURIComponent(fleet)}/decisions?limit=50`)(context))
        .decisions,
    refetchInterval: liveMs,
  });
