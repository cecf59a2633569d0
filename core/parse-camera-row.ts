/**
 * From a typed row to a Camera, or to everything that is wrong with it. People type rows by hand, through the console,
 * the AWS CLI and YAML, so the verdict names each place, what was expected and what came.
 * Invariant: never throws; `camera` is null exactly when an issue is an error; the input is not changed.
 */
import type { z } from 'zod';
import { type Camera, cameraRowSchema, type Issue } from './camera.ts';
import { nearestName } from './nearest-name.ts';
import { outlineProblem } from './region-outline.ts';
import { parseCharset, parseTextPattern } from './text-rules.ts';

/** DynamoDB nests at most 32 levels deep; a deeper value did not come from a table. */
const nestingDepthMax = 32;
/** Longest piece of a wrong value that an issue quotes. */
const quotedLengthMax = 80;
/** A row of 400 kB can be wrong in tens of thousands of places; its verdict is stored in an item of the same size. */
const issuesMax = 200;
/** Longest name of an attribute that a path quotes. */
const nameLengthMax = 128;

/** As JSON in UTF-8, defaults included. A worker's list has 160 KiB for all of its cameras, compressed: two of these fit whatever is in them. */
export const cameraBytesMax = 64 * 1024;

type Path = readonly PropertyKey[];
type SchemaIssue = z.core.$ZodIssue;

/** @param row the item as unmarshalled (string sets allowed where a list is expected) or as read from YAML. */
export function parseCameraRow(row: unknown): { camera: Camera | null; issues: Issue[] } {
  const { camera, issues } = verdictOrRefusal(row);
  if (issues.length <= issuesMax) return { camera, issues };
  // Errors come first: none is left out for a warning.
  const message = `and ${issues.length - issuesMax} more issues`;
  return { camera, issues: [...issues.slice(0, issuesMax), { severity: 'warning', path: '', message }] };
}

function verdictOrRefusal(row: unknown): ReturnType<typeof verdictOf> {
  try {
    return verdictOf(row);
  } catch {
    // The checks compare values, and an object whose toString is no function cannot be compared with anything.
    const message =
      'expected attributes of camera rows, got some with names of methods (toString, valueOf); rename them';
    return rejected({ path: '', message });
  }
}

function verdictOf(row: unknown): { camera: Camera | null; issues: Issue[] } {
  const plain = toPlain(row, 0);
  if (plain === tooDeep) {
    return rejected({ path: '', message: `expected at most ${nestingDepthMax} levels of nesting; flatten the row` });
  }
  if (typeof plain !== 'object' || plain === null || Array.isArray(plain)) {
    return rejected({
      path: '',
      message: `expected a camera row (an object with cameraId and streamName), got ${quote(plain)}`,
    });
  }
  const first = cameraRowSchema.safeParse(plain);
  if (first.success) return judged(first.data, []);
  const found = flatten(first.error.issues, [], plain);
  const warnings: Issue[] = [];
  const errors: Issue[] = [];
  for (const issue of found) {
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) {
        warnings.push({
          severity: 'warning',
          path: pathText([...issue.path, key]),
          message: `unknown attribute; it has no effect, remove it or check its spelling${suggestion(key, issue.path)}`,
        });
        removeKey(plain, issue.path, key);
      }
    } else {
      errors.push({ severity: 'error', path: pathText(issue.path), message: describe(issue, plain) });
    }
  }
  if (errors.length > 0) return { camera: null, issues: [...errors, ...warnings] };
  const second = cameraRowSchema.safeParse(plain);
  if (second.success) return judged(second.data, warnings);
  // Zod stops at structural errors before it runs refinements, so a second pass can still find some.
  const late = flatten(second.error.issues, [], plain).map(
    (issue): Issue => ({ severity: 'error', path: pathText(issue.path), message: describe(issue, plain) }),
  );
  return { camera: null, issues: [...late, ...warnings] };
}

