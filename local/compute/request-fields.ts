/**
 * Typed reading of request fields, for JSON (real types) and Query (all text) alike.
 * Invariant: a field of the wrong type is refused with the service's own validation code, never coerced in silence.
 */
import { AwsError } from '../http/aws-error.ts';

/** A request or an answer as it goes over the wire, before or after its types are known. */
export type Fields = Record<string, unknown>;

/** An API: operation name to what it does. */
export type Operations = Record<string, (input: Fields) => Fields>;

export type FieldReader = ReturnType<typeof fieldReader>;

/** @param code `InvalidParameterException` for ECS, `ValidationError` for Auto Scaling, `InvalidParameterValue` for EC2. */
export function fieldReader(input: Fields, code: string) {
  const refuse = (name: string, expected: string): never => {
    throw new AwsError(400, code, `Value at '${name}' failed to satisfy constraint: ${expected}`);
  };
  const reader = {
    text(name: string): string {
      return reader.optionalText(name) ?? refuse(name, 'Member must not be null');
    },
    optionalText(name: string): string | undefined {
      const value = input[name];
      if (value === undefined || value === null || value === '') return undefined;
      return typeof value === 'string' ? value : refuse(name, 'Member must be a string');
    },
    integer(name: string): number {
      return reader.optionalInteger(name) ?? refuse(name, 'Member must not be null');
    },
    optionalInteger(name: string): number | undefined {
      const value = input[name];
      if (value === undefined || value === null || value === '') return undefined;
      const number = typeof value === 'string' ? Number(value) : value;
      if (typeof number !== 'number' || !Number.isSafeInteger(number)) return refuse(name, 'Member must be an integer');
      return number;
    },
    optionalBoolean(name: string): boolean | undefined {
      const value = input[name];
      if (value === undefined || value === null || value === '') return undefined;
      if (value === true || value === 'true') return true;
      if (value === false || value === 'false') return false;
      return refuse(name, 'Member must be a boolean');
    },
    texts(name: string): string[] {
      const value = input[name];
      if (value === undefined || value === null || value === '') return [];
      if (!Array.isArray(value) || value.some((item) => typeof item !== 'string')) {
        return refuse(name, 'Member must be a list of strings');
      }
      return value as string[];
    },
    objects(name: string): Fields[] {
      const value = input[name];
      if (value === undefined || value === null || value === '') return [];
      if (!Array.isArray(value) || value.some((item) => typeof item !== 'object' || item === null)) {
        return refuse(name, 'Member must be a list of structures');
      }
      return value as Fields[];
    },
    optionalObject(name: string): Fields | undefined {
      const value = input[name];
      if (value === undefined || value === null || value === '') return undefined;
      return typeof value === 'object' && !Array.isArray(value)
        ? (value as Fields)
        : refuse(name, 'Member must be a structure');
    },
  };
  return reader;
}

/** Cuts a page out of `items`. The token is the offset: opaque to clients, valid while the process lives. */
export function pageOf<T>(
  items: T[],
  token: string | undefined,
  size: number,
  badToken: () => AwsError,
): { page: T[]; next: string | undefined } {
  let from = 0;
  if (token !== undefined) {
    from = Number(Buffer.from(token, 'base64url').toString());
    if (!Number.isSafeInteger(from) || from < 0) throw badToken();
  }
  const page = items.slice(from, from + size);
  const next = from + size < items.length ? Buffer.from(String(from + size)).toString('base64url') : undefined;
  return { page, next };
}
