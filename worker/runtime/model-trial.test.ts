/** What a worker counts of a new version against the one before. */
import { describe, expect, test } from 'vitest';
import { modelFault } from '../../core/control/model-evidence.ts';
import { letterboxGeometry, reletterbox } from '../decode/letterbox.ts';
import { TrialCounts } from './model-trial.ts';

const limits = { id: 'a', maxErrorRate: 0.01, maxSlowdown: 2 };

describe('counts of a trial', () => {
  test('the frames of a batch fail once', () => {
    const trial = new TrialCounts(limits);
    const error = new Error('out of memory');
    for (let frame = 0; frame < 16; frame += 1) trial.failed(error);
    trial.inferred(0);
    trial.inferred(1);
    expect(trial.counts).toMatchObject({ batches: 2, failedBatches: 1, frames: 2 });
    expect(modelFault(trial.counts, limits)).toBeNull();
  });

  test('only what the former surely saw can be missed', () => {
    const trial = new TrialCounts(limits);
    trial.compared({ isSure: false, tookMs: 5 }, { sees: false, tookMs: 5 });
    trial.compared({ isSure: true, tookMs: 5 }, { sees: false, tookMs: 5 });
    trial.compared({ isSure: true, tookMs: 5 }, { sees: true, tookMs: 5 });
    expect(trial.counts).toMatchObject({ sightings: 2, missed: 1, timed: 0 });
  });

  test('slow is what takes twice the 95th percentile and 20 ms more, once 20 frames were timed', () => {
    const trial = new TrialCounts(limits);
    const took = (formerMs: number, presentMs: number) =>
      trial.compared({ isSure: false, tookMs: formerMs }, { sees: false, tookMs: presentMs });
    for (let frame = 0; frame < 20; frame += 1) took(5, 500);
    expect(trial.counts.timed).toBe(0);
    took(5, 24);
    took(5, 26);
    expect(trial.counts).toMatchObject({ timed: 2, slow: 1 });
  });
});

test('a picture for a model of another size keeps its content where it belongs', () => {
  const from = letterboxGeometry(320, 192, 80, 48);
  const to = letterboxGeometry(320, 192, 160, 160);
  const pixels = new Uint8Array(80 * 48 * 3).fill(200);
  const scaled = new Uint8Array(reletterbox(pixels, from, to));
  const at = (x: number, y: number) => scaled[(y * 160 + x) * 3];
  expect([at(80, 80), at(0, to.padY), at(159, to.padY + to.height - 1)]).toEqual([200, 200, 200]);
  expect([at(80, 0), at(80, 159)]).toEqual([114, 114]);
});
