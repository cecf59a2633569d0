/**
 * The stage at one glance, and how each fleet's size followed its demand: what the dashboard opens with.
 * Invariant: what a call reads is bounded: the states and workers of the fleets, one decision of each, and at most
 * `pointsMax` decisions for a history.
 */
import { createRoute, z } from '@hono/zod-openapi';
import { readSizes } from '../../aws/decisions.ts';
import { readFleetItems } from '../../aws/fleet-items.ts';
import { fleetPattern } from '../../core/camera.ts';
import { fleetPolicy } from '../../core/control/policy.ts';
import { KvsInferError } from '../../core/errors.ts';
import { demandAhead, type FleetInput, overviewOf, type UnreadableFleet } from '../../core/views/overview-view.ts';
import type { ControlDeps } from '../handler-deps.ts';
import { type Alarms, alarmReportSchema } from './alarms.ts';
import { json, unlessKnown } from './answers.ts';
import type { Api } from './app.ts';
import { failures, noFleet } from './cameras.ts';
import { hourPrices } from './hour-prices.ts';

const hourMs = 3_600_000;
const hoursMax = 168;
const pointsMax = 1_000;

const coverage = z.number().nullable().meta({ description: '0 to 1; null when nothing is wanted' });
const usd = z.number().nullable().meta({ description: 'US dollars; null when a price is not known' });
const secondsByCause = z.record(z.string(), z.number());
const overviewSchema = z
  .object({
    at: z.string(),
    cameras: z.int(),
    phases: z.record(z.string(), z.int()),
    now: z.object({ wanted: z.int(), watched: z.int(), silent: z.int(), coverage }),
    today: z.object({
      ...{ scheduledSeconds: z.number(), inferredSeconds: z.number(), blindSeconds: secondsByCause, coverage },
      ...{ windows: z.int(), windowsHit: z.int(), latenessMaxMs: z.number() },
      ...{ instanceSeconds: z.number(), idleSeconds: z.number() },
    }),
    cost: z.object({ usdToday: z.number(), usdByMidnight: usd, usdAlwaysOn: usd }),
    fleets: z.array(
      z.object({
        ...{ fleet: z.string(), cameras: z.int(), workers: z.int(), desired: z.int().nullable() },
        ...{
          reason: z.string().nullable(),
          pausedUntil: z.string().nullable(),
          overriddenUntil: z.string().nullable(),
        },
      }),
    ),
    alarms: alarmReportSchema,
    problems: z.array(
      z.object({
        ...{ fleet: z.string(), severity: z.enum(['error', 'warning', 'notice']), words: z.string(), count: z.int() },
        cameras: z.array(z.object({ cameraId: z.string(), reason: z.string() })),
      }),
    ),
  })
  .meta({ id: 'Overview', description: 'the day begins at midnight in the zone of each fleet' });
const meSchema = z
  .object({
    ...{ name: z.string(), role: z.enum(['viewer', 'operator']), stage: z.string(), region: z.string() },
    fleets: z.array(z.string()),
  })
  .meta({ id: 'Me' });
const historySchema = z
  .object({
    points: z.array(
      z.object({
        ...{ at: z.string(), needed: z.int(), desired: z.int(), serving: z.int(), reason: z.string() },
      }),
    ),
    isWhole: z.boolean().meta({ description: 'false: there are older decisions within the span' }),
    ahead: z.array(z.object({ start: z.string(), workers: z.int() })),
    maxWorkers: z.int(),
  })
  .meta({ id: 'FleetHistory', description: 'a point per stored decision; `ahead`: what the schedules alone need' });

export function addOverviewRoutes(app: Api, { clients, clock, environment }: ControlDeps, alarms: Alarms): void {
  const { names, fleets, policy: deployment } = environment;
  const { tables } = names;

  async function inputOf(fleet: string): Promise<FleetInput> {
    const items = await readFleetItems(clients, tables, fleet);
    const { policy } = fleetPolicy(deployment, items.item);
    return { ...items, policy, usdPerInstanceHour: hourPrices(policy, environment.region)?.onDemandUsd ?? null };
  }

  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/me',
      summary: 'Who asks, what that allows, and of which stage',
      responses: { 200: json(meSchema, 'the caller'), ...failures },
    }),
    (context) => {
      const { name, role } = context.get('principal');
      return context.json({ name, role, stage: environment.stage, region: environment.region, fleets }, 200);
    },
  );

  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/overview',
      summary: 'Is everything watched, what does it cost, what should somebody look at',
      responses: { 200: json(overviewSchema, 'answers 304 to If-None-Match while nothing changes'), ...failures },
    }),
    async (context) => {
      const unreadable: UnreadableFleet[] = [];
      const reported = alarms.report();
      const inputs = await Promise.all(
        fleets.map((fleet) =>
          inputOf(fleet).catch((error: unknown) => {
            if (!(error instanceof KvsInferError && error.code === 'ITEM_VERSION_LATER')) throw error;
            unreadable.push({ fleet, why: error.message });
            return null;
          }),
        ),
      );
      unreadable.sort((a, b) => (a.fleet < b.fleet ? -1 : 1));
      const readable = inputs.filter((input) => input !== null);
      const body = overviewOf(readable, clock.nowMs(), { unreadable, alarms: await reported });
      const { at: _, ...rest } = body;
      return unlessKnown(context, body, rest);
    },
  );

  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/fleets/{fleet}/history',
      summary: "The fleet's size against its demand, and what the windows ahead need",
      request: {
        params: z.object({ fleet: z.string().regex(fleetPattern).meta({ example: 'default' }) }),
        query: z.object({ hours: z.coerce.number().int().min(1).max(hoursMax).default(24) }),
      },
      responses: { 200: json(historySchema, 'as many hours back as ahead, oldest first'), ...failures },
    }),
    async (context) => {
      const { fleet } = context.req.valid('param');
      if (!fleets.includes(fleet)) throw noFleet(fleet);
      const spanMs = context.req.valid('query').hours * hourMs;
      const nowMs = clock.nowMs();
      const [input, { sizes, isWhole }] = await Promise.all([
        inputOf(fleet),
        readSizes(clients, tables.decisions, fleet, { fromMs: nowMs - spanMs, limit: pointsMax }),
      ]);
      const points = sizes.map(({ at, inputs, desired, reason }) => ({
        ...{ at, reason, desired: desired.instances },
        ...{ needed: inputs.workersNeeded ?? 0, serving: inputs.workersServing ?? 0 },
      }));
      const ahead = demandAhead(input, nowMs, nowMs + spanMs);
      return context.json({ points, isWhole, ahead, maxWorkers: input.policy.maxWorkers }, 200);
    },
  );
}
