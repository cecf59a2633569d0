import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseCharset, parseTextPattern } from './text-rules.ts';

function charactersOf(charset: string): string {
  const parsed = parseCharset(charset);
  return 'characters' in parsed ? parsed.characters.join('') : parsed.problem;
}
function matches(pattern: string, text: string): boolean | string {
  const parsed = parseTextPattern(pattern);
  return 'matches' in parsed ? parsed.matches(text) : parsed.problem;
}

it('takes characters, ranges, and a hyphen at either end as itself', () => {
  expect(charactersOf('A-Z0-9-')).toBe('ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-');
  expect(charactersOf('-AB')).toBe('-AB');
  expect(charactersOf('AAB-CB')).toBe('ABC');
  expect(charactersOf('京沪A-C')).toBe('京沪ABC');
  expect(charactersOf('-')).toBe('-');
});

it('names a range that runs backwards or has no end in sight', () => {
  expect(charactersOf('Z-A')).toContain('"Z-A" runs backwards');
  expect(charactersOf(' -\u{10ffff}')).toContain('more than 7000');
});

it('never throws, and gives each character once', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 128 }), (charset) => {
      const parsed = parseCharset(charset);
      if ('characters' in parsed) expect(new Set(parsed.characters).size).toBe(parsed.characters.length);
    }),
  );
});

it('a pattern must hold for the whole text; none holds for all', () => {
  expect(matches('[A-Z]{3}[0-9]{4}', 'SGX1234')).toBe(true);
  expect(matches('[A-Z]{3}[0-9]{4}', 'SGX1234A')).toBe(false);
  expect(matches('', 'anything')).toBe(true);
  expect(matches('(', 'A')).toContain('missing closing )');
  expect(matches('(?=A)A', 'A')).toEqual(expect.stringContaining('invalid or unsupported Perl syntax'));
});

it('a pattern that brings backtracking engines to a halt is answered at once', () => {
  const text = `${'A'.repeat(5_000)}!`;
  expect(matches('(A+)+', text)).toBe(false);
  expect(matches('(A|A)*(A|A)*(A|A)*B', text)).toBe(false);
});
