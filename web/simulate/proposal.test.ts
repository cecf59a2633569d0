/** What is sent to be played, and later saved. */
import { expect, it } from 'vitest';
import { parseCameraRow } from '../../core/parse-camera-row.ts';
import { missingIn, type Proposal, proposedRow } from './proposal.ts';

const proposal: Proposal = { kind: 'window', timeZone: 'Europe/Berlin', days: ['mon'], start: '08:00', end: '18:00' };
const exceptions = [{ date: '2026-12-25', windows: [] }];
const row = {
  cameraId: 'dock-1',
  streamName: 's',
  colour: 'red',
  schedule: { timeZone: 'UTC', windows: [], exceptions },
};

it('changes the week alone, and makes rows that can be used', () => {
  const proposed = proposedRow(row, proposal);
  expect(proposed).toEqual({
    ...row,
    schedule: { timeZone: 'Europe/Berlin', windows: [{ days: ['mon'], start: '08:00', end: '18:00' }], exceptions },
  });
  expect(parseCameraRow(proposed).camera?.schedule).toMatchObject({ timeZone: 'Europe/Berlin' });
  expect(proposedRow({ ...row, schedule: 'always' }, { ...proposal, kind: 'never' }).schedule).toEqual({
    ...{ timeZone: 'Europe/Berlin', windows: [] },
  });
  expect(parseCameraRow(proposedRow(row, { ...proposal, kind: 'always' })).camera?.schedule).toBe('always');
});

it('says what is missing', () => {
  expect(missingIn(proposal, 1)).toBeNull();
  expect(missingIn(proposal, 0)).toBe('Choose a camera.');
  expect(missingIn(proposal, 41)).toBe('Choose 40 cameras at most.');
  expect(missingIn({ ...proposal, days: [] }, 1)).toBe('Choose a day.');
  expect(missingIn({ ...proposal, end: '' }, 1)).toBe('Give the start and the end.');
  expect(missingIn({ ...proposal, kind: 'always', days: [] }, 1)).toBeNull();
});
