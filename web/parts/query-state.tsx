/**
 * What stands where an answer is still to come, or did not come: words, and the last answer below them where there is one.
 * Invariant: a page that has once been read stays readable when the connection is lost.
 */
import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { ApiProblem } from '../api/client.ts';

type Props<Data> = { query: UseQueryResult<Data>; what: string; children: (data: Data) => ReactNode };

export function QueryState<Data>({ query, what, children }: Props<Data>) {
  const { data, error, isPending } = query;
  if (data !== undefined) return children(data);
  if (isPending) return <p className="quiet" aria-busy="true">{`Reading ${what} …`}</p>;
  // The shell says it once for all of the page.
  if (error instanceof ApiProblem && (error.status === 0 || error.status === 401)) {
    return <p className="quiet">{`No ${what} yet.`}</p>;
  }
  return <p className="problem-line" role="alert">{`${what}: ${error?.message ?? 'unknown'}`}</p>;
}
