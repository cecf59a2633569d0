/**
 * The verdict on a row within its deployment: what the parser says, and whether the fleet it names is there. The same for
 * the stream's events and for a rebuild of the states. Pure.
 * Invariant: every row has a fleet whose table holds its verdict; one that names none gets it in the first: somewhere it
 * must be seen.
 */
import type { Camera, Issue } from './camera.ts';
import { parseCameraRow } from './parse-camera-row.ts';

export type RowVerdict = { fleet: string; camera: Camera | null; issues: Issue[] };

/** @param fleets of the deployment, in order; not empty. */
export function verdictOn(row: Record<string, unknown>, fleets: readonly string[]): RowVerdict {
  const { camera, issues } = parseCameraRow(row);
  if (camera !== null && !fleets.includes(camera.fleet)) {
    const message = `expected a fleet of this deployment (${fleets.join(', ')}), got "${camera.fleet}"`;
    return {
      fleet: firstFleet(fleets),
      camera: null,
      issues: [...issues, { severity: 'error', path: 'fleet', message }],
    };
  }
  return { fleet: camera?.fleet ?? fleetOfRow(row, fleets) ?? firstFleet(fleets), camera, issues };
}

/** The fleet whose table holds the state of this row, or null when the row names none that exists. */
export function fleetOfRow(row: Record<string, unknown> | null, fleets: readonly string[]): string | null {
  const fleet = row?.fleet ?? 'default';
  return typeof fleet === 'string' && fleets.includes(fleet) ? fleet : null;
}

export function firstFleet(fleets: readonly string[]): string {
  return fleets[0] ?? 'default';
}
