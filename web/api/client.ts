/**
 * How the dashboard asks the API: with the session's token, and with what goes wrong as words and fields.
 * Invariants: every answer that is not a success becomes an ApiProblem; a lost connection is one too (status 0), so that a
 * page has one way to say what happened. Versions (ETag, 304) of what is read are the browser's own work.
 */
import type { Session } from '../session/session.ts';

export type FieldIssue = { severity: string; path: string; message: string };
export type Answer<Body> = { body: Body; etag: string | null };
export type AskOptions = {
  method?: 'GET' | 'PUT' | 'POST' | 'DELETE';
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
};

export class ApiProblem extends Error {
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  readonly issues: readonly FieldIssue[];

  constructor(status: number, detail: string, issues: readonly FieldIssue[] = []) {
    super(detail);
    this.status = status;
    this.issues = issues;
  }
}

let session: Session | null = null;

export function setSession(present: Session): void {
  session = present;
}

/** @throws ApiProblem */
export async function ask<Body>(path: string, options: AskOptions = {}): Promise<Answer<Body>> {
  const answer = await send(path, options);
  const text = await answer.text();
  return { body: (text === '' ? null : JSON.parse(text)) as Body, etag: answer.headers.get('etag') };
}

/** The answer itself, for what is read as it comes. @throws ApiProblem */
export async function send(
  path: string,
  { method = 'GET', body, headers = {}, signal }: AskOptions = {},
): Promise<Response> {
  const token = await session?.token();
  if (token == null) throw new ApiProblem(401, 'nobody is signed in');
  const answer = await fetch(path, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal }),
  }).catch((error: unknown) => {
    if (signal?.aborted) throw error;
    throw new ApiProblem(0, 'the API does not answer: the connection is lost, or the stage has ended');
  });
  if (answer.ok) return answer;
  throw await problemOf(answer);
}

async function problemOf(answer: Response): Promise<ApiProblem> {
  const document = (await answer.json().catch(() => null)) as {
    detail?: string;
    message?: string;
    issues?: FieldIssue[];
  } | null;
  const detail = document?.detail ?? document?.message ?? `the API answered HTTP ${answer.status}`;
  return new ApiProblem(answer.status, detail, document?.issues);
}
