/**
 * A deployment check as data: the name that the specification gives it, and its items, each with what is expected and how
 * the value is read out of the synthesised graph.
 * Invariant: an item that cannot be read has failed, with the reason as its value; no check can pass by being absent.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Settings } from '../../stacks/settings.ts';
import type { Graph, Inputs, Resource } from '../../stacks/synthesis/graph.ts';

export type Subject = {
  graph: Graph;
  settings: Settings;
  /** The repository's files. */
  root: string;
};

export type Item = {
  /** What is looked at. */
  what: string;
  /** What must be found, in words. */
  expected: string;
  read: (subject: Subject) => unknown;
  /** @returns whether what was read is what is expected. */
  holds: (found: unknown, subject: Subject) => boolean;
};

export type DeploymentCheck = { name: string; items: readonly Item[] };

export type ItemResult = { what: string; expected: string; found: string; passed: boolean };
export type CheckResult = { name: string; passed: boolean; items: ItemResult[] };

/** Longer values are cut: a policy, a list of names. */
const foundMaxLength = 400;

/** Exactly this value. */
export function is(what: string, expected: unknown, read: Item['read']): Item {
  return { what, expected: shown(expected), read, holds: (found) => isDeepStrictEqual(found, expected) };
}

/** A value of which `expected` is true, in words. */
export function holds<Found>(
  what: string,
  expected: string,
  read: (subject: Subject) => Found,
  test: (found: Found, subject: Subject) => boolean,
): Item {
  return { what, expected, read, holds: (found, subject) => test(found as Found, subject) };
}

export function runCheck({ name, items }: DeploymentCheck, subject: Subject): CheckResult {
  const results = items.map(({ what, expected, read, holds: test }): ItemResult => {
    try {
      const found = read(subject);
      return { what, expected, found: shown(found), passed: found !== undefined && test(found, subject) };
    } catch (error) {
      return { what, expected, found: error instanceof Error ? error.message : String(error), passed: false };
    }
  });
  return { name, passed: results.every((result) => result.passed), items: results };
}

function shown(value: unknown): string {
  const text = inWords(value);
  return text.length <= foundMaxLength ? text : `${text.slice(0, foundMaxLength - 1)}…`;
}

/** `none` for an empty list, `a, b` for a longer one, `key value; key value` for an object. */
function inWords(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.map(nested).join(', ');
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value)
      .map(([key, one]) => `${key} ${nested(one)}`)
      .join('; ');
  }
  return value === undefined || value === '' ? 'nothing' : String(value);
}

function nested(value: unknown): string {
  return typeof value === 'object' && value !== null && !isShort(value) ? `(${inWords(value)})` : inWords(value);
}

function isShort(value: object): boolean {
  return Object.keys(value).length <= 1;
}

/** The inputs of the first resource of a type. */
export function firstOf({ graph }: Subject, type: string, name?: RegExp): Inputs {
  const [resource] = graph.all(type, name);
  if (resource === undefined) throw new Error(`there is no ${type}`);
  return resource.inputs;
}

export type Statement = { actions: string[]; resources: string[]; conditions: Inputs; effect: string };

/** The statements of a role's own policies. */
export function statementsOf(role: Resource): Statement[] {
  const policies: unknown[] = role.inputs.inlinePolicies ?? [];
  return policies.flatMap((policy) => {
    const document = JSON.parse((policy as { policy: string }).policy) as { Statement: Inputs[] };
    return document.Statement.map((statement) => ({
      actions: [statement.Action].flat() as string[],
      resources: [statement.Resource].flat() as string[],
      conditions: (statement.Condition ?? {}) as Inputs,
      effect: String(statement.Effect),
    }));
  });
}

/** Statements that allow any of the actions. */
export function allowing(role: Resource, ...actions: string[]): Statement[] {
  return statementsOf(role).filter(
    (one) => one.effect === 'Allow' && one.actions.some((action) => actions.includes(action)),
  );
}
