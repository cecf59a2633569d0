/** Rows that nobody should type: a few thousand by seed; `npm run bench -- fuzz-inputs` reads a hundred thousand. */
import { expect, test } from 'vitest';
import { fromAttributeMap } from '../aws/attribute-values.ts';
import { hostileRow } from './hostile-values.test-factory.ts';
import { parseCameraRow } from './parse-camera-row.ts';
import { SeededRandom } from './seeded-random.ts';
import { parseTextPattern } from './text-rules.ts';

test('any row gets a verdict that can be stored, quickly, and changes no prototype', () => {
  const kinds = { usable: 0, refused: 0 };
  for (let seed = 0; seed < 3_000; seed += 1) {
    const { camera, issues } = parseCameraRow(hostileRow(new SeededRandom(seed)));
    kinds[camera === null ? 'refused' : 'usable'] += 1;
    expect(camera === null, `seed ${seed}`).toBe(issues.some(({ severity }) => severity === 'error'));
    // The verdict is stored beside the camera; an item ends at 400 kB.
    expect(JSON.stringify({ camera, issues }).length, `seed ${seed}`).toBeLessThan(200_000);
  }
  expect(kinds.usable).toBeGreaterThan(100);
  expect(kinds.refused).toBeGreaterThan(1_000);
  expect(Object.keys(Object.prototype)).toEqual([]);
  expect(({} as Record<string, unknown>).enabled).toBeUndefined();
});

test('names that live on prototypes are unknown attributes like any other', () => {
  const row = JSON.parse(
    '{"cameraId":"a","streamName":"a","__proto__":{"enabled":false},"constructor":1,"detect":{"__proto__":{"fps":60}}}',
  );
  const { camera, issues } = parseCameraRow(row);
  expect(camera).toMatchObject({ enabled: true, detect: { fps: 5 } });
  expect(issues.map(({ severity, path }) => [severity, path])).toEqual([
    ['warning', 'detect.__proto__'],
    ['warning', '__proto__'],
    ['warning', 'constructor'],
  ]);
  const image = fromAttributeMap(JSON.parse('{"cameraId":{"S":"a"},"__proto__":{"M":{"enabled":{"BOOL":false}}}}'));
  expect(Object.getPrototypeOf(image)).toBe(Object.prototype);
  expect(image?.enabled).toBeUndefined();
});

test('an object that cannot be compared is refused, not thrown at', () => {
  const row = JSON.parse('{"cameraId":"a","streamName":"a","priority":{"toString":1,"valueOf":2}}');
  expect(parseCameraRow(row)).toMatchObject({ camera: null, issues: [{ severity: 'error' }] });
});

test('a row full of unknown attributes gets a verdict of bounded size', () => {
  const row: Record<string, unknown> = { cameraId: 'a', streamName: 'a' };
  for (let index = 0; index < 20_000; index += 1) row[`attribute-${index}`] = index;
  const { issues } = parseCameraRow(row);
  expect(JSON.stringify(issues).length).toBeLessThan(200_000);
});

test.each([
  '(a+)+$',
  '(a|a)*b',
  '(a|b|c|d|\\p{L}){1000}',
  '\\p{L}{1000}'.repeat(16),
  `${'(?:'.repeat(24)}a${')*'.repeat(24)}`,
  '((a{100}){100}){10}',
])('pattern %s is refused, or matches in bounded time', (pattern) => {
  const parsed = parseTextPattern(pattern);
  if ('problem' in parsed) return;
  const startedMs = performance.now();
  for (let count = 0; count < 5; count += 1) parsed.matches(`${'a'.repeat(200)}!`);
  expect(performance.now() - startedMs).toBeLessThan(5_000);
});
