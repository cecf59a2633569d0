/** An expression that was parsed before means what it would mean parsed again, and is refused in the same words. */
import { createRequire } from 'node:module';
import { expect, it } from 'vitest';
import { expressionsMax, type ParseContext, type Parser, remembering } from './parsed-expressions.ts';

const require = createRequire(import.meta.url);
const { isReserved } = { isReserved: (name: string) => name.toUpperCase() === 'STATUS' };
const { compare } = require('dynalite/db') as { compare: unknown };

type Call = { text: string; names?: Record<string, string>; values?: Record<string, Record<string, unknown>> };

const number = (value: number) => ({ N: String(value) });
const calls: Record<'condition' | 'update' | 'projection', Call[]> = {
  condition: [
    { text: 'attribute_exists(cameraId) AND epoch = :epoch', values: { ':epoch': number(1) } },
    { text: 'attribute_exists(cameraId) AND epoch = :epoch', values: { ':epoch': number(2) } },
    { text: 'attribute_exists(cameraId) AND epoch = :epoch', values: { ':epoch': { S: 'two' } } },
    { text: 'attribute_exists(cameraId) AND epoch = :epoch', values: { ':other': number(2) } },
    { text: 'attribute_exists(cameraId) AND epoch = :epoch', values: { ':epoch': number(3), ':spare': number(2) } },
    { text: '#a.#b[2] IN (:x, :y) OR NOT contains(#a, :x)', names: { '#a': 'one', '#b': 'two' }, values: xy('p', 'q') },
    { text: '#a.#b[2] IN (:x, :y) OR NOT contains(#a, :x)', names: { '#a': 'two', '#b': 'one' }, values: xy('q', 'p') },
    { text: '#a.#b[2] IN (:x, :y) OR NOT contains(#a, :x)', names: { '#a': 'two' }, values: xy('q', 'p') },
    { text: 'begins_with(name1, :x)', values: { ':x': { S: 'a' } } },
    { text: 'begins_with(name1, :x)', values: { ':x': number(1) } },
    { text: 'size(name1) > :x', values: { ':x': number(1) } },
    // Accepted or not by what the values are.
    { text: 'name1 BETWEEN :x AND :y', values: { ':x': number(1), ':y': number(2) } },
    { text: 'name1 BETWEEN :x AND :y', values: { ':x': number(3), ':y': number(2) } },
    { text: 'attribute_type(name1, :x)', values: { ':x': { S: 'S' } } },
    { text: 'attribute_type(name1, :x)', values: { ':x': { S: 'neither' } } },
    { text: 'status = :x', values: { ':x': number(1) } },
    { text: 'name1 = ', values: { ':x': number(1) } },
  ],
  update: [
    { text: 'SET phase = :phase, n = if_not_exists(n, :zero) + :one REMOVE gone ADD #a :one', ...added(1) },
    { text: 'SET phase = :phase, n = if_not_exists(n, :zero) + :one REMOVE gone ADD #a :one', ...added(5) },
    {
      text: 'SET phase = :phase, n = if_not_exists(n, :zero) + :one REMOVE gone ADD #a :one',
      names: { '#a': 'phase' },
      values: added(5).values,
    },
    { text: 'SET camera.rows[1] = :camera', values: { ':camera': { M: { a: { L: [number(1)] } } } } },
    { text: 'SET camera.rows[1] = :camera', values: { ':camera': { M: { b: { L: [] } } } } },
    { text: 'ADD n :x', values: { ':x': number(1) } },
    { text: 'ADD n :x', values: { ':x': { S: 'a' } } },
  ],
  projection: [
    { text: 'fleet, #c.rows[0]', names: { '#c': 'camera' } },
    { text: 'fleet, #c.rows[0]', names: { '#c': 'cameras' } },
    { text: 'fleet, #c.rows[0]', names: { '#d': 'cameras' } },
  ],
};

function xy(x: string, y: string) {
  return { ':x': { S: x }, ':y': { S: y } };
}

function added(amount: number) {
  const values = { ':phase': { S: `phase ${amount}` }, ':zero': number(0), ':one': number(amount) };
  return { names: { '#a': 'amount' }, values };
}

function contextOf({ names, values }: Call): ParseContext {
  const unused = (of: object | undefined) =>
    Object.fromEntries(Object.keys(of ?? {}).map((name) => [name, true as const]));
  return {
    ...(names === undefined ? {} : { attrNames: names }),
    ...(values === undefined ? {} : { attrVals: structuredClone(values) }),
    ...{ unusedAttrNames: unused(names), unusedAttrVals: unused(values), isReserved, compare },
  } as ParseContext;
}

/** What the call comes to: its expression, or why not, and which names and values it left unused. */
function outcomeOf(parser: Parser, call: Call): object {
  const context = contextOf(call);
  const left = () => [Object.keys(context.unusedAttrNames), Object.keys(context.unusedAttrVals)];
  try {
    const parsed = parser.parse(call.text, { context });
    return typeof parsed === 'string' ? { refused: parsed } : { parsed, left: left() };
  } catch (error) {
    return { refused: String(error) };
  }
}

it.each(['condition', 'update', 'projection'] as const)('gives for every %s what parsing it gives', (kind) => {
  const parser = require(`dynalite/db/${kind}Parser`) as Parser;
  const remembered = remembering(parser);
  for (const turn of [1, 2, 3]) {
    for (const call of calls[kind]) {
      expect(outcomeOf(remembered, call), `turn ${turn}: ${JSON.stringify(call)}`).toStrictEqual(
        outcomeOf(parser, call),
      );
    }
  }
  expect(remembered.size()).toBeGreaterThan(0);
});

it('gives each call an expression of its own, which dynalite may work out in place', () => {
  const remembered = remembering(require('dynalite/db/updateParser') as Parser);
  const call = { text: 'SET n = n + :one', values: { ':one': number(1) } };
  const first = outcomeOf(remembered, call) as { parsed: { sections: { val: unknown }[] } };
  const second = outcomeOf(remembered, call) as typeof first;
  for (const { parsed } of [first, second]) for (const section of parsed.sections) section.val = 'worked out';
  expect(outcomeOf(remembered, call)).toMatchObject({ parsed: { sections: [{ val: { type: 'add' } }] } });
});

it('parses an expression that it remembers once, and forgets those that were not used for longest', () => {
  const parser = require('dynalite/db/conditionParser') as Parser;
  const parsedTexts: string[] = [];
  const remembered = remembering({
    parse: (text, options) => {
      parsedTexts.push(text);
      return parser.parse(text, options);
    },
  });
  const ask = (index: number) => outcomeOf(remembered, { text: `a${index} = :x`, values: { ':x': number(index) } });
  for (let index = 0; index < expressionsMax; index += 1) ask(index);
  ask(0);
  expect(parsedTexts).toHaveLength(expressionsMax);
  ask(expressionsMax);
  expect(remembered.size()).toBe(expressionsMax);
  ask(0);
  expect(parsedTexts).toHaveLength(expressionsMax + 1);
  ask(1);
  expect(parsedTexts.at(-1)).toBe('a1 = :x');
});
