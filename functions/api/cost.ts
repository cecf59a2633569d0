/**
 * What the registered cameras will cost, line by line, against instances that never stop: the document of
 * `kvs-infer cost --json` for the stage itself. Invariant: every figure carries the source and the date of its price.
 */
import { createRoute, z } from '@hono/zod-openapi';
import { readCameraStates } from '../../aws/camera-states.ts';
import { forecast, networkModes } from '../../core/cost/forecast.ts';
import { originalBitrateMbps } from '../../core/cost/original-deployment.ts';
import { priceTable } from '../../core/cost/prices.ts';
import { KvsInferError } from '../../core/errors.ts';
import type { ControlDeps } from '../handler-deps.ts';
import type { Api } from './app.ts';
import { failures } from './cameras.ts';
import { firstInstanceType } from './hour-prices.ts';
import { Problem } from './problem.ts';

const dayMs = 86_400_000;
const daysMax = 31;

const hours = z.object({
  ...{ spanHours: z.number(), instanceHours: z.number(), peakInstances: z.int() },
  ...{ missingInstanceHours: z.number(), cameraHours: z.number() },
});
const bill = z.object({ totalUsd: z.number(), lines: z.array(z.unknown()) }).loose();
const costSchema = z
  .object({
    ...{ from: z.string(), to: z.string(), cameras: z.int(), instanceType: z.string(), network: z.string(), hours },
    ...{ onDemand: bill, spot: bill.nullable(), controlPlaneUsd: z.number(), alwaysOnGpuUsd: z.number() },
  })
  .meta({ id: 'Cost', description: 'the deployment rows of docs/cost.md; spot is null where its price is not known' });

export function addCostRoutes(app: Api, { clients, clock, environment }: ControlDeps): void {
  const { names, fleets, policy, region } = environment;
  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/cost',
      summary: 'What the schedules of all cameras will cost, line by line, against always on',
      request: {
        query: z.object({
          days: z.coerce.number().int().min(1).max(daysMax).default(30),
          network: z.enum(networkModes).default('nat'),
        }),
      },
      responses: {
        200: { content: { 'application/json': { schema: costSchema } }, description: 'from now on' },
        ...failures,
      },
    }),
    async (context) => {
      const { days, network } = context.req.valid('query');
      const states = await Promise.all(
        fleets.map((fleet) => readCameraStates(clients, names.tables.cameraStates, fleet)),
      );
      const cameras = states.flat().flatMap(({ camera, leaving }) => (camera === null || leaving ? [] : camera));
      const instanceType = firstInstanceType(policy);
      const fromMs = clock.nowMs();
      const toMs = fromMs + days * dayMs;
      const input = {
        ...{ cameras, fromMs, toMs, region, instanceType, networkMode: network, bitrateMbps: originalBitrateMbps },
        policy: {
          ...policy,
          maxWorkers: policy.maxWorkers * fleets.length,
          minWorkers: policy.minWorkers * fleets.length,
        },
      };
      try {
        const span = { from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString() };
        const { onDemand, spot, ...rest } = forecast(input, priceTable);
        return context.json(
          { ...rest, ...span, onDemand, spot, cameras: cameras.length, instanceType, network } as never,
          200,
        );
      } catch (error) {
        if (error instanceof KvsInferError && error.code === 'PRICE_UNKNOWN') throw new Problem(422, error.message);
        throw error;
      }
    },
  );
}
