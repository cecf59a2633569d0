/**
 * What the HTTP API answers: the cameras of a fleet with their phases, one camera with its last week, and the fleet's latest
 * decisions. Reads only; the
 * gateway has checked the caller's token before this runs.
 * Invariant: a request for a fleet that this deployment does not have is a 404, never somebody else's data.
 */
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, Context } from 'aws-lambda';
import { readCameraState, readCameraStates } from '../aws/camera-states.ts';
import { readDecisions } from '../aws/decisions.ts';
import { readLedger } from '../aws/ledger.ts';
import { coverageOf } from '../core/control/coverage.ts';
import type { CameraState } from '../core/fleet-state.ts';
import { type ControlDeps, completeDeps, type HandlerDeps, lambdaDeps } from './handler-deps.ts';

/** The routes of the gateway (stacks/api.ts). */
export const routes = [
  'GET /fleets',
  'GET /fleets/{fleet}/cameras',
  'GET /fleets/{fleet}/cameras/{cameraId}',
  'GET /fleets/{fleet}/decisions',
] as const;
const weekMs = 7 * 86_400_000;
const decisionsMax = 100;
const decisionsDefault = 20;

export type ReadApiHandler = (
  event: APIGatewayProxyEventV2,
  context: Context,
) => Promise<APIGatewayProxyStructuredResultV2>;

export function buildReadApiHandler(given: HandlerDeps): ReadApiHandler {
  const deps = completeDeps(given, 'read-api');
  return middy<APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2>()
    .use(injectLambdaContext(deps.telemetry.logger))
    .handler((event) => answer(deps, event)) as ReadApiHandler;
}

async function answer(deps: ControlDeps, event: APIGatewayProxyEventV2): Promise<APIGatewayProxyStructuredResultV2> {
  const { clients, environment } = deps;
  const { fleets, names } = environment;
  const route = routes.find((known) => known === event.routeKey);
  if (route === 'GET /fleets') return json(200, { fleets });
  const fleet = event.pathParameters?.fleet ?? '';
  if (route === undefined || !fleets.includes(fleet)) {
    return json(404, { error: route === undefined ? 'no such route' : `no fleet "${fleet}" in this deployment` });
  }
  if (route === 'GET /fleets/{fleet}/cameras') {
    const states = await readCameraStates(clients, names.tables.cameraStates, fleet);
    return json(200, { fleet, cameras: states.map(cameraView) });
  }
  if (route === 'GET /fleets/{fleet}/cameras/{cameraId}') {
    const cameraId = event.pathParameters?.cameraId ?? '';
    const state = await readCameraState(clients, names.tables.cameraStates, fleet, cameraId);
    if (state === null) return json(404, { error: `no camera "${cameraId}" in fleet "${fleet}"` });
    const nowMs = deps.clock.nowMs();
    const { hours, windows } = await readLedger(clients, names.tables.ledger, cameraId, nowMs - weekMs, nowMs);
    return json(200, { fleet, camera: cameraView(state), lastWeek: coverageOf(hours, windows) });
  }
  const limit = Number(event.queryStringParameters?.limit ?? decisionsDefault);
  if (!Number.isInteger(limit) || limit < 1 || limit > decisionsMax) {
    return json(400, { error: `limit: expected a whole number from 1 to ${decisionsMax}` });
  }
  return json(200, { fleet, decisions: await readDecisions(clients, names.tables.decisions, fleet, { limit }) });
}

function cameraView(state: CameraState) {
  const { cameraId, camera, issues, phase, phaseReason, phaseSinceMs, ownerWorkerId, lastMediaAtMs } = state;
  return {
    cameraId,
    streamName: camera?.streamName ?? null,
    phase,
    reason: phaseReason,
    since: new Date(phaseSinceMs).toISOString(),
    worker: ownerWorkerId ?? null,
    lastMediaAt: lastMediaAtMs === undefined ? null : new Date(lastMediaAtMs).toISOString(),
    issues,
  };
}

function json(statusCode: number, body: unknown): APIGatewayProxyStructuredResultV2 {
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' };
  return { statusCode, headers, body: JSON.stringify(body) };
}

let built: ReadApiHandler | undefined;
export const handler: ReadApiHandler = (event, context) => {
  built ??= buildReadApiHandler(lambdaDeps());
  return built(event, context);
};
