/**
 * What the API answers when it does not do what was asked: RFC 9457 problem documents, with the field where one is wrong.
 * Invariant: an unexpected error tells the caller nothing but an id; the log has it with the rest.
 */
import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import * as z from 'zod';
import type { Issue } from '../../core/camera.ts';
import { KvsInferError } from '../../core/errors.ts';

export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    /** Errors and warnings by field. */
    issues: z.array(z.object({ severity: z.string(), path: z.string(), message: z.string() })).optional(),
    /** What is stored, where that is not what the caller thought. */
    current: z.unknown().optional(),
  })
  .meta({ id: 'Problem', description: 'RFC 9457 problem document' });

export type ProblemFields = { issues?: readonly Issue[]; current?: unknown; headers?: Record<string, string> };

const titles: Readonly<Record<number, string>> = {
  400: 'The request is malformed',
  401: 'No valid token',
  403: 'Not allowed',
  404: 'Not found',
  409: 'Changed meanwhile',
  412: 'Changed meanwhile',
  413: 'Too large',
  422: 'The content cannot be used',
  428: 'Say which version you know',
  429: 'Too many requests',
  503: 'AWS does not answer as it should',
};

/** Thrown by a route; the app answers it. */
export class Problem extends HTTPException {
  readonly fields: ProblemFields;

  constructor(status: ContentfulStatusCode, detail: string, fields: ProblemFields = {}) {
    super(status, { message: detail });
    this.fields = fields;
  }
}

export function problemResponse(
  context: Context,
  status: ContentfulStatusCode,
  detail: string,
  fields: ProblemFields = {},
) {
  const { headers = {}, ...rest } = fields;
  const body = { type: 'about:blank', title: titles[status] ?? 'It failed', status, detail, ...rest };
  return context.body(JSON.stringify(body), status, {
    'content-type': 'application/problem+json',
    'cache-control': 'no-store',
    ...headers,
  });
}

/** @param log gets what the caller is not told. */
export function answerError(error: unknown, context: Context, log: (facts: Record<string, string>) => void): Response {
  if (error instanceof Problem)
    return problemResponse(context, error.status as ContentfulStatusCode, error.message, error.fields);
  if (error instanceof HTTPException)
    return problemResponse(context, error.status as ContentfulStatusCode, error.message);
  const failure = error instanceof Error ? error.message : String(error);
  log({ method: context.req.method, path: context.req.path, failure });
  if (error instanceof KvsInferError && error.retryable) {
    return problemResponse(context, 503, `${error.code}: try again in some seconds`, {
      headers: { 'retry-after': '5' },
    });
  }
  return problemResponse(context, 500, error instanceof KvsInferError ? error.code : 'unexpected; the log tells more');
}

/** Zod's issues in our words. */
export function issuesOf(error: z.core.$ZodError): Issue[] {
  return error.issues.map(({ path, message }) => ({ severity: 'error', path: path.join('.'), message }));
}
