/**
 * DynamoDB's attribute values, as stream records carry them, in plain JavaScript. The row is what a person typed, so
 * nothing here may throw: what cannot be represented (binary) becomes a value that the parser of the row refuses.
 */
import type { AttributeValue } from 'aws-lambda';

/** Deeper than any row that makes sense; DynamoDB itself stops at 32. */
const depthMax = 32;

/** @returns null when there is no image. */
export function fromAttributeMap(image: Record<string, AttributeValue> | undefined): Record<string, unknown> | null {
  if (image === undefined) return null;
  return Object.fromEntries(Object.entries(image).map(([name, value]) => [name, fromAttribute(value, 0)]));
}

function fromAttribute(value: AttributeValue, depth: number): unknown {
  if (depth > depthMax || typeof value !== 'object' || value === null) return undefined;
  if (value.S !== undefined) return value.S;
  if (value.N !== undefined) return Number(value.N);
  if (value.BOOL !== undefined) return value.BOOL;
  if (value.NULL !== undefined) return null;
  if (value.L !== undefined) return value.L.map((inner) => fromAttribute(inner, depth + 1));
  if (value.M !== undefined) {
    return Object.fromEntries(Object.entries(value.M).map(([name, inner]) => [name, fromAttribute(inner, depth + 1)]));
  }
  if (value.SS !== undefined) return value.SS;
  if (value.NS !== undefined) return value.NS.map(Number);
  return { binary: true };
}
