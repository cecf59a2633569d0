/**
 * EventBridge event patterns: which events a rule takes. Supported: exact values, prefix, suffix, anything-but,
 * equals-ignore-case, exists and `$or` is refused. Invariant: an operator that is not supported is refused when the rule
 * is put, never silently matched.
 */
export type EventPattern = { [key: string]: EventPattern | unknown[] };

type Operator = (expected: unknown, actual: unknown) => boolean;

const operators: Record<string, Operator> = {
  prefix: (expected, actual) => typeof actual === 'string' && actual.startsWith(String(expected)),
  suffix: (expected, actual) => typeof actual === 'string' && actual.endsWith(String(expected)),
  'equals-ignore-case': (expected, actual) =>
    typeof actual === 'string' && actual.toLowerCase() === String(expected).toLowerCase(),
  'anything-but': (expected, actual) =>
    actual !== undefined && !(Array.isArray(expected) ? expected : [expected]).includes(actual),
  exists: (expected, actual) => (actual !== undefined) === expected,
};

/** @returns what is wrong with a pattern, or null when it can be matched. */
export function patternProblem(pattern: unknown, path = ''): string | null {
  if (typeof pattern !== 'object' || pattern === null || Array.isArray(pattern)) {
    return `Event pattern is not valid. Reason: ${path || 'the pattern'} must be an object or an array`;
  }
  for (const [key, value] of Object.entries(pattern)) {
    const where = path === '' ? key : `${path}.${key}`;
    if (key.startsWith('$')) return `Event pattern is not valid. Reason: ${where} is not supported locally`;
    if (!Array.isArray(value)) {
      const problem = patternProblem(value, where);
      if (problem !== null) return problem;
      continue;
    }
    for (const candidate of value) {
      if (typeof candidate !== 'object' || candidate === null) continue;
      const unknown = Object.keys(candidate).find((name) => !Object.hasOwn(operators, name));
      if (unknown !== undefined)
        return `Event pattern is not valid. Reason: Unrecognized match type ${unknown} in ${where}`;
    }
  }
  return null;
}

/** Every key of the pattern must match; a list in the event matches when any of its elements does. */
export function matchesPattern(pattern: EventPattern, event: unknown): boolean {
  return Object.entries(pattern).every(([key, expected]) => {
    const actual = (event as Record<string, unknown> | null | undefined)?.[key];
    if (!Array.isArray(expected)) return typeof actual === 'object' && matchesPattern(expected as EventPattern, actual);
    const values = Array.isArray(actual) && actual.length > 0 ? actual : [actual];
    return values.some((value) => expected.some((candidate) => matchesValue(candidate, value)));
  });
}

function matchesValue(expected: unknown, actual: unknown): boolean {
  if (typeof expected !== 'object' || expected === null) return expected === actual;
  return Object.entries(expected).every(([name, operand]) => operators[name]?.(operand, actual) ?? false);
}
