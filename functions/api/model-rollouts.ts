/**
 * Versions of models in the API: a rollout of a new one to a fleet, and the way back.
 * Invariant: the rules are those of the command line, in its words; the next run of the control loop acts, within a minute.
 */
import { createRoute, z } from '@hono/zod-openapi';
import { startModelRollout, takeBackModelRollout } from '../../aws/model-rollouts.ts';
import { cameraIdPattern } from '../../core/camera.ts';
import { canaryCamerasMax } from '../../core/control/canary-cameras.ts';
import { KvsInferError } from '../../core/errors.ts';
import type { ControlDeps } from '../handler-deps.ts';
import { json } from './answers.ts';
import type { Api } from './app.ts';
import { failures, noFleet } from './cameras.ts';
import { fleetParam } from './fleets.ts';
import { Problem, problemSchema } from './problem.ts';

const problem = (description: string) => ({
  content: { 'application/problem+json': { schema: problemSchema } },
  description,
});
const reason = z.string().max(500).default('');
const wishSchema = z
  .strictObject({
    version: z.string().max(100).meta({ example: 'default@2' }),
    canaryPercent: z.number().optional(),
    canaryCameras: z.array(z.string().regex(cameraIdPattern)).max(canaryCamerasMax).optional(),
    bakeMs: z.number().optional(),
    maxErrorRate: z.number().optional().meta({ description: 'share of the inferences that may fail: 0.01 is 1 %' }),
    maxSlowdown: z.number().optional(),
    until: z.iso.datetime({ offset: true }).optional(),
    reason,
    replace: z.boolean().default(false),
  })
  .meta({ id: 'ModelRolloutWish', description: 'what is left out has the defaults of `kvs-infer model rollout`' });
const orderSchema = z.object({ id: z.string(), version: z.string() }).loose().meta({ id: 'ModelRollout' });

const statusOf: Readonly<Record<string, 409 | 422>> = {
  MODEL_ROLLOUT_INVALID: 422,
  MODEL_ROLLOUT_RUNNING: 409,
  MODEL_ROLLOUT_CHANGED: 409,
  MODEL_ROLLOUT_NONE: 409,
};

export function addModelRolloutRoutes(app: Api, { clients, clock, environment, telemetry }: ControlDeps): void {
  const { tables } = environment.names;

  async function ordered<Order>(fleet: string, by: string, what: () => Promise<Order | null>): Promise<Order> {
    if (!environment.fleets.includes(fleet)) throw noFleet(fleet);
    const order = await what().catch((error: unknown) => {
      const status = error instanceof KvsInferError ? statusOf[error.code] : undefined;
      if (status === undefined || !(error instanceof KvsInferError)) throw error;
      throw new Problem(status, `${error.code}: ${error.message} (${error.hint})`);
    });
    if (order === null) throw new Problem(404, `the control loop has not run for fleet "${fleet}" yet`);
    telemetry.logger.info('model rollout ordered', { fleet, order, by });
    return order;
  }

  app.openapi(
    createRoute({
      method: 'put',
      path: '/api/fleets/{fleet}/model-rollout',
      summary: 'Roll a version of a model out: a few cameras first, back by itself when it is bad',
      request: {
        params: fleetParam,
        body: { content: { 'application/json': { schema: wishSchema } }, required: true },
      },
      responses: {
        200: json(orderSchema, 'the order; GET the fleet for what becomes of it'),
        409: problem('a rollout is under way, and `replace` was not given'),
        422: problem('what is wrong with it'),
        ...failures,
      },
    }),
    async (context) => {
      const { fleet } = context.req.valid('param');
      const by = context.get('principal').name;
      const wish = { ...context.req.valid('json'), by };
      const start = () => startModelRollout(clients, tables, fleet, wish, clock.nowMs());
      return context.json(await ordered(fleet, by, start), 200);
    },
  );

  app.openapi(
    createRoute({
      method: 'put',
      path: '/api/fleets/{fleet}/model-rollout/rollback',
      summary: 'Take the last rollout back, whether it is complete or not',
      request: {
        params: fleetParam,
        body: { content: { 'application/json': { schema: z.strictObject({ reason }) } }, required: true },
      },
      responses: {
        200: json(orderSchema, 'the order with its rollback'),
        409: problem('there is nothing to take back'),
        ...failures,
      },
    }),
    async (context) => {
      const { fleet } = context.req.valid('param');
      const by = context.get('principal').name;
      const wish = { by, reason: context.req.valid('json').reason };
      const takeBack = () => takeBackModelRollout(clients, tables, fleet, wish, clock.nowMs());
      return context.json(await ordered(fleet, by, takeBack), 200);
    },
  );
}
