/**
 * The dashboard before the tables of the local cloud, with nobody watching: what it shows is what a test puts there.
 * Invariant: rows pass through the real handlers, so that verdicts are the system's.
 */
import { saveDecision } from '../../aws/decisions.ts';
import { lockFleet, unlockFleet } from '../../aws/fleets.ts';
import { systemClock } from '../../core/clock.ts';
import { noonMs } from '../../core/control/fleet-factories.ts';
import { startApiStage } from '../../functions/api/api-stage.test-factory.ts';
import { completeDeps } from '../../functions/handler-deps.ts';
import { startDashboardServer } from '../../local/http/dashboard-server.ts';
import { buildSite, siteFolder } from '../../web/build-site.ts';

export type DashboardStage = Awaited<ReturnType<typeof startDashboardStage>>;

export async function startDashboardStage() {
  const [stage] = await Promise.all([startApiStage(), buildSite()]);
  // It stays noon, but who asks again later may.
  const clock = { ...systemClock, nowMs: () => noonMs };
  const deps = completeDeps({ ...stage.deps, clock }, 'dashboard');
  const { names, clients } = stage;
  const { tables } = names;
  const server = await startDashboardServer({ deps, siteFolder, port: 0, portSearch: false });
  // As after the loop's first run.
  await lockFleet(clients, tables.fleets, 'default', 'test', noonMs);
  await unlockFleet(clients, tables.fleets, 'default', 'test', noonMs, { lastDecisionAtMs: noonMs }, 'no');
  return {
    ...stage,
    url: server.url,
    origin: new URL(server.url).origin,

    putDecision(minutesAgo: number, workersNeeded: number, reason: string) {
      return saveDecision(clients, tables.decisions, {
        ...{ fleet: 'default', at: new Date(noonMs - minutesAgo * 60_000).toISOString(), schemaVersion: 1 },
        ...{ trigger: 'schedule', inputs: { workersNeeded, workersServing: workersNeeded }, reason },
        ...{ desired: { instances: workersNeeded, tasks: workersNeeded }, previous: { instances: 0, tasks: 0 } },
        ...{ actions: [], exceptions: [], expiresAt: 0 },
      });
    },

    async close() {
      await server.close();
      await stage.close();
    },
  };
}
