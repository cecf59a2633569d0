/**
 * Expressions that were parsed before. A program sends a few dozen, with other values each time, and parsing them was a
 * third of what the local cloud spent on a write. What a parse gave is kept with gaps where the values were, and filled in
 * with those of the next call.
 * Invariants: a call gets an expression of its own, because dynalite works its values out in place; only what was accepted is
 * kept, and only where nothing but the types of the values counts for that, so every refusal is dynalite's own.
 */
import type { AttributeValue } from './dynalite-engine.ts';

export type Parser = { parse(text: string, options: { context: ParseContext }): unknown };
/** What dynalite hands to its parsers; they cross off the names and values that an expression uses. */
export type ParseContext = {
  attrNames?: Record<string, string>;
  attrVals?: Record<string, AttributeValue>;
  unusedAttrNames: Record<string, true>;
  unusedAttrVals: Record<string, true>;
};
type Kept = { withGaps: unknown; names: readonly string[]; values: readonly string[] };

/** The product has some sixty; whoever builds expressions with values in their text must not fill the memory. */
export const expressionsMax = 500;
/** As DynamoDB, which refuses longer ones. */
const expressionCharactersMax = 4_096;
/** Whether these are accepted depends on what the values are. */
const dependsOnValues = /between|attribute_type/i;

class Gap {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

/** @returns `parser` with a memory; its own is left as it is. */
export function remembering({ parse }: Parser): Parser & { size(): number } {
  const known = new Map<string, Kept>();
  return {
    size: () => known.size,
    parse(text, options) {
      const { context } = options;
      if (text.length > expressionCharactersMax || dependsOnValues.test(text)) return parse(text, options);
      const key = keyOf(text, context);
      const kept = known.get(key);
      if (kept !== undefined) {
        // The one that was used last goes last.
        known.delete(key);
        known.set(key, kept);
        for (const name of kept.names) delete context.unusedAttrNames[name];
        for (const name of kept.values) delete context.unusedAttrVals[name];
        return filled(kept.withGaps, context.attrVals ?? {});
      }
      const all = <Value>(names: Record<string, Value> | undefined) =>
        Object.fromEntries(Object.keys(names ?? {}).map((name) => [name, true as const]));
      const unused = { unusedAttrNames: all(context.attrNames), unusedAttrVals: all(context.attrVals) };
      const parsed = parse(text, { context: { ...context, ...unused } });
      const used = (names: Record<string, unknown> | undefined, left: Record<string, true>) =>
        Object.keys(names ?? {}).filter((name) => !Object.hasOwn(left, name));
      const names = used(context.attrNames, unused.unusedAttrNames);
      const values = used(context.attrVals, unused.unusedAttrVals);
      for (const name of names) delete context.unusedAttrNames[name];
      for (const name of values) delete context.unusedAttrVals[name];
      // A refusal is a sentence.
      if (typeof parsed === 'string') return parsed;
      const gaps = new Map(values.map((name) => [context.attrVals?.[name] as unknown, new Gap(name)]));
      // Called without HTTP, two values may be one object.
      if (gaps.size < values.length) return parsed;
      known.set(key, { withGaps: withGaps(parsed, gaps), names, values });
      for (const oldest of known.keys()) {
        if (known.size <= expressionsMax) break;
        known.delete(oldest);
      }
      return parsed;
    },
  };
}

/** All that a parser looks at, but for the values. */
function keyOf(text: string, { attrNames, attrVals }: ParseContext): string {
  const types = Object.entries(attrVals ?? {}).map(([name, value]) => `${name} ${Object.keys(value).join()}`);
  return JSON.stringify([text, attrNames, types]);
}

function withGaps(node: unknown, gaps: ReadonlyMap<unknown, Gap>): unknown {
  const gap = gaps.get(node);
  return gap ?? copied(node, (inner) => withGaps(inner, gaps));
}

function filled(node: unknown, values: Record<string, AttributeValue>): unknown {
  return node instanceof Gap ? values[node.name] : copied(node, (inner) => filled(inner, values));
}

function copied(node: unknown, copyOf: (inner: unknown) => unknown): unknown {
  if (Array.isArray(node)) return node.map(copyOf);
  if (typeof node !== 'object' || node === null) return node;
  // Some of dynalite's have no prototype, so that no attribute's name means anything.
  const copy = Object.create(Object.getPrototypeOf(node) as object | null) as Record<string, unknown>;
  for (const [name, inner] of Object.entries(node)) copy[name] = copyOf(inner);
  return copy;
}
