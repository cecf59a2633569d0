/**
 * What a camera's text may be: its characters and its pattern, parsed from the row by control and worker alike. Pure.
 * Invariant: whatever a person types, parsing and matching end in time linear in its length: patterns run on re2js, which
 * never backtracks, because one camera's pattern must not stop a worker.
 */
import { RE2JS } from 're2js';

/** Wider ranges are a typing error: the recogniser itself knows 6,624 characters. */
const CHARACTERS_MAX = 7_000;

/**
 * @param charset single characters and ranges such as `A-Z`; a hyphen at either end stands for itself.
 * @returns each character once, or why it cannot be.
 */
export function parseCharset(charset: string): { characters: string[] } | { problem: string } {
  const given = [...charset];
  const characters = new Set<string>();
  for (let index = 0; index < given.length; index += 1) {
    const from = given[index] as string;
    const to = given[index + 2];
    if (given[index + 1] !== '-' || to === undefined) {
      characters.add(from);
      continue;
    }
    const [first, last] = [from.codePointAt(0) as number, to.codePointAt(0) as number];
    if (last < first) return { problem: `the range "${from}-${to}" runs backwards` };
    if (characters.size + last - first >= CHARACTERS_MAX) {
      return { problem: `the range "${from}-${to}" holds more than ${CHARACTERS_MAX} characters` };
    }
    for (let code = first; code <= last; code += 1) characters.add(String.fromCodePoint(code));
    index += 2;
  }
  return { characters: [...characters] };
}

export type TextPattern = { matches(text: string): boolean };

/**
 * @param pattern RE2 syntax; the whole text must match. Empty: everything does.
 * @returns the pattern, or why it is none.
 */
export function parseTextPattern(pattern: string): TextPattern | { problem: string } {
  if (pattern === '') return { matches: () => true };
  try {
    const compiled = RE2JS.compile(pattern);
    return { matches: (text) => compiled.testExact(text) };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : 'not a regular expression' };
  }
}
