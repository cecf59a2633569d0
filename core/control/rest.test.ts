/** Cameras at rest ask for nothing and say so already; a memory tells the same cameras as no memory does. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { CameraState } from '../fleet-state.ts';
import { cameraDemands, hoursAsked } from './demand.ts';
import { noonMs, policy, state } from './fleet-factories.ts';
import { hoursAt } from './hours.ts';
import { accountCamera } from './ledger.ts';
import { ownersOf } from './owners.ts';
import { RestMemory } from './rest.ts';

const hourMs = 3_600_000;
const at = (hour: number) => `${String(hour).padStart(2, '0')}:00`;
const hours = () =>
  fc.tuple(fc.integer({ min: 0, max: 23 }), fc.integer({ min: 1, max: 6 })).map(([start, length]) => {
    return { timeZone: 'UTC', windows: [{ start: at(start), end: at((start + length) % 24) }] };
  });
const rarely = () => fc.constantFrom(false, false, false, false, true);
const row = fc.record({
  schedule: fc.oneof({ weight: 1, arbitrary: fc.constant('always') }, { weight: 5, arbitrary: hours() }),
  enabled: rarely().map((isDisabled) => !isDisabled),
});
const given = fc.record(
  {
    ownerWorkerId: fc.constant('w1'),
    successorWorkerId: fc.constant('w2'),
    silentSinceMs: fc.constant(noonMs - hourMs),
    leaving: fc.constant({ toFleet: null, sinceMs: noonMs }),
    phaseReason: fc.constantFrom('outside its windows', 'new'),
    accountedThroughMs: fc.integer({ min: 0, max: 24 }).map((hours) => noonMs + hours * hourMs),
  },
  { requiredKeys: [] },
);
const settled = fc.constant({ phaseReason: 'outside its windows' });
const drawnState = fc.tuple(row, fc.oneof({ weight: 3, arbitrary: settled }, { weight: 1, arbitrary: given }));
const fleet = fc.array(drawnState, { minLength: 1, maxLength: 8 });

function statesOf(drawn: [Record<string, unknown>, Partial<CameraState>][]): CameraState[] {
  return drawn.map(([one, attributes], index) => state(`camera-${index}`, attributes, one));
}

function asked(nowMs: number, pause: { untilMs: number; reason: string } | null = null) {
  return { nowMs, policy: policy(), leadTimeMs: 420_000, pause };
}

it('what rests asks for nothing, now or near, and its state says so', () => {
  let rested = 0;
  fc.assert(
    fc.property(fleet, fc.integer({ min: 0, max: 95 }), rarely(), (drawn, quarter, isPaused) => {
      const cameras = statesOf(drawn);
      const nowMs = noonMs + (quarter * hourMs) / 4;
      const run = asked(nowMs, isPaused ? { untilMs: nowMs + hourMs, reason: '' } : null);
      const names = cameras.slice(1).map(({ cameraId }) => [cameraId, 'ACTIVE'] as const);
      const statusByName = new Map(names);
      const awake = new RestMemory().awake(cameras, hoursAt(hoursAsked(run)), statusByName);
      expect(awake).toEqual(cameras.filter((one) => awake.includes(one)));
      const streams = { statusByName, activeAtMs: new Map(), periodMs: 60_000 };
      const demands = cameraDemands({ ...run, cameras, owners: ownersOf([], nowMs, 25_000), streams });
      for (const [index, one] of cameras.entries()) {
        if (awake.includes(one)) continue;
        rested += 1;
        expect(one.ownerWorkerId ?? one.successorWorkerId ?? one.leaving ?? one.silentSinceMs).toBeUndefined();
        expect(demands[index]).toMatchObject({
          ...{ wantedNow: false, assignNow: false, isListenedTo: false, nextStartMs: null, silentSinceMs: null },
          ...{ intervals: [], idle: { phase: one.phase, reason: one.phaseReason } },
        });
        const scheduledPast = demands[index]?.scheduledPast ?? [];
        const accounted = accountCamera(one, one.phase, scheduledPast, null, nowMs);
        expect(accounted).toBeNull();
      }
    }),
  );
  expect(rested).toBeGreaterThan(50);
});

it('a memory leaves out what would be left out without it, whatever changes from run to run', () => {
  let restedOn = 0;
  const step = fc.record({
    minutes: fc.integer({ min: 0, max: 300 }),
    changed: fc.array(fc.tuple(fc.nat(7), given), { maxLength: 2 }),
    isPaused: rarely(),
    streamsAreReadAnew: rarely(),
  });
  fc.assert(
    fc.property(fleet, fc.array(step, { minLength: 2, maxLength: 12 }), (drawn, steps) => {
      const memory = new RestMemory();
      let cameras = statesOf(drawn);
      let nowMs = noonMs;
      let statusByName = new Map(cameras.map(({ cameraId }) => [cameraId, 'ACTIVE']));
      for (const { minutes, changed, isPaused, streamsAreReadAnew } of steps) {
        nowMs += minutes * 60_000;
        cameras = [...cameras];
        for (const [index, attributes] of changed) {
          const before = cameras[index];
          if (before !== undefined) cameras[index] = { ...before, ...attributes };
        }
        if (streamsAreReadAnew) statusByName = new Map([...statusByName].slice(1));
        const hoursOf = hoursAt(hoursAsked(asked(nowMs, isPaused ? { untilMs: nowMs + hourMs, reason: '' } : null)));
        const awake = memory.awake(cameras, hoursOf, statusByName);
        restedOn += cameras.length - awake.length;
        expect(awake).toEqual(new RestMemory().awake(cameras, hoursOf, statusByName));
      }
    }),
  );
  expect(restedOn).toBeGreaterThan(100);
});
