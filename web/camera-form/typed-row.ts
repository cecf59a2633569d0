/**
 * A row while it is being typed: plain JSON with paths such as `detect.fps` or `schedule.windows[0].start`, the same that
 * the parser's issues name. Invariants: nothing is filled in that was not typed (defaults are the system's); what is emptied
 * is taken out; nothing is changed in place.
 */
export type TypedRow = Record<string, unknown>;

export function pathParts(path: string): (string | number)[] {
  return [...path.matchAll(/[^.[\]]+/g)].map(([part]) => (/^\d+$/.test(part) ? Number(part) : part));
}

export function valueAt(row: TypedRow, path: string): unknown {
  let value: unknown = row;
  for (const part of pathParts(path)) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<string | number, unknown>)[part];
  }
  return value;
}

/** @param value undefined takes the attribute out, and objects that become empty with it. */
export function withValue(row: TypedRow, path: string, value: unknown): TypedRow {
  return (changed(row, pathParts(path), value) ?? {}) as TypedRow;
}

function changed(holder: unknown, [part, ...rest]: (string | number)[], value: unknown): unknown {
  if (part === undefined) return value;
  if (typeof part === 'number') {
    const list = Array.isArray(holder) ? [...holder] : [];
    const next = changed(list[part], rest, value);
    if (next === undefined) list.splice(part, 1);
    else list[part] = next;
    return list;
  }
  const isObject = typeof holder === 'object' && holder !== null && !Array.isArray(holder);
  const object: TypedRow = isObject ? { ...(holder as TypedRow) } : {};
  const next = changed(object[part], rest, value);
  if (next === undefined) delete object[part];
  else object[part] = next;
  return Object.keys(object).length === 0 && rest.length === 0 && value === undefined ? undefined : object;
}
