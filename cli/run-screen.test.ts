import { stripVTControlCharacters } from 'node:util';
import { expect, it } from 'vitest';
import type { Decision } from '../core/control/record.ts';
import type { CameraState, WorkerItem } from '../core/fleet-state.ts';
import { cameraLines, describeDecision, renderTable } from './run-screen.ts';

const nowMs = Date.parse('2026-11-24T00:00:10Z');
const workerId = 'b2f78ee1012242f3a5d24f820c5c354c';
const state = (cameraId: string, phase: CameraState['phase'], phaseReason: string) =>
  ({ cameraId, phase, phaseReason }) as CameraState;
const decision = (previous: Decision['desired'], desired: Decision['desired']) =>
  ({
    fleet: 'default',
    at: '2026-11-24T00:00:00.000Z',
    previous,
    desired,
    reason: '2 cameras want 6 inferences/s now; start 1 worker',
  }) as Decision;

it('shows every camera by id with its phase, its rate and why, within the width of the terminal', () => {
  const worker = {
    workerId,
    running: { gate: { epoch: 2, fps: 2.96, lastDetection: { label: 'car', score: 0.91, atMs: nowMs - 2_000 } } },
  } as unknown as WorkerItem;
  const lines = cameraLines(
    [
      state('yard', 'shed', 'the fleet is at its largest size and cameras of higher priority fill it'),
      { ...state('gate', 'running', `on worker ${workerId}`), ownerWorkerId: workerId, epoch: 2 },
    ],
    [worker],
    nowMs,
  );
  const released = cameraLines([{ ...state('gate', 'off-schedule', ''), epoch: 2 } as CameraState], [worker], nowMs);
  expect(released).toMatchObject([{ fps: 0, lastDetection: '', worker: '' }]);
  const table = stripVTControlCharacters(renderTable(lines, 100)).split('\n');
  expect(table.findIndex((line) => line.includes('gate'))).toBeLessThan(
    table.findIndex((line) => line.includes('yard')),
  );
  expect(table.find((line) => line.includes('gate'))).toMatch(/running +3\.0 +car 0\.91, 2 s ago +on worker b2f78e/);
  for (const line of table) expect(line.length).toBeLessThanOrEqual(100);
});

it('tells a change of size with its reason', () => {
  const grown = decision({ instances: 0, tasks: 0 }, { instances: 1, tasks: 0 });
  expect(describeDecision(grown)).toBe(
    '00:00:00 fleet default: instances 0 → 1, tasks 0: 2 cameras want 6 inferences/s now; start 1 worker',
  );
});

it('keeps within any terminal, one line to a camera', () => {
  const lines = cameraLines(
    [
      state('a-camera-with-a-very-long-name-at-the-north-gate', 'waiting-capacity', 'waits for a worker'),
      state('silent', 'silent', 'no media since 2026-11-24T00:00:01.123Z; it costs no worker until media returns'),
      state('tomorrow', 'warming', 'its window opens at 2026-11-25T08:30:00.000Z'),
      ...Array.from({ length: 30 }, (_, index) => state(`x${index}`, 'shed', 'the fleet is at its largest size')),
    ],
    [],
    nowMs,
  );
  for (const columns of [80, 100, 160]) {
    const table = stripVTControlCharacters(renderTable(lines, columns, 24)).split('\n');
    for (const line of table) expect(line.length).toBeLessThanOrEqual(columns);
    expect(table).toHaveLength(23);
    expect(table[1]).toContain(' a-camera-with-a-very-long-name-at-the-north-gate  waiting-capacity ');
    expect(table.at(-1)).toContain('and 12 more');
    expect(table.filter((line) => line.includes('silent'))).toHaveLength(1);
  }
  const wide = stripVTControlCharacters(renderTable(lines, 180));
  expect(wide).toContain('no media since 00:00:01; it costs no worker until media returns');
  expect(wide).toContain('its window opens at 2026-11-25 08:30');
});