function rejected(issue: { path: string; message: string }): { camera: null; issues: Issue[] } {
  return { camera: null, issues: [{ severity: 'error', ...issue }] };
}

/** Rules that span attributes. */
function judged(camera: Camera, issues: Issue[]): { camera: Camera | null; issues: Issue[] } {
  const errors: Issue[] = [];
  const repeat = (values: readonly string[], path: (index: number) => string, what: string) => {
    const seen = new Set<string>();
    values.forEach((value, index) => {
      if (seen.has(value))
        errors.push({
          severity: 'error',
          path: path(index),
          message: `${what} ${quote(value)} is listed twice; keep one`,
        });
      seen.add(value);
    });
  };
  const bytes = new TextEncoder().encode(JSON.stringify(camera)).length;
  if (bytes > cameraBytesMax) {
    const message = `expected a row of at most ${cameraBytesMax} bytes as JSON, got ${bytes}; shorten its lists of classes, its polygons or its schedule`;
    errors.push({ severity: 'error', path: '', message });
  }
  repeat(
    camera.regions.map((region) => region.name),
    (index) => `regions[${index}].name`,
    'region',
  );
  for (const [index, region] of camera.regions.entries()) {
    if (region.dwellMs !== undefined && (region.mode === 'exclude' || region.polygon.length === 2)) {
      issues.push({
        severity: 'warning',
        path: `regions[${index}].dwellMs`,
        message: 'nothing dwells on a line or where it is excluded; take it out, or draw an area that includes',
      });
    }
    const problem = outlineProblem(region);
    if (problem === null) continue;
    const path = `regions[${index}].polygon`;
    (problem.severity === 'error' ? errors : issues).push({ ...problem, path });
  }
  if (camera.schedule !== 'always') {
    repeat(
      camera.schedule.exceptions.map((exception) => exception.date),
      (index) => `schedule.exceptions[${index}].date`,
      'date',
    );
    const never =
      camera.schedule.windows.length === 0 && camera.schedule.exceptions.every((e) => e.windows.length === 0);
    if (never && camera.override === undefined) {
      issues.push({
        severity: 'warning',
        path: 'schedule.windows',
        message: 'no window at all: this camera is never watched; add a window or use "always"',
      });
    }
  }
  const { charset, pattern } = camera.text;
  const characters = parseCharset(charset);
  if ('problem' in characters) {
    errors.push({
      severity: 'error',
      path: 'text.charset',
      message: `expected characters and ranges such as "A-Z0-9-", got ${quote(charset)}: ${characters.problem}`,
    });
  }
  const parsedPattern = parseTextPattern(pattern);
  if ('problem' in parsedPattern) {
    errors.push({
      severity: 'error',
      path: 'text.pattern',
      message: `expected a regular expression (RE2 syntax), got ${quote(pattern)}: ${parsedPattern.problem}`,
    });
  }
  return errors.length > 0 ? { camera: null, issues: [...errors, ...issues] } : { camera, issues };
}

/** Opens unions: of the branches, the one that the value meant to be is the one whose issues help. */
function flatten(issues: readonly SchemaIssue[], prefix: Path, row: unknown): SchemaIssue[] {
  return issues.flatMap((issue): SchemaIssue[] => {
    const path = [...prefix, ...issue.path];
    if (issue.code !== 'invalid_union') return [{ ...issue, path }];
    const value = valueAt(row, path);
    const objectBranch = issue.errors.find(
      (branch) => !branch.some((inner) => inner.path.length === 0 && inner.code !== 'unrecognized_keys'),
    );
    if (typeof value === 'object' && value !== null && objectBranch) return flatten(objectBranch, path, row);
    return [{ ...issue, path }];
  });
}

