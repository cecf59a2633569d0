/**
 * A small world drawn from a seed: cameras with every kind of schedule and row, a policy, and faults from none to absurd.
 * Invariant: the seed alone decides; a failing seed is the whole bug report.
 */
import { defaultPolicy } from '../../core/control/policy.ts';
import type { FleetPolicy } from '../../core/fleet-state.ts';
import { parseCameraRow } from '../../core/parse-camera-row.ts';
import { SeededRandom } from '../../core/seeded-random.ts';
import type { FleetWorldInput, ModelRow, OperatorAction } from '../../core/simulation/fleet-input.ts';
import { defaultSettings, type SimulationSettings } from '../../core/simulation/settings.ts';

const timeZones = ['UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kolkata', 'Australia/Lord_Howe'];
/** Around both clock changes of Europe and of America, and an ordinary day. */
const days = ['2026-03-08', '2026-03-29', '2026-10-25', '2026-11-01', '2026-11-24'];

export function randomWorld(seed: string): FleetWorldInput {
  const random = new SeededRandom(`world/${seed}`);
  const fromMs = Date.parse(`${random.pick(days)}T00:00:00Z`) + random.integer(0, 23) * 3_600_000;
  const toMs = fromMs + random.integer(3, 10) * 3_600_000;
  const rows = Array.from({ length: random.integer(1, 12) }, (_, index) => randomRow(random, index, fromMs, toMs));
  const world = {
    seed,
    fleet: 'default',
    rows,
    policy: randomPolicy(random),
    settings: randomSettings(random),
    fromMs,
    toMs,
  };
  return { ...world, actions: randomActions(random, rows.length, fromMs, toMs) };
}

/** Half of the worlds are left alone. In the others rows change, go and come back, and revisions roll out and back. */
function randomActions(random: SeededRandom, cameras: number, fromMs: number, toMs: number): OperatorAction[] {
  if (random.chance(0.5)) return [];
  const instants = Array.from({ length: random.integer(1, 10) }, () => random.integer(fromMs, toMs - 1));
  return instants
    .sort((a, b) => a - b)
    .map((atMs): OperatorAction => {
      // One beyond those that are there at first.
      const row = randomRow(random, random.integer(0, cameras), fromMs, toMs);
      const kind = random.pick(['row', 'row', 'delete', 'rollout'] as const);
      if (kind === 'row') return { atMs, kind, row };
      if (kind === 'delete') return { atMs, kind, cameraId: row.cameraId };
      return { atMs, kind, revision: `worker:${random.integer(1, 3)}` };
    });
}

function randomRow(random: SeededRandom, index: number, fromMs: number, toMs: number): ModelRow {
  const cameraId = `camera-${String(index).padStart(2, '0')}`;
  const row = {
    cameraId,
    streamName: cameraId,
    // A tenth of the rows cannot be used.
    priority: random.chance(0.1) ? 'high' : random.integer(0, 4) * 25,
    enabled: !random.chance(0.05),
    schedule: random.chance(0.3) ? 'always' : randomSchedule(random),
    detect: { fps: random.pick([1, 5, 5, 5, 10, 30]) },
    ...(random.chance(0.15)
      ? { override: { state: random.pick(['on', 'off']), until: isoBetween(random, fromMs, toMs) } }
      : {}),
  };
  return { cameraId, ...parseCameraRow(row) };
}

function randomSchedule(random: SeededRandom) {
  const time = () => `${String(random.integer(0, 23)).padStart(2, '0')}:${random.pick(['00', '00', '30', '17'])}`;
  const windows = Array.from({ length: random.integer(1, 3) }, () => ({ start: time(), end: time() }));
  return { timeZone: random.pick(timeZones), windows };
}

function isoBetween(random: SeededRandom, fromMs: number, toMs: number): string {
  return new Date(random.integer(fromMs, toMs)).toISOString();
}

function randomPolicy(random: SeededRandom): FleetPolicy {
  const maxWorkers = random.integer(0, 5);
  return {
    ...defaultPolicy,
    maxWorkers,
    minWorkers: random.chance(0.2) ? random.integer(0, maxWorkers) : 0,
    targetUtilization: random.pick([0.5, 0.75, 1]),
    scaleInDelayMs: random.pick([0, 60_000, 300_000]),
    silentGraceMs: random.pick([60_000, 300_000]),
    leadTimeDefaultMs: random.pick([120_000, 420_000, 900_000]),
    // Assumed before a worker has measured: too low, right, or too high.
    defaultInferencesPerSecond: random.pick([20, 40, 100]),
  };
}

/** Each fault is off, as usual, or much worse. */
function randomSettings(random: SeededRandom): SimulationSettings {
  const rate = (usual: number, worst: number) => random.pick([0, usual, worst, worst * random.next()]);
  return {
    ...defaultSettings,
    workerInferencesPerSecond: random.pick([20, 40, 100]),
    spotShare: random.pick([0, 0.5, 1]),
    spotInterruptionsPerHour: rate(0.01, 1),
    rebalanceRecommendationsPerHour: rate(0.01, 1),
    shortagesPerWeek: rate(2, 100),
    throttlingsPerDay: rate(2, 48),
    stepFailureRate: rate(0.01, 0.2),
    staleReadRate: rate(0.02, 0.5),
    eventLossRate: rate(0.01, 1),
    eventRepeatRate: rate(0.02, 0.5),
    eventDelayMs: random.pick([defaultSettings.eventDelayMs, { minMs: 0, typicalMs: 20_000, maxMs: 300_000 }]),
    silentShare: rate(0.05, 0.5),
    silenceMs: random.pick([defaultSettings.silenceMs, { minMs: 20_000, typicalMs: 120_000, maxMs: 900_000 }]),
    workerFaultsPerDay: rate(0.5, 20),
    // Ten seconds lie between a worker's fence and its death, and a heartbeat may be three old.
    clockSkewMs: random.pick([0, 50, 5_000]),
  };
}
