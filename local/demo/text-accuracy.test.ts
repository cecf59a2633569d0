import { expect, it } from 'vitest';
import { TextAccuracyCounter } from './text-accuracy.ts';

it('counts each track with a readable plate once, by the last text told of it', () => {
  const counter = new TextAccuracyCounter();
  expect(counter.result()).toBeNull();
  for (const widthPx of [62, 70]) counter.seen('gate/1', { value: 'AB12CDE', widthPx });
  counter.seen('gate/2', { value: 'XY-1234', widthPx: 61 });
  counter.seen('gate/3', { value: 'QQ-0000', widthPx: 59 });
  counter.told('gate/1', 'AB12C0E');
  counter.told('gate/1', 'AB12CDE');
  counter.told('gate/3', 'QQ-0000');
  expect([counter.readable, counter.right, counter.result()]).toEqual([2, 1, 0.5]);
});

it('a track that changed objects belongs to the one that it was on longest', () => {
  const counter = new TextAccuracyCounter();
  for (const value of ['AB12CDE', 'XY-1234', 'AB12CDE']) counter.seen('gate/1', { value, widthPx: 80 });
  counter.told('gate/1', 'AB12CDE');
  expect(counter.result()).toBe(1);
});
