/** A row while it is typed: what is set, emptied and kept, by the paths of the parser. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pathParts, valueAt, withValue } from './typed-row.ts';

describe('paths', () => {
  it('are those that the parser names', () => {
    expect(pathParts('schedule.windows[10].start')).toEqual(['schedule', 'windows', 10, 'start']);
    expect(pathParts('cameraId')).toEqual(['cameraId']);
  });

  it('lead to values, or to nothing', () => {
    const row = { detect: { fps: 5 }, schedule: { windows: [{ start: '08:00' }] } };
    expect(valueAt(row, 'schedule.windows[0].start')).toBe('08:00');
    expect(valueAt(row, 'schedule.windows[1].start')).toBeUndefined();
    expect(valueAt(row, 'detect.fps.x')).toBeUndefined();
  });
});

describe('changes', () => {
  it('make what is missing, and change nothing in place', () => {
    const row = { cameraId: 'a' };
    const next = withValue(row, 'schedule.windows[0].start', '08:00');
    expect(next).toEqual({ cameraId: 'a', schedule: { windows: [{ start: '08:00' }] } });
    expect(row).toEqual({ cameraId: 'a' });
  });

  it('take out what is emptied, with the object that held nothing else', () => {
    const row = { cameraId: 'a', detect: { fps: 5 }, schedule: { windows: [{ start: '1' }, { start: '2' }] } };
    expect(withValue(row, 'detect.fps', undefined)).toEqual({ cameraId: 'a', schedule: row.schedule });
    expect(withValue(row, 'schedule.windows[0]', undefined)).toMatchObject({ schedule: { windows: [{ start: '2' }] } });
    expect(withValue(row, 'text.charset', undefined)).toEqual(row);
  });

  it('give back what was put, for any path and value', () => {
    const name = fc.constantFrom('a', 'b', 'detect', 'windows');
    const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join('.'));
    const value = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.array(fc.string()));
    fc.assert(
      fc.property(path, value, fc.dictionary(name, fc.anything()), (where, what, row) => {
        expect(valueAt(withValue(row, where, what), where)).toEqual(what);
      }),
    );
  });
});
