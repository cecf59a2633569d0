/**
 * What `kvs-infer fleet show` prints: the fleet's item, its workers and cameras by phase, and the latest decision, in one
 * document and in words. Invariant: nothing is computed here that the control loop has not stored; orders that have ended are
 * not shown.
 */
import { plural } from '../core/control/plan-reason.ts';
import { activeOrders } from '../core/control/policy.ts';
import { type FleetView, fleetView, isKnownFleet, modelWords } from '../core/views/fleet-view.ts';
import { fleetNotFound, type Stage } from './stage.ts';
import { numbersAfterTheFirst, textTable } from './text-table.ts';

/** @throws KvsInferError FLEET_NOT_FOUND */
export async function readFleetView(stage: Stage, fleet: string): Promise<FleetView> {
  const { readFleetItems } = await import('../aws/fleet-items.ts');
  const items = await readFleetItems(stage.clients, stage.tables, fleet);
  if (isKnownFleet(items)) return fleetView(items);
  throw await fleetNotFound(stage, fleet);
}

export function describeFleet(view: FleetView, nowMs: number): string {
  const { leadTimes, days, latestDecision } = view;
  const lines = sizeAndOrders(view, nowMs);
  if (latestDecision !== null) {
    lines.push(`${latestDecision.at}  ${latestDecision.reason}`);
    for (const problem of latestDecision.problems ?? []) lines.push(`  problem: ${problem}`);
  }
  lines.push(...modelWords(view));
  for (const { type, samples, medianMs, p95Ms } of leadTimes) {
    lines.push(
      `launch to first inference, ${type}: median ${seconds(medianMs)}, p95 ${seconds(p95Ms)}, of ${samples} boots`,
    );
  }
  if (days.length > 0) {
    const columns = ['day', 'USD', 'instance hours', 'idle', 'windows', 'ready in time', 'latest'];
    const rows = days.map((day) => [
      ...[day.day, day.usd.toFixed(2), (day.instanceSeconds / 3_600).toFixed(2)],
      ...[`${Math.round(day.idleSeconds)} s`, String(day.windows), String(day.windowsHit)],
      day.latenessMaxMs === 0 ? '' : `${(day.latenessMaxMs / 1_000).toFixed(1)} s late`,
    ]);
    lines.push(textTable(numbersAfterTheFirst(columns), rows));
  }
  return lines.join('\n');
}

/** What can change from one look to the next. */
export function fleetFacts(view: FleetView, nowMs: number): ReadonlyMap<string, string> {
  const [size = '', ...orders] = sizeAndOrders(view, nowMs);
  const decision = view.latestDecision;
  return new Map([
    [`fleet ${view.fleet}`, size.replace(`fleet ${view.fleet}: `, '')],
    ...(orders.length === 0 ? [] : [['orders', orders.join('; ')] as const]),
    ...(view.modelRollout === null ? [] : [['models', modelWords(view).join('; ')] as const]),
    ...(decision === null ? [] : [['decision', [decision.reason, ...(decision.problems ?? [])].join('; ')] as const]),
  ]);
}

function sizeAndOrders(view: FleetView, nowMs: number): string[] {
  const { fleet, cameras, workers } = view;
  const stored = {
    ...{ fleet, schemaVersion: 1 as const },
    ...(view.pause === null ? {} : { pause: view.pause }),
    ...(view.override === null ? {} : { override: view.override }),
  };
  const { pause, override } = activeOrders(stored, nowMs);
  const because = (reason: string) => (reason === '' ? '' : ` (${reason})`);
  const iso = (atMs: number) => new Date(atMs).toISOString().replace('.000Z', 'Z');
  const phases = Object.entries(cameras.byPhase).map(([phase, count]) => `${count} ${phase}`);
  return [
    `fleet ${fleet}: ${plural(workers.length, 'worker')}, ${plural(cameras.count, 'camera')}${phases.length === 0 ? '' : `: ${phases.join(', ')}`}`,
    ...(pause === null ? [] : [`paused until ${iso(pause.untilMs)}${because(pause.reason)}`]),
    ...(override === null
      ? []
      : [
          `at least ${plural(override.minWorkers, 'worker')} until ${iso(override.untilMs)}${because(override.reason)}`,
        ]),
    ...(Object.keys(view.policy).length === 0 ? [] : [`policy of the item: ${JSON.stringify(view.policy)}`]),
  ];
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1_000)} s`;
}
