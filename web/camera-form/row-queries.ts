/**
 * What the form asks while one types: the stored row with its version, and the system's verdict on what stands in the form.
 * Invariant: a verdict is of the row as it stands; an older one never replaces it.
 */
import { keepPreviousData, queryOptions, useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { ApiProblem, ask, type FieldIssue } from '../api/client.ts';
import { counted } from '../parts/format.ts';
import type { TypedRow } from './typed-row.ts';

const typingPauseMs = 250;
/** Stands in the path for an id that is not typed yet, so that everything else can be judged. */
const unnamed = 'unnamed';
const idPattern = /^[A-Za-z0-9._-]{1,64}$/;

export const storedRowQuery = (cameraId: string) =>
  queryOptions({
    queryKey: ['camera', cameraId, 'row to edit'],
    queryFn: async ({ signal }) => {
      const { body, etag } = await ask<{ row: TypedRow }>(`/api/cameras/${encodeURIComponent(cameraId)}`, { signal });
      return { row: body.row, etag };
    },
    ...{
      staleTime: Number.POSITIVE_INFINITY,
      gcTime: 0,
      refetchOnWindowFocus: false,
      refetchOnMount: 'always' as const,
    },
  });

export type Verdict = { issues: readonly FieldIssue[]; isPending: boolean; words: string; pictureUrl: string | null };

/** @param pictureOfCamera null: it is new, and has no picture. */
export function useVerdict(row: TypedRow, pictureOfCamera: string | null): Verdict {
  const typed = JSON.stringify(row);
  const [judged, setJudged] = useState(typed);
  useEffect(() => {
    const timer = setTimeout(() => setJudged(typed), typingPauseMs);
    return () => clearTimeout(timer);
  }, [typed]);
  const query = useQuery({
    queryKey: ['verdict', judged],
    queryFn: ({ signal }) => verdictOn(JSON.parse(judged), signal),
    placeholderData: keepPreviousData,
    ...{ staleTime: Number.POSITIVE_INFINITY, gcTime: 0 },
  });
  const picture = useQuery({
    queryKey: ['camera', pictureOfCamera, 'picture'],
    queryFn: ({ signal }) => (pictureOfCamera === null ? null : pictureOf(pictureOfCamera, signal)),
    enabled: pictureOfCamera !== null,
    staleTime: 120_000,
  });
  const issues = query.data ?? [];
  const isPending = typed !== judged || query.isFetching;
  const errors = issues.filter(({ severity }) => severity === 'error').length;
  const words =
    query.error !== null
      ? `not judged: ${query.error.message}`
      : isPending
        ? 'looking at it …'
        : errors > 0
          ? `${counted(errors, 'thing')} to correct`
          : 'the row can be used';
  return { issues, isPending, words, pictureUrl: picture.data ?? null };
}

/** @throws ApiProblem when nobody could judge. */
async function verdictOn(row: TypedRow, signal: AbortSignal): Promise<FieldIssue[]> {
  const isNamed = typeof row.cameraId === 'string' && idPattern.test(row.cameraId);
  const own: FieldIssue[] = isNamed
    ? []
    : [{ severity: 'error', path: 'cameraId', message: 'expected 1 to 64 of A-Z a-z 0-9 . _ -' }];
  const cameraId = isNamed ? String(row.cameraId) : unnamed;
  const path = `/api/cameras/${encodeURIComponent(cameraId)}?dryRun=true`;
  try {
    const { body } = await ask<{ issues: FieldIssue[] }>(path, { method: 'PUT', body: { ...row, cameraId }, signal });
    return [...own, ...body.issues];
  } catch (error) {
    if (error instanceof ApiProblem && error.status === 422) return [...own, ...error.issues];
    // Who may only look is not asked to judge.
    if (error instanceof ApiProblem && error.status === 403) return own;
    throw error;
  }
}

async function pictureOf(cameraId: string, signal: AbortSignal): Promise<string | null> {
  try {
    const { body } = await ask<{ url: string }>(`/api/cameras/${encodeURIComponent(cameraId)}/snapshot`, { signal });
    return body.url;
  } catch (error) {
    if (error instanceof ApiProblem && error.status === 404) return null;
    throw error;
  }
}
