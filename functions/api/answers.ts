/**
 * What routes say in the same way: how an answer is described, and one that is not sent again while it has not changed.
 * Invariant: an answer with a tag is asked about anew each time, and belongs to whoever asked.
 */
import type { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { entityTag, namesTag } from './row-version.ts';

export const json = (schema: z.ZodType, description: string) => ({
  content: { 'application/json': { schema } },
  description,
});

/**
 * @param tagged what the tag stands for, where the body also tells when it was made.
 * @returns 304 when the caller names the tag of what would be sent.
 */
export function unlessKnown<Body extends object>(context: Context, body: Body, tagged: unknown = body) {
  const tag = entityTag(tagged);
  const headers = { etag: tag, 'cache-control': 'private, no-cache' };
  if (namesTag(context.req.header('if-none-match') ?? '', tag)) return context.body(null, 304, headers) as never;
  return context.json(body, 200, headers);
}
