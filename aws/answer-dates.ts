/**
 * When AWS says that it answered: every answer of DynamoDB, refusals too, is dated, by a clock that is not this machine's.
 * Invariant: listening changes no call and no answer; an answer without a date, or with one that is none, says nothing.
 */
import type { AwsClients } from './clients.ts';

/** `sentMs` and `receivedMs` are of the machine; the answer was written in the second that begins at `serverMs`. */
export type DatedAnswer = { sentMs: number; receivedMs: number; serverMs: number };

type Dated = { headers?: Record<string, string | undefined> } | undefined;

/** @param nowMs the machine's wall clock. */
export function onAnswerDates(clients: AwsClients, nowMs: () => number, hear: (answer: DatedAnswer) => void): void {
  clients.dynamo.middlewareStack.add(
    (next) => async (args) => {
      // Within the retries, and before the answer is read for what it says: each attempt has its own.
      const sentMs = nowMs();
      const result = await next(args);
      const serverMs = Date.parse((result.response as Dated)?.headers?.date ?? '');
      if (Number.isFinite(serverMs)) hear({ sentMs, receivedMs: nowMs(), serverMs });
      return result;
    },
    { step: 'deserialize' },
  );
}
