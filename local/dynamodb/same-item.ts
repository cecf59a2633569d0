/**
 * Are two item images the same to DynamoDB? Sets have no order, maps have no key order, numbers compare by value.
 * A write that changes nothing puts no record on the stream.
 */
import type { Item } from './dynalite-engine.ts';

const setTypes = new Set(['SS', 'NS', 'BS']);

export function sameItem(left: Item | null, right: Item | null): boolean {
  return left === null || right === null ? left === right : sameValue(left, right, '');
}

function sameValue(left: unknown, right: unknown, type: string): boolean {
  if (Array.isArray(left) && Array.isArray(right)) {
    if (left.length !== right.length) return false;
    const [first, second] = setTypes.has(type) ? [[...left].sort(), [...right].sort()] : [left, right];
    return first.every((value, index) => sameValue(value, second[index], ''));
  }
  if (left !== null && right !== null && typeof left === 'object' && typeof right === 'object') {
    const leftKeys = Object.keys(left);
    return (
      leftKeys.length === Object.keys(right).length &&
      leftKeys.every(
        (key) =>
          Object.hasOwn(right, key) &&
          sameValue((left as Record<string, unknown>)[key], (right as Record<string, unknown>)[key], key),
      )
    );
  }
  return left === right || (type === 'N' && Number(left) === Number(right) && String(left).length < 16);
}
