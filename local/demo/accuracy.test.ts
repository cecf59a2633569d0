import { expect, it } from 'vitest';
import { AccuracyCounter, type Box } from './accuracy.ts';

const left: Box = [0.1, 0.1, 0.3, 0.3];
const right: Box = [0.6, 0.1, 0.8, 0.3];
const car = (box: Box, counts = true) => ({ label: 'car', box, counts });
const found = (box: Box, score = 0.9, label = 'car') => ({ label, box, score });

it('counts each truth once, however often it is detected', () => {
  const counter = new AccuracyCounter();
  counter.add([car(left), car(right)], [found(left), found(left, 0.5)]);
  expect(counter.result()).toEqual({ recall: 0.5, precision: 0.5 });
});

it('takes neither a wrong label nor a box that overlaps by less than half', () => {
  const counter = new AccuracyCounter();
  counter.add([car(left), car(right)], [found(left, 0.9, 'bus'), found([0.7, 0.1, 0.9, 0.3])]);
  expect(counter.result()).toEqual({ recall: 0, precision: 0 });
});

it('ignores detections of what is too small or hidden to be asked for', () => {
  const counter = new AccuracyCounter();
  counter.add([car(left), car(right, false)], [found(left), found(right)]);
  expect(counter.result()).toEqual({ recall: 1, precision: 1 });
});

it('has no result before anything could be found', () => {
  const counter = new AccuracyCounter();
  counter.add([], []);
  expect(counter.result()).toBeNull();
});
