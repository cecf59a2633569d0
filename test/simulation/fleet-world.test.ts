/**
 * The simulated fleet: it replays exactly, skipping empty runs changes nothing, every scheduled second is accounted for, and
 * no two workers ever publish one camera at once.
 */
import { expect, it } from 'vitest';
import type { ControlDecision } from '../../core/control/decide.ts';
import { defaultPolicy } from '../../core/control/policy.ts';
import { parseCameraRow } from '../../core/parse-camera-row.ts';
import { ControlLoop } from '../../core/simulation/control-loop.ts';
import { FleetWorld } from '../../core/simulation/fleet-world.ts';
import { blindCauses } from '../../core/simulation/model-camera.ts';
import { defaultSettings } from '../../core/simulation/settings.ts';

const fromMs = Date.parse('2026-11-23T00:00:00Z');
const toMs = fromMs + 86_400_000;
const timeZones = ['Europe/Berlin', 'America/New_York', 'Asia/Singapore'];
const schedules = timeZones.map((timeZone) => ({ timeZone, windows: [{ start: '08:00', end: '18:00' }] }));
const rows = Array.from({ length: 24 }, (_, index) => {
  const cameraId = `camera-${index}`;
  const schedule = schedules[index % schedules.length];
  return { cameraId, ...parseCameraRow({ cameraId, streamName: cameraId, schedule }) };
});
const settings = { ...defaultSettings, spotInterruptionsPerHour: 0.02, silentShare: 0.1, workerFaultsPerDay: 1 };
const scheduledMs = rows.length * 10 * 3_600_000;

function play(seed: string, skipQuietRuns: boolean) {
  const world = new FleetWorld({ seed, fleet: 'default', rows, policy: defaultPolicy, settings, fromMs, toMs });
  const overlaps: string[] = [];
  world.witness = {
    publishes: (cameraId, workerId, epoch) => {
      const watchers = [...(world.cameras.get(cameraId)?.watchers ?? [])];
      if (watchers.length > 1) overlaps.push(`${cameraId} epoch ${epoch}: ${watchers.join(' and ')}, last ${workerId}`);
    },
    terminates: () => {},
  };
  const moves = { prepared: 0, released: 0, inVain: 0 };
  const onDecision = ({ changes }: ControlDecision) => {
    for (const { ownership, observed } of changes) {
      if (ownership?.kind === 'prepare') moves.prepared += 1;
      if (ownership?.kind !== 'release' || observed.successorWorkerId === undefined) continue;
      if (ownership.reason.endsWith('stands by')) moves.released += 1;
      else moves.inVain += 1;
    }
  };
  const loop = new ControlLoop(world, { skipQuietRuns, onDecision });
  world.playUntil(toMs);
  world.account.integrate(toMs);
  const { time, windows } = world.account;
  return { result: { time, windows, leadTimes: world.fleetItem.leadTimeSamplesMs }, overlaps, moves, loop, world };
}

it.each(['1', '2', '3', '4'])(
  'seed %s: skipping empty runs changes nothing, and no camera has two publishers',
  (seed) => {
    const quick = play(seed, true);
    const thorough = play(seed, false);
    expect(quick.result).toEqual(thorough.result);
    expect(quick.loop.decisions).toBeLessThan(thorough.loop.decisions / 2);
    expect(quick.overlaps).toEqual([]);
    const { time } = quick.result;
    expect(time.inferred).toBeGreaterThan(0.5 * scheduledMs);
    expect(time.inferred + blindCauses.reduce((sum, cause) => sum + time[cause], 0)).toBe(scheduledMs);
  },
);

it('cameras move make-before-break', () => {
  const sums = { prepared: 0, released: 0, inVain: 0 };
  for (let seed = 1; seed <= 12; seed += 1) {
    const { moves } = play(String(seed), true);
    for (const key of Object.keys(sums) as (keyof typeof sums)[]) sums[key] += moves[key];
  }
  console.info(
    `of ${sums.prepared} moves prepared, ${sums.released} were made, ${sums.inVain} were waited for in vain`,
  );
  expect(sums.released).toBeGreaterThan(20);
  expect(sums.inVain).toBeLessThan(sums.released / 10);
});

it('the same seed replays exactly, and another one does not', () => {
  expect(play('5', true).result).toEqual(play('5', true).result);
  expect(play('5', true).result).not.toEqual(play('6', true).result);
});
