/**
 * What a simulated fleet is given, and what happens to it by chance whoever runs it: us or a rival.
 * Invariant: the same seed draws the same cameras, silences and shortages for all of them.
 */
import type { Interval } from '../calendar.ts';
import type { FleetPolicy } from '../fleet-state.ts';
import type { parseCameraRow } from '../parse-camera-row.ts';
import { SeededRandom } from '../seeded-random.ts';
import { drawSilences, ModelCamera } from './model-camera.ts';
import { drawSpells, type SimulationSettings } from './settings.ts';

/** Before the span that is asked about, so that the fleet is in the middle of its life when it begins. */
export const warmUpMs = 2 * 3_600_000;

/** A row's verdict, under the id that the account gives it when the row has none. */
export type ModelRow = ReturnType<typeof parseCameraRow> & { cameraId: string };

export type FleetWorldInput = {
  seed: string;
  fleet: string;
  rows: readonly ModelRow[];
  policy: FleetPolicy;
  settings: SimulationSettings;
  fromMs: number;
  toMs: number;
};

/** The cameras of the rows that can be used, each with its own chance. */
export function drawCameras({ seed, rows, settings, toMs }: FleetWorldInput, startMs: number): ModelCamera[] {
  return rows.flatMap(({ cameraId, camera }) => {
    if (camera === null) return [];
    const random = new SeededRandom(`${seed}/camera/${cameraId}`);
    return new ModelCamera(camera, drawSilences(random, settings, startMs, toMs), startMs, toMs);
  });
}

/** Spells in which nothing can be launched. */
export function drawShortages({ seed, settings, toMs }: FleetWorldInput, startMs: number): Interval[] {
  const random = new SeededRandom(`${seed}/shortages`);
  return drawSpells(random, settings.shortagesPerWeek / 168, settings.shortageMs, startMs, toMs);
}
