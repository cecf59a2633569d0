/**
 * What a simulated fleet is given, and what happens to it by chance whoever runs it: us or a rival.
 * Invariant: the same seed draws the same cameras, silences and shortages for all of them.
 */
import type { Interval } from '../calendar.ts';
import type { FleetPolicy } from '../fleet-state.ts';
import type { parseCameraRow } from '../parse-camera-row.ts';
import { SeededRandom } from '../seeded-random.ts';
import { drawSilences, ModelCamera, type ModelCameraVersion } from './model-camera.ts';
import { drawSpells, type SimulationSettings } from './settings.ts';

/** Before the span that is asked about, so that the fleet is in the middle of its life when it begins. */
export const warmUpMs = 2 * 3_600_000;

/** A row's verdict, under the id that the account gives it when the row has none. */
export type ModelRow = ReturnType<typeof parseCameraRow> & { cameraId: string };

/** What somebody does to a fleet while it runs. A row's change counts from when camera-changed has written its verdict. */
export type OperatorAction = { atMs: number } & (
  | { kind: 'row'; row: ModelRow }
  | { kind: 'delete'; cameraId: string }
  /** Another revision becomes the newest deployment's; going back to an earlier one is a rollout as well. */
  | { kind: 'rollout'; revision: string }
);

export type FleetWorldInput = {
  seed: string;
  fleet: string;
  rows: readonly ModelRow[];
  policy: FleetPolicy;
  settings: SimulationSettings;
  fromMs: number;
  toMs: number;
  /** In order of time. Rivals know of rows, and of no rollout. */
  actions?: readonly OperatorAction[];
};

/** The cameras of the rows that can be used at some time, each with its own chance. */
export function drawCameras(input: FleetWorldInput, startMs: number): ModelCamera[] {
  const { seed, settings, toMs } = input;
  return [...versionsOf(input, startMs)].flatMap(([cameraId, versions]) => {
    if (versions.every(({ camera }) => camera === null)) return [];
    const random = new SeededRandom(`${seed}/camera/${cameraId}`);
    return new ModelCamera(versions, drawSilences(random, settings, startMs, toMs), startMs, toMs);
  });
}

function versionsOf({ rows, actions = [] }: FleetWorldInput, startMs: number): Map<string, ModelCameraVersion[]> {
  const versions = new Map<string, ModelCameraVersion[]>();
  const add = (cameraId: string, version: ModelCameraVersion) => {
    const earlier = versions.get(cameraId);
    if (earlier === undefined) versions.set(cameraId, [version]);
    else earlier.push(version);
  };
  for (const { cameraId, camera } of rows) add(cameraId, { fromMs: startMs, camera });
  for (const action of actions) {
    if (action.kind === 'row') add(action.row.cameraId, { fromMs: action.atMs, camera: action.row.camera });
    else if (action.kind === 'delete') add(action.cameraId, { fromMs: action.atMs, camera: null });
  }
  return versions;
}

/** Spells in which nothing can be launched. */
export function drawShortages({ seed, settings, toMs }: FleetWorldInput, startMs: number): Interval[] {
  const random = new SeededRandom(`${seed}/shortages`);
  return drawSpells(random, settings.shortagesPerWeek / 168, settings.shortageMs, startMs, toMs);
}
