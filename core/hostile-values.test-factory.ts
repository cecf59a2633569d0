/**
 * Values that nobody should send and somebody will: every kind that JSON, YAML or DynamoDB can carry, names that live on
 * prototypes, numbers at the edge, text with tricks, depth and size. Invariant: the same seed gives the same value.
 */
import type { SeededRandom } from './seeded-random.ts';

const names = [
  ...['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf', '', ' ', '0', 'length'],
  ...['cameraId', 'streamName', 'schedule', 'windows', 'exceptions', 'regions', 'polygon', 'detect', 'fps', 'text'],
];
const texts = [
  ...['', ' ', '\u0000', '../../etc/passwd', '..', '<script>alert(1)</script>', '"><img src=x onerror=alert(1)>'],
  ...[
    '%{jndi:ldap://x}',
    "'; DROP TABLE cameras; --",
    '\u202eevil',
    'a\u0301',
    '\ud800',
    '😀'.repeat(40),
    'x'.repeat(70_000),
  ],
  ...['http://169.254.169.254/latest/meta-data/', 'always', '24:00', '99:99', '2026-02-30', 'Asia/Singapore', 'on'],
  ...['(a+)+$', '(a{1000}){1000}', '[', 'dock-1', '1e309', 'NaN', 'true', '-', 'A-\uffff'],
];
const numbers = [
  ...[0, -0, 1, -1, 0.5, 5, 60, 61, 100, 1e21, 1e308, -1e308, 5e-324, Number.NaN],
  ...[Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.MAX_SAFE_INTEGER + 2, 2 ** 31, 2 ** 53],
];

const oddities: (() => unknown)[] = [
  () => undefined,
  () => new Uint8Array(3),
  () => 12n,
  () => new Set(['a', 'a\u0000']),
  () => new Set([1]),
];

/** @param depth of nesting that is left. */
export function hostileValue(random: SeededRandom, depth = 4): unknown {
  const kind = random.integer(0, depth > 0 ? 11 : 6);
  if (kind <= 1) return random.pick(texts);
  if (kind <= 3) return random.pick(numbers);
  if (kind === 4) return random.chance(0.5);
  if (kind === 5) return null;
  if (kind === 6) return random.pick(oddities)();
  if (kind <= 8) return Array.from({ length: random.integer(0, 4) }, () => hostileValue(random, depth - 1));
  return hostileObject(random, depth - 1);
}

export function hostileObject(random: SeededRandom, depth = 4): Record<string, unknown> {
  // As JSON.parse makes it: `__proto__` is an attribute like any other.
  return Object.fromEntries(
    Array.from({ length: random.integer(0, 6) }, () => [random.pick(names), hostileValue(random, depth)]),
  );
}

/** A good row with some of it replaced, at any depth. */
export function hostileRow(random: SeededRandom): unknown {
  if (random.chance(0.05)) return hostileValue(random);
  const row = {
    ...{ cameraId: 'dock-1', streamName: 'dock-1', fleet: 'default', enabled: true, priority: 50 },
    schedule: {
      timeZone: 'Asia/Singapore',
      windows: [{ days: ['mon'], start: '08:00', end: '18:00' }],
      exceptions: [{ date: '2026-12-25', windows: [] }],
    },
    override: { state: 'on', until: '2026-11-24T02:00:00Z' },
    detect: { model: 'default', fps: 5, confidence: 0.35, iou: 0.5, classes: ['car'], motionGate: { enabled: true } },
    regions: [
      {
        name: 'gate',
        polygon: [
          [0, 0],
          [1, 0],
          [1, 1],
        ],
        mode: 'include',
        readText: true,
      },
    ],
    ...{ smoothing: { window: 5 }, text: { enabled: true, charset: 'A-Z0-9-', pattern: '' } },
    snapshots: { on: 'best', maxPerMinute: 12 },
  };
  for (let count = random.integer(1, 4); count > 0; count -= 1) spoil(row, random);
  return row;
}

function spoil(holder: Record<string, unknown> | unknown[], random: SeededRandom): void {
  const keys = Object.keys(holder);
  const others = Array.isArray(holder) ? ['0'] : names;
  const key = random.chance(0.2) || keys.length === 0 ? random.pick(others) : random.pick(keys);
  const inner = Object.hasOwn(holder, key) ? (holder as Record<string, unknown>)[key] : undefined;
  if (typeof inner === 'object' && inner !== null && !ArrayBuffer.isView(inner) && random.chance(0.7)) {
    spoil(inner as Record<string, unknown>, random);
    return;
  }
  const value = random.chance(0.05) ? nested(random.integer(20, 3_000)) : hostileValue(random);
  Object.defineProperty(holder, key, { value, enumerable: true, configurable: true, writable: true });
}

function nested(levels: number): unknown {
  let value: unknown = 'deep';
  for (let level = 0; level < levels; level += 1) value = level % 2 === 0 ? [value] : { a: value };
  return value;
}
