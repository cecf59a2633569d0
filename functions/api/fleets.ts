/**
 * Fleets in the API: size, workers, accounts and orders of each, and the decisions with their reasons.
 * Invariant: every order has an end; the next run of the control loop acts on it, within a minute.
 */
import { createRoute, z } from '@hono/zod-openapi';
import { readDecisions } from '../../aws/decisions.ts';
import { readFleetItems } from '../../aws/fleet-items.ts';
import { orderFleet } from '../../aws/fleets.ts';
import { fleetPattern } from '../../core/camera.ts';
import { orderDaysMax, workersPerFleetMax } from '../../core/control/policy.ts';
import { fleetView } from '../../core/views/fleet-view.ts';
import type { ControlDeps } from '../handler-deps.ts';
import { json } from './answers.ts';
import type { Api } from './app.ts';
import { failures, noFleet } from './cameras.ts';
import { Problem, problemSchema } from './problem.ts';

const dayMs = 86_400_000;
const decisionsMax = 200;

export const fleetParam = z.object({ fleet: z.string().regex(fleetPattern).meta({ example: 'default' }) });
const viewSchema = z.object({ fleet: z.string() }).loose().meta({ id: 'Fleet' });
const decisionSchema = z.object({ at: z.string(), reason: z.string() }).loose().meta({ id: 'Decision' });
const until = z.iso.datetime({ offset: true });
const reason = z.string().max(500).default('');
const ordersSchema = z
  .strictObject({
    pause: z.strictObject({ until, reason }).nullable().optional(),
    override: z
      .strictObject({ minWorkers: z.int().min(0).max(workersPerFleetMax), until, reason })
      .nullable()
      .optional(),
  })
  .meta({ id: 'FleetOrders', description: 'null ends an order; what is left out stays' });

export function addFleetRoutes(app: Api, { clients, clock, environment, telemetry }: ControlDeps): void {
  const { names, fleets } = environment;
  const { tables } = names;

  async function viewOf(fleet: string) {
    if (!fleets.includes(fleet)) throw noFleet(fleet);
    return fleetView(await readFleetItems(clients, tables, fleet));
  }

  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/fleets',
      summary: 'The fleets of this stage, each as a whole',
      responses: {
        200: json(z.object({ fleets: z.array(viewSchema) }), 'in the order of the deployment'),
        ...failures,
      },
    }),
    async (context) => context.json({ fleets: await Promise.all(fleets.map(viewOf)) }, 200),
  );

  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/fleets/{fleet}',
      summary: 'One fleet: workers, cameras by phase, orders, lead times, accounts, latest decision',
      request: { params: fleetParam },
      responses: { 200: json(viewSchema, 'the fleet'), ...failures },
    }),
    async (context) => context.json(await viewOf(context.req.valid('param').fleet), 200),
  );

  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/fleets/{fleet}/decisions',
      summary: 'Decisions, newest first',
      request: {
        params: fleetParam,
        query: z.object({
          limit: z.coerce.number().int().min(1).max(decisionsMax).default(20),
          before: z.iso.datetime({ offset: true }).optional(),
        }),
      },
      responses: {
        200: json(z.object({ decisions: z.array(decisionSchema) }), 'with inputs and reasons'),
        ...failures,
      },
    }),
    async (context) => {
      const { fleet } = context.req.valid('param');
      if (!fleets.includes(fleet)) throw noFleet(fleet);
      const { limit, before } = context.req.valid('query');
      // The one that is named by `before` was on the page before.
      const beforeMs = before === undefined ? {} : { beforeMs: Date.parse(before) - 1 };
      return context.json(
        { decisions: await readDecisions(clients, tables.decisions, fleet, { limit, ...beforeMs }) },
        200,
      );
    },
  );

  app.openapi(
    createRoute({
      method: 'put',
      path: '/api/fleets/{fleet}/orders',
      summary: 'Pause a fleet, keep workers ready, or end either',
      request: {
        params: fleetParam,
        body: { content: { 'application/json': { schema: ordersSchema } }, required: true },
      },
      responses: {
        200: json(ordersSchema, 'the orders that hold now'),
        422: {
          content: { 'application/problem+json': { schema: problemSchema } },
          description: 'an order has no usable end',
        },
        ...failures,
      },
    }),
    async (context) => {
      const { fleet } = context.req.valid('param');
      if (!fleets.includes(fleet)) throw noFleet(fleet);
      const orders = context.req.valid('json');
      const nowMs = clock.nowMs();
      for (const kind of ['pause', 'override'] as const) {
        const end = orders[kind]?.until;
        if (end === undefined) continue;
        const endMs = Date.parse(end);
        if (endMs > nowMs && endMs <= nowMs + orderDaysMax * dayMs) continue;
        const message = `expected an instant within the next ${orderDaysMax} days, got ${end}`;
        throw new Problem(422, 'the order has no usable end', {
          issues: [{ severity: 'error', path: `${kind}.until`, message }],
        });
      }
      const { pause, override } = orders;
      const item = await orderFleet(clients, tables.fleets, fleet, {
        ...(pause === undefined ? {} : { pause }),
        ...(override === undefined ? {} : { override }),
      });
      if (item === null) throw new Problem(404, `the control loop has not run for fleet "${fleet}" yet`);
      telemetry.logger.info('fleet ordered', { fleet, orders, by: context.get('principal').name });
      return context.json({ pause: item.pause ?? null, override: item.override ?? null }, 200);
    },
  );
}
