/**
 * The HTTP API as one application, the same on Lambda and on a laptop: who asks, what is asked, and problem documents for
 * what goes wrong. Its OpenAPI document is made from the types that check the requests.
 * Invariant: no route but the document's own path prefix answers without a principal; every answer says how it may be kept.
 */
import { OpenAPIHono } from '@hono/zod-openapi';
import { bodyLimit } from 'hono/body-limit';
import { secureHeaders } from 'hono/secure-headers';
import type { Clock } from '../../core/clock.ts';
import type { ControlDeps } from '../handler-deps.ts';
import { addAlarmRoutes, alarmsOf } from './alarms.ts';
import { addCameraRoutes } from './cameras.ts';
import { addCostRoutes } from './cost.ts';
import { addEventRoutes } from './events.ts';
import { addFleetRoutes } from './fleets.ts';
import { addModelRolloutRoutes } from './model-rollouts.ts';
import { addOverviewRoutes } from './overview.ts';
import { type PlayRuns, playInTurn } from './play-in-turn.ts';
import { authorize, type Claims, type Identify, type Principal } from './principal.ts';
import { answerError, issuesOf, Problem, problemResponse } from './problem.ts';
import { limitRate } from './rate-limit.ts';
import { addResultRoutes } from './results.ts';
import { addSimulateRoutes } from './simulate.ts';

/** A row with a long calendar and fifty regions is some 40 kB; DynamoDB ends at 400 kB. */
const bodyMaxBytes = 256 * 1024;

export type Api = OpenAPIHono<{ Variables: { principal: Principal } }>;
export type ApiOptions = {
  identify: Identify;
  claimsOf?: (env: unknown) => Claims | null;
  /** An answer may last: Lambda's are whole. */
  streamsEvents?: boolean;
  /** By which callers are limited; that of the stage when left out. */
  rateClock?: Clock;
  /** Where others are served meanwhile: off the main thread. */
  playRuns?: PlayRuns;
};

export function buildApi(deps: ControlDeps, options: ApiOptions): Api {
  const {
    identify,
    claimsOf = () => null,
    streamsEvents = false,
    playRuns = playInTurn,
    rateClock = deps.clock,
  } = options;
  const app: Api = new OpenAPIHono({
    defaultHook: (result) => {
      if (result.success) return;
      const where = result.target === 'json' ? 'the body' : `the ${result.target}`;
      throw new Problem(result.target === 'json' ? 422 : 400, `${where} cannot be used`, {
        issues: issuesOf(result.error as never),
      });
    },
  });
  app.onError((error, context) =>
    answerError(error, context, (facts) => deps.telemetry.logger.error('the API failed', facts)),
  );
  app.notFound((context) => problemResponse(context, 404, `there is no ${context.req.method} ${context.req.path}`));
  app.use(secureHeaders());
  app.use('/api/*', authorize(identify, claimsOf));
  app.use('/api/*', limitRate(rateClock));
  app.use(
    '/api/*',
    bodyLimit({
      maxSize: bodyMaxBytes,
      onError: () => {
        throw new Problem(413, `the body may have ${bodyMaxBytes} bytes`);
      },
    }),
  );
  app.use('/api/*', async (context, next) => {
    await next();
    if (!context.res.headers.has('cache-control')) context.res.headers.set('cache-control', 'no-store');
  });
  const alarms = alarmsOf(deps);
  addOverviewRoutes(app, deps, alarms);
  addAlarmRoutes(app, alarms);
  addCameraRoutes(app, deps);
  addFleetRoutes(app, deps);
  addModelRolloutRoutes(app, deps);
  addResultRoutes(app, deps);
  addEventRoutes(app, deps, { streamsEvents });
  addCostRoutes(app, deps);
  addSimulateRoutes(app, deps, { playRuns });
  app.doc31('/api/openapi.json', {
    openapi: '3.1.0',
    info: {
      title: 'kvs-infer',
      version: '1',
      description: 'Cameras, fleets, alarms, decisions, results, events, coverage and cost of one stage.',
    },
  });
  return app;
}
