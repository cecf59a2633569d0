/**
 * The dashboard of the local stage: the site that web/build-site.ts builds and the HTTP API, the same application that runs on Lambda, on a
 * loopback port of its own.
 * Invariants: the API answers only to the token that this start made; a page from elsewhere, or a name that was pointed at
 * loopback, is refused before anything is read.
 */
import { randomBytes } from 'node:crypto';
import { createAdaptorServer } from '@hono/node-server';
import { serveStatic } from '@hono/node-server/serve-static';
import { type Context, Hono, type MiddlewareHandler } from 'hono';
import { secureHeaders } from 'hono/secure-headers';
import { systemClock } from '../../core/clock.ts';
import type { RunOrder } from '../../core/simulation/simulate.ts';
import { buildApi } from '../../functions/api/app.ts';
import { identifyByToken } from '../../functions/api/principal.ts';
import { problemResponse } from '../../functions/api/problem.ts';
import type { ControlDeps } from '../../functions/handler-deps.ts';
import { runAll } from '../simulation/run-all.ts';
import { listenOnLoopback } from './listen.ts';
import { foreignHost } from './loopback-hosts.ts';

const tokenBytes = 24;
/** As strict as stacks/web.ts; only where pictures and sign-in come from differs. */
export const contentSecurityPolicy = {
  defaultSrc: ["'self'"],
  // Pictures come from the local S3, by links that were signed.
  imgSrc: ["'self'", 'data:', 'http://127.0.0.1:*'],
  objectSrc: ["'none'"],
  baseUri: ["'none'"],
  formAction: ["'self'"],
  frameAncestors: ["'none'"],
};

/** Their names change with their content. */
const immutable: MiddlewareHandler = async (context, next) => {
  await next();
  if (context.res.ok) context.res.headers.set('cache-control', 'public, max-age=31536000, immutable');
};

export type DashboardServer = {
  /** With the token behind `#`, which browsers do not send. */
  url: string;
  token: string;
  close(): Promise<void>;
};
export type DashboardOptions = {
  deps: ControlDeps;
  siteFolder: string;
  port: number;
  portSearch: boolean;
  /** Called with the status of each answer of the API. */
  onApiAnswer?: (status: number) => void;
};

/** @throws KvsInferError PORT_BUSY */
export async function startDashboardServer(options: DashboardOptions): Promise<DashboardServer> {
  const { deps, siteFolder, port, portSearch } = options;
  const token = randomBytes(tokenBytes).toString('base64url');
  const app = new Hono();
  app.use(async (context, next) => {
    const foreign = foreignHost(context.req.header('origin'), context.req.header('host'));
    if (foreign !== null)
      return problemResponse(context, 403, `this answers requests to loopback only, not ${foreign}`);
    return next();
  });
  app.use('/api/*', async (context, next) => {
    await next();
    options.onApiAnswer?.(context.res.status);
  });
  // The stage may live by a clock of its own; requests come in the machine's time.
  const playRuns = (orders: readonly RunOrder[], signal: AbortSignal) => runAll(orders, () => {}, signal);
  app.route(
    '/',
    buildApi(deps, { identify: identifyByToken(token), streamsEvents: true, playRuns, rateClock: systemClock }),
  );
  const permissionsPolicy = { camera: [], microphone: [], geolocation: [] };
  app.use(secureHeaders({ contentSecurityPolicy, permissionsPolicy, xFrameOptions: 'DENY' }));
  const { stage, region } = deps.environment;
  app.get('/config.json', (context) =>
    context.json({ stage, region, signIn: null }, 200, { 'cache-control': 'no-store' }),
  );
  app.use('/assets/*', immutable, serveStatic({ root: siteFolder }));
  app.get('/assets/*', (context) => context.notFound());
  // Pages are made in the browser: every other address is the one page, which knows what is at it.
  const revalidated = (_path: string, context: Context) => context.header('cache-control', 'no-cache');
  app.get('*', serveStatic({ root: siteFolder, path: 'index.html', onFound: revalidated }));
  const server = createAdaptorServer({ fetch: app.fetch }) as import('node:http').Server;
  const bound = await listenOnLoopback(server, port, portSearch);
  return {
    url: `http://127.0.0.1:${bound}/#token=${token}`,
    token,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
