/**
 * Conditions that compare maps and lists. Dynalite compares them as JavaScript objects, so that `#detect = :detect` never
 * held, and nobody could replace or remove a row over the version that was read. Such comparisons are decided here, as
 * DynamoDB does: by content, without the order of a map's keys.
 * Invariant: every other part of a condition is left to dynalite.
 */
import type { AttributeValue, Item } from './dynalite-engine.ts';
import { sameItem } from './same-item.ts';

type Argument = AttributeValue | readonly unknown[] | { type: string };
type Expression = { type: string; args: readonly (Expression | Argument)[] };
export type ConditionalInput = { _condition?: { expression: Expression } };

const always: Expression = { type: '=', args: [{ S: '' }, { S: '' }] };
const never: Expression = { type: 'not', args: [always] };

/** @param resolve the value at a path of the item, as dynalite finds it; undefined when there is none. */
export function withDocumentsCompared<Input extends ConditionalInput>(
  input: Input,
  item: Item | null | undefined,
  resolve: (path: readonly unknown[], item: Item) => AttributeValue | null | undefined,
): Input {
  if (input._condition === undefined) return input;
  const valueAt = (argument: Expression | Argument | undefined) =>
    (Array.isArray(argument) ? resolve(argument, item ?? {}) : argument) as AttributeValue | null | undefined;
  const decided = (expression: Expression): Expression => {
    const { type, args } = expression;
    if (type === 'and' || type === 'or' || type === 'not') {
      return { ...expression, args: args.map((inner) => decided(inner as Expression)) };
    }
    if (type !== '=' && type !== '<>') return expression;
    const [left, right] = args.map(valueAt);
    if (!isDocument(left) || !isDocument(right)) return expression;
    return sameItem({ value: left }, { value: right }) === (type === '=') ? always : never;
  };
  return { ...input, _condition: { ...input._condition, expression: decided(input._condition.expression) } };
}

function isDocument(value: AttributeValue | null | undefined): value is AttributeValue {
  return value !== null && value !== undefined && ('M' in value || 'L' in value);
}
