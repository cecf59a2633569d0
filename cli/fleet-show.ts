/**
 * What `kvs-infer fleet show` prints: the fleet's item, its workers and cameras by phase, and the latest decision, in one
 * document and in words. Invariant: nothing is computed here that the control loop has not stored; orders that have ended are
 * not shown.
 */
import Table from 'cli-table3';
import { activeOrders } from '../core/control/policy.ts';
import { KvsInferError } from '../core/errors.ts';
import type { FleetItem } from '../core/fleet-state.ts';
import type { Stage } from './stage.ts';

export type FleetView = Awaited<ReturnType<typeof fleetView>>;

/** @throws KvsInferError FLEET_NOT_FOUND */
export async function fleetView({ clients, tables, stage }: Stage, fleet: string) {
  const [{ readFleet }, { readWorkers }, { readCameraStates }, { readDecisions }] = await Promise.all([
    import('../aws/fleets.ts'),
    import('../aws/workers.ts'),
    import('../aws/camera-states.ts'),
    import('../aws/decisions.ts'),
  ]);
  const [item, workers, cameras, decisions] = await Promise.all([
    readFleet(clients, tables.fleets, fleet),
    readWorkers(clients, tables.workers, fleet),
    readCameraStates(clients, tables.cameraStates, fleet),
    readDecisions(clients, tables.decisions, fleet, { limit: 1 }),
  ]);
  const isKnown = item.lastDecisionAtMs !== undefined || cameras.length > 0 || decisions.length > 0;
  if (!isKnown) {
    throw new KvsInferError('FLEET_NOT_FOUND', `stage ${stage} has no fleet "${fleet}"`, {
      hint: 'check the name; a fleet is there once the control loop has run for it',
    });
  }
  const phases: Record<string, number> = {};
  for (const { phase } of cameras) phases[phase] = (phases[phase] ?? 0) + 1;
  return {
    fleet,
    policy: item.policy ?? {},
    pause: item.pause ?? null,
    override: item.override ?? null,
    cameras: { count: cameras.length, byPhase: phases },
    workers: workers.map(({ workerId, lifecycle, running, capacityInferencesPerSecond, heartbeatAtMs }) => ({
      ...{ workerId, lifecycle, cameras: Object.keys(running).length },
      inferencesPerSecond: capacityInferencesPerSecond ?? null,
      heartbeatAt: new Date(heartbeatAtMs).toISOString(),
    })),
    leadTimes: leadTimesOf(item),
    capacityLadder: item.capacityLadder ?? null,
    budget: item.budget ?? null,
    days: item.days ?? [],
    latestDecision: decisions[0] ?? null,
  };
}

function leadTimesOf({ leadTimeSamplesMs = [], leadTimesByType = {} }: FleetItem) {
  return Object.entries({ all: leadTimeSamplesMs, ...leadTimesByType })
    .filter(([, samples]) => samples.length > 0)
    .map(([type, samples]) => {
      const sorted = [...samples].sort((a, b) => a - b);
      const rank = (share: number) => sorted[Math.ceil(sorted.length * share) - 1] ?? 0;
      return { type, samples: sorted.length, medianMs: rank(0.5), p95Ms: rank(0.95) };
    });
}

export function describeFleet(view: FleetView, nowMs: number): string {
  const { fleet, cameras, workers, leadTimes, days, latestDecision } = view;
  const stored = {
    ...{ fleet, schemaVersion: 1 as const },
    ...(view.pause === null ? {} : { pause: view.pause }),
    ...(view.override === null ? {} : { override: view.override }),
  };
  const { pause, override } = activeOrders(stored, nowMs);
  const because = (reason: string) => (reason === '' ? '' : ` (${reason})`);
  const iso = (atMs: number) => new Date(atMs).toISOString().replace('.000Z', 'Z');
  const phases = Object.entries(cameras.byPhase).map(([phase, count]) => `${count} ${phase}`);
  const lines = [
    `fleet ${fleet}: ${plural(workers.length, 'worker')}, ${plural(cameras.count, 'camera')}${phases.length === 0 ? '' : `: ${phases.join(', ')}`}`,
    ...(pause === null ? [] : [`paused until ${iso(pause.untilMs)}${because(pause.reason)}`]),
    ...(override === null
      ? []
      : [
          `at least ${plural(override.minWorkers, 'worker')} until ${iso(override.untilMs)}${because(override.reason)}`,
        ]),
    ...(Object.keys(view.policy).length === 0 ? [] : [`policy of the item: ${JSON.stringify(view.policy)}`]),
  ];
  if (latestDecision !== null) {
    lines.push(`${latestDecision.at}  ${latestDecision.reason}`);
    for (const problem of latestDecision.problems ?? []) lines.push(`  problem: ${problem}`);
  }
  for (const { type, samples, medianMs, p95Ms } of leadTimes) {
    lines.push(
      `launch to first inference, ${type}: median ${seconds(medianMs)}, p95 ${seconds(p95Ms)}, of ${samples} boots`,
    );
  }
  if (days.length > 0) {
    const table = new Table({
      head: ['day', 'USD', 'instance hours', 'idle', 'windows', 'ready in time', 'latest'],
      style: { head: [], border: [], compact: true },
    });
    for (const day of days) {
      table.push([
        ...[day.day, day.usd.toFixed(2), (day.instanceSeconds / 3_600).toFixed(2)],
        ...[`${Math.round(day.idleSeconds)} s`, day.windows, day.windowsHit],
        day.latenessMaxMs === 0 ? '' : `${(day.latenessMaxMs / 1_000).toFixed(1)} s late`,
      ]);
    }
    lines.push(table.toString());
  }
  return lines.join('\n');
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1_000)} s`;
}
