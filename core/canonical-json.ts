/**
 * JSON that compares: a table gives maps back in any order, and a member that is undefined is none.
 * Invariants: equal values give equal text; `isSameJson` says what comparing the texts would say.
 */
export function canonicalJson(value: unknown): string {
  const text = JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
  // What JSON has no word for.
  return text ?? '';
}

/** Of values that JSON can carry, without writing them: a run compares the rows of all cameras of its fleet. */
export function isSameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((inner, index) => isSameJson(inner, b[index]));
  }
  const [mine, theirs] = [a as Record<string, unknown>, b as Record<string, unknown>];
  let members = 0;
  for (const name of Object.keys(mine)) {
    if (mine[name] === undefined) continue;
    if (!Object.hasOwn(theirs, name) || !isSameJson(mine[name], theirs[name])) return false;
    members += 1;
  }
  for (const name of Object.keys(theirs)) if (theirs[name] !== undefined) members -= 1;
  return members === 0;
}
