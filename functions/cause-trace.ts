/**
 * Where a trace begins: the id of a change of a row, of a tick or of an event. It is derived from what AWS names the cause
 * by, so that a function that is called again for the same cause has the same id; no call is made for it.
 * Invariant: Lambda's own X-Ray id wins where there is one and the invocation has one cause.
 */
import { createHash } from 'node:crypto';
import type { Context, DynamoDBRecord } from 'aws-lambda';
import { type Trace, traceIdIn, traceIdOf, traceIdOfHeader } from '../core/trace.ts';
import type { ControlDeps } from './handler-deps.ts';

const hexOf = (name: string) => createHash('sha256').update(name).digest('hex');

/** A batch has changes of many rows: each has an id of its own, from its place in the stream. */
export function rowTraceId({ eventSourceARN = '', dynamodb }: DynamoDBRecord, nowMs: number): string {
  const seconds = dynamodb?.ApproximateCreationDateTime;
  const atMs = typeof seconds === 'number' ? seconds * 1_000 : nowMs;
  return traceIdOf(hexOf(`${eventSourceARN} ${dynamodb?.SequenceNumber ?? ''}`), atMs);
}

/** Of a tick, or of an event of the cloud (`eventId`). */
export function invocationTrace({ clock, traceHeader }: ControlDeps, context: Context, eventId?: unknown): Trace {
  const given = traceIdOfHeader(traceHeader?.());
  // Events of others' making come over the same bus.
  const name = typeof eventId === 'string' ? eventId : String(context.awsRequestId);
  return { traceId: given ?? traceIdOf(hexOf(name), clock.nowMs()) };
}

/** What a worker did because it was told to goes on under the id of the order; its event is linked. */
export function continuedTrace(own: Trace, detail: Record<string, unknown>): Trace {
  const ordered = traceIdIn(detail.traceId);
  return ordered === null ? own : { traceId: ordered, links: [own.traceId] };
}