function describe(issue: SchemaIssue, row: unknown): string {
  const value = valueAt(row, issue.path);
  if (value === undefined)
    return `required, but missing${issue.path.length === 1 ? `; add the attribute ${String(issue.path[0])}` : ''}`;
  const came = `, got ${quote(value)}`;
  switch (issue.code) {
    case 'invalid_union':
      return `expected "always" or { timeZone, windows, exceptions }${came}`;
    case 'invalid_type':
      return `expected ${issue.expected}${came}`;
    case 'invalid_value':
      return `expected ${issue.values.length === 1 ? '' : 'one of '}${issue.values.map((allowed) => JSON.stringify(allowed)).join(', ')}${came}`;
    case 'too_small':
    case 'too_big':
      return `${issue.message.replace(/^Too (?:small|big): /, '')}${came}`;
    default:
      return `${issue.message}${came}`;
  }
}

const tooDeep = Symbol('too deep');

/** A copy made of plain objects and arrays: sets become lists, so that a DynamoDB SS or NS is as good as an L. */
function toPlain(value: unknown, depth: number): unknown {
  if (depth > nestingDepthMax) return tooDeep;
  if (value instanceof Set) return toPlain([...value], depth);
  if (Array.isArray(value)) {
    const items = value.map((item) => toPlain(item, depth + 1));
    return items.includes(tooDeep) ? tooDeep : items;
  }
  if (ArrayBuffer.isView(value)) return `binary, ${value.byteLength} bytes`;
  if (typeof value === 'object' && value !== null) {
    const copy: Record<string, unknown> = Object.create(null);
    for (const [key, inner] of Object.entries(value)) {
      const plain = toPlain(inner, depth + 1);
      if (plain === tooDeep) return tooDeep;
      copy[key] = plain;
    }
    return { ...copy };
  }
  return value;
}

function valueAt(row: unknown, path: Path): unknown {
  let value = row;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}

function removeKey(row: unknown, path: Path, key: string): void {
  const holder = valueAt(row, path);
  if (typeof holder === 'object' && holder !== null) delete (holder as Record<string, unknown>)[key];
}

function pathText(path: Path): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`;
    const name = String(key).length > nameLengthMax ? `${String(key).slice(0, nameLengthMax)}…` : String(key);
    return text === '' ? name : `${text}.${name}`;
  }, '');
}

function quote(value: unknown): string {
  let text: string | undefined;
  try {
    text =
      typeof value === 'number'
        ? String(value)
        : JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'bigint' ? String(inner) : inner));
  } catch {
    // Not even String() is safe: a row may have an attribute that is called toString.
  }
  text ??= typeof value === 'object' ? 'a value that cannot be written down' : typeof value;
  return text.length > quotedLengthMax ? `${text.slice(0, quotedLengthMax)}…` : text;
}

/** The nearest known attribute of the same object, when a typo is likely. */
function suggestion(key: string, path: Path): string {
  const best = key.length > nameLengthMax ? undefined : nearestName(key, knownKeys(path));
  return best === undefined ? '' : ` (did you mean "${best}"?)`;
}

function knownKeys(path: Path): string[] {
  let schema: unknown = cameraRowSchema;
  for (const key of path) {
    schema = typeof key === 'number' ? elementOf(schema) : shapeOf(schema)?.[String(key)];
  }
  return Object.keys(shapeOf(schema) ?? {});
}

type SchemaDefinition = {
  shape?: Record<string, unknown>;
  innerType?: unknown;
  options?: unknown[];
  element?: unknown;
};

function definitionOf(schema: unknown): SchemaDefinition | undefined {
  const def = (schema as { def?: SchemaDefinition } | undefined)?.def;
  if (def?.innerType) return definitionOf(def.innerType);
  if (def?.options) return def.options.map(definitionOf).find((option) => option?.shape || option?.element);
  return def;
}

function shapeOf(schema: unknown): Record<string, unknown> | undefined {
  return definitionOf(schema)?.shape;
}

function elementOf(schema: unknown): unknown {
  return definitionOf(schema)?.element;
}
