/**
 * TransactWriteItems and TransactGetItems on top of single calls: every part runs against one stage under the locks of all
 * its tables, and the stage is committed only when every part succeeded.
 * Invariant: all or nothing, also against a crash, because the stage reaches the store as one batch.
 */
import { hash } from 'node:crypto';
import { canonicalJson } from '../../core/canonical-json.ts';
import type { Clock } from '../../core/clock.ts';
import { AwsError } from '../http/aws-error.ts';
import type { HeldStore } from '../service.ts';
import type { Input, Item, Output } from './dynalite-engine.ts';
import type { StagedWrites } from './staged-writes.ts';

/** DynamoDB: a transaction holds up to 100 actions. */
const ACTIONS_MAX = 100;
/** A ClientRequestToken is remembered for ten minutes. */
const TOKEN_LIFETIME_MS = 10 * 60 * 1000;
const TOKENS_MAX = 10_000;

export type TransactionParts = { kind: 'Put' | 'Update' | 'Delete' | 'ConditionCheck' | 'Get'; input: Input }[];
type Reason = { Code: string; Message?: string; Item?: Item };

const operationOf = { Put: 'PutItem', Update: 'UpdateItem', Delete: 'DeleteItem', Get: 'GetItem' } as const;

/** @throws AwsError ValidationException for what is wrong before anything is read. */
export function transactionParts(input: Input, kinds: readonly string[]): TransactionParts {
  const items = input.TransactItems;
  if (!Array.isArray(items) || items.length === 0 || items.length > ACTIONS_MAX) {
    const count = Array.isArray(items) ? items.length : 0;
    throw validation(
      `1 validation error detected: Value at 'transactItems' failed to satisfy constraint: Member must have length between 1 and ${ACTIONS_MAX}; it has ${count}`,
    );
  }
  return items.map((item: Record<string, Input> | null) => {
    const present = Object.entries(item ?? {}).filter(([, value]) => value !== undefined && value !== null);
    const [kind, part] = present[0] ?? [];
    if (present.length !== 1 || kind === undefined || part === undefined || !kinds.includes(kind)) {
      throw validation('TransactItems can only contain one of Check, Put, Update or Delete');
    }
    return { kind: kind as TransactionParts[number]['kind'], input: part };
  });
}

/** @param stageForCheck a stage to throw away: a check must not leave a write behind. */
export async function runTransaction(
  parts: TransactionParts,
  stage: StagedWrites,
  stageForCheck: () => StagedWrites,
): Promise<void> {
  const reasons: Reason[] = [];
  for (const { kind, input } of parts) reasons.push(await runPart(kind, input, stage, stageForCheck));
  if (reasons.some(({ Code }) => Code !== 'None')) {
    const codes = reasons.map(({ Code }) => Code).join(', ');
    throw new AwsError(
      400,
      'TransactionCanceledException',
      `Transaction cancelled, please refer cancellation reasons for specific reasons [${codes}]`,
      { CancellationReasons: reasons },
    );
  }
  const touched = stage.changes.map(({ tableName, keyString }) => `${tableName}/${keyString}`);
  if (new Set(touched).size < touched.length) {
    throw validation('Transaction request cannot include multiple operations on one item');
  }
}

async function runPart(
  kind: TransactionParts[number]['kind'],
  input: Input,
  stage: StagedWrites,
  stageForCheck: () => StagedWrites,
): Promise<Reason> {
  const { ReturnValuesOnConditionCheckFailure: onFailure, ...call } = input;
  const used = kind === 'ConditionCheck' ? stageForCheck() : stage;
  try {
    await used.run(kind === 'ConditionCheck' ? 'DeleteItem' : operationOf[kind], { ...call, ReturnValues: 'NONE' });
    return { Code: 'None' };
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    if (error.code === 'ConditionalCheckFailedException') {
      const found = onFailure === 'ALL_OLD' && used.lastRead !== null ? { Item: used.lastRead } : {};
      return { Code: 'ConditionalCheckFailed', Message: error.message, ...found };
    }
    // What depends on the stored item cancels the transaction; a request that is wrong by itself is refused as such.
    if (error.code === 'ValidationException' && used.lastRead !== null) {
      return { Code: 'ValidationError', Message: error.message };
    }
    throw error;
  }
}

/** Remembers what a ClientRequestToken stood for: a repeat of the same call does nothing, another call is refused. */
export class RequestTokens {
  readonly #clock: Clock;
  readonly #seen = new Map<string, { digest: string; atMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @returns true when this very call has been done already. */
  isRepeat(token: unknown, parts: TransactionParts): boolean {
    if (typeof token !== 'string') return false;
    const seen = this.#seen.get(token);
    if (seen === undefined || this.#clock.nowMs() - seen.atMs > TOKEN_LIFETIME_MS) return false;
    if (seen.digest !== digestOf(parts)) {
      throw new AwsError(400, 'IdempotentParameterMismatchException', 'The token was used with other parameters.');
    }
    return true;
  }

  held(): HeldStore {
    const bytes = [...this.#seen].reduce((sum, [token, { digest }]) => sum + token.length + digest.length, 0);
    return { store: 'tables: transaction tokens', items: this.#seen.size, bytes, bound: `10 min, ${TOKENS_MAX}` };
  }

  remember(token: unknown, parts: TransactionParts): void {
    if (typeof token !== 'string') return;
    const nowMs = this.#clock.nowMs();
    this.#seen.set(token, { digest: digestOf(parts), atMs: nowMs });
    for (const [oldest, { atMs }] of this.#seen) {
      if (this.#seen.size <= TOKENS_MAX && nowMs - atMs <= TOKEN_LIFETIME_MS) break;
      this.#seen.delete(oldest);
    }
  }
}

/** What was asked for is compared, never needed again; ten thousand transactions are some MB of it. */
function digestOf(parts: TransactionParts): string {
  return hash('sha256', canonicalJson(parts), 'base64');
}

export function getResponses(outputs: Output[]): Output {
  return { Responses: outputs.map(({ Item }) => (Item === undefined ? {} : { Item })) };
}

function validation(message: string): AwsError {
  return new AwsError(400, 'ValidationException', message);
}
