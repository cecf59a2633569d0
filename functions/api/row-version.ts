/**
 * The version of a camera row as an entity tag, from its content alone: people also write rows with other tools, which know
 * no version attribute. Invariant: the same content has the same tag, whatever order its attributes come in.
 */
import { createHash } from 'node:crypto';
import { canonicalJson } from '../../core/canonical-json.ts';

const tagDigits = 32;

export function entityTag(value: unknown): string {
  return `"${createHash('sha256').update(canonicalJson(value)).digest('hex').slice(0, tagDigits)}"`;
}

/** Does a header such as `"a", W/"b"` or `*` name the tag? */
export function namesTag(header: string, tag: string): boolean {
  return header.split(',').some((part) => {
    const given = part.trim().replace(/^W\//, '');
    return given === '*' || given === tag;
  });
}
