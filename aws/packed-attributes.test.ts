import { deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packed, unpacked } from './packed-attributes.ts';

const map = fc.dictionary(fc.string(), fc.oneof(fc.string({ maxLength: 200 }), fc.integer(), fc.boolean()));

describe('packed attributes', () => {
  it('come back as they were, small or large', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), map), (value) => {
        expect(unpacked(packed(value), 'running')).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it('are a fraction of what they hold, and plain while they are small', () => {
    const running = Object.fromEntries(
      Array.from({ length: 15 }, (_, index) => [
        `camera-${index}`,
        { epoch: index, state: 'running', fps: 5, reason: '' },
      ]),
    );
    const bytes = packed(running);
    expect(bytes).toBeInstanceOf(Uint8Array);
    expect((bytes as Uint8Array).length).toBeLessThan(0.35 * JSON.stringify(running).length);
    expect(packed({})).toEqual({});
    expect(unpacked(undefined, 'running')).toEqual({});
  });

  it('are an error when they would inflate beyond 16 MiB: 17 KiB that hold 17 MiB', () => {
    const bomb = (mebibytes: number) =>
      new Uint8Array(deflateRawSync(`{"a":"${'x'.repeat(mebibytes * 1024 * 1024)}"}`));
    expect(bomb(17).length).toBeLessThan(20_000);
    expect(() => unpacked(bomb(17), 'running')).toThrow(expect.objectContaining({ code: 'ITEM_UNREADABLE' }));
    expect(Object.keys(unpacked(bomb(15), 'running'))).toEqual(['a']);
  });

  it('are an error when they are damaged, never an empty list', () => {
    const damaged = Uint8Array.from([1, 2, 3]);
    expect(() => unpacked(damaged, 'assignments')).toThrow(/ITEM_UNREADABLE|attribute "assignments"/);
    expect(() => unpacked('text', 'assignments')).toThrow(/expected a map, got string/);
    expect(() => unpacked([], 'assignments')).toThrow(/a list/);
  });
});
