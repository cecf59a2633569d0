import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Box, letterboxBox, letterboxGeometry, unletterboxBox } from './letterbox.ts';

const side = fc.integer({ min: 1, max: 8000 });
const unit = fc.double({ min: 0, max: 1, noNaN: true });
const box = fc.tuple(unit, unit, unit, unit) as fc.Arbitrary<Box>;

describe('letterbox geometry', () => {
  it.each([
    [1920, 1080, 640, 384, { width: 640, height: 360, padX: 0, padY: 12 }],
    [640, 480, 640, 640, { width: 640, height: 480, padX: 0, padY: 80 }],
    [1280, 674, 640, 384, { width: 640, height: 337, padX: 0, padY: 23 }],
    [720, 1280, 640, 640, { width: 360, height: 640, padX: 140, padY: 0 }],
    [100, 100, 640, 384, { width: 384, height: 384, padX: 128, padY: 0 }],
  ])('%i×%i in %i×%i', (sourceWidth, sourceHeight, inputWidth, inputHeight, expected) => {
    expect(letterboxGeometry(sourceWidth, sourceHeight, inputWidth, inputHeight)).toMatchObject(expected);
  });

  it('puts the grey to the right and below where a model wants it there', () => {
    const geometry = letterboxGeometry(1920, 1080, 640, 384, 'bottom-right');
    expect(geometry).toMatchObject({ width: 640, height: 360, padX: 0, padY: 0 });
    expect(unletterboxBox([0, 0, 320, 180], geometry)).toEqual([0, 0, 0.5, 0.5]);
  });

  it('lies inside the input and touches it on one axis', () => {
    fc.assert(
      fc.property(side, side, side, side, (sourceWidth, sourceHeight, inputWidth, inputHeight) => {
        const { width, height, padX, padY } = letterboxGeometry(sourceWidth, sourceHeight, inputWidth, inputHeight);
        expect(Math.min(width, height)).toBeGreaterThanOrEqual(1);
        expect(padX + width).toBeLessThanOrEqual(inputWidth);
        expect(padY + height).toBeLessThanOrEqual(inputHeight);
        expect(width === inputWidth || height === inputHeight).toBe(true);
      }),
    );
  });

  it('brings boxes back to where they were', () => {
    fc.assert(
      fc.property(side, side, side, side, box, (sourceWidth, sourceHeight, inputWidth, inputHeight, original) => {
        const geometry = letterboxGeometry(sourceWidth, sourceHeight, inputWidth, inputHeight);
        const back = unletterboxBox(letterboxBox(original, geometry), geometry);
        for (const [index, value] of back.entries()) expect(value).toBeCloseTo(original[index] as number, 9);
      }),
    );
  });

  it('clamps what reaches into the grey', () => {
    const geometry = letterboxGeometry(1920, 1080, 640, 384);
    expect(unletterboxBox([-20, 0, 700, 384], geometry)).toEqual([0, 0, 1, 1]);
  });
});
