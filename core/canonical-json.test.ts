/** Comparing without writing must say what comparing the texts says. */
import { expect, test } from 'vitest';
import { canonicalJson, isSameJson } from './canonical-json.ts';
import { SeededRandom } from './seeded-random.ts';

const rounds = 2_000;
const names = ['fps', 'model', '__proto__', 'constructor'];
const leaves = [null, true, false, 0, 1, -1.5, '', 'a', '0'];

function someJson(random: SeededRandom, depth: number): unknown {
  const kind = depth === 0 ? 0 : random.integer(0, 2);
  if (kind === 0) return random.pick(leaves);
  const members = Array.from({ length: random.integer(0, 3) }, () => someJson(random, depth - 1));
  if (kind === 1) return members;
  return Object.fromEntries(members.map((member) => [random.pick(names), member]));
}

/** Its members in another order, with some that are undefined between them. */
function reordered(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(reordered);
  const members = Object.entries(value).map(([name, inner]): [string, unknown] => [name, reordered(inner)]);
  return Object.fromEntries([['absent', undefined], ...members.reverse()]);
}

test('two values are the same when their canonical JSON is, in either direction', () => {
  const random = new SeededRandom('json');
  let same = 0;
  for (let round = 0; round < rounds; round += 1) {
    const [one, other] = [someJson(random, 2), someJson(random, 2)];
    const isSame = canonicalJson(one) === canonicalJson(other);
    if (isSame) same += 1;
    const words = `${canonicalJson(one)} and ${canonicalJson(other)}`;
    expect(isSameJson(one, other), words).toBe(isSame);
    expect(isSameJson(other, one), words).toBe(isSame);
    expect(isSameJson(one, reordered(one)), canonicalJson(one)).toBe(true);
    expect(isSameJson(reordered(one), one), canonicalJson(one)).toBe(true);
  }
  expect(same).toBeGreaterThan(20);
});
