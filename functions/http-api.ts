/**
 * The HTTP API on Lambda, behind API Gateway: the gateway has verified the caller's token and hands its claims on.
 * Invariant: it serves functions/api/app.ts and decides nothing itself.
 */
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, Context } from 'aws-lambda';
import { handle } from 'hono/aws-lambda';
import { buildApi } from './api/app.ts';
import { type Claims, identifyByClaims } from './api/principal.ts';
import { completeDeps, endedByLambda, type HandlerDeps, lambdaDeps } from './handler-deps.ts';

/** What the gateway passes on (stacks/api.ts). */
export const gatewayRoutes = ['ANY /api/{proxy+}'] as const;

export type HttpApiHandler = (
  event: APIGatewayProxyEventV2,
  context: Context,
) => Promise<APIGatewayProxyStructuredResultV2>;

export function buildHttpApiHandler(given: HandlerDeps): HttpApiHandler {
  const deps = completeDeps(given, 'http-api');
  const serve = handle(buildApi(deps, { identify: identifyByClaims, claimsOf: claimsOfEvent }));
  return middy<APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2>(endedByLambda)
    .use(injectLambdaContext(deps.telemetry.logger))
    .handler(
      (event, context) => serve(event as never, context) as Promise<APIGatewayProxyStructuredResultV2>,
    ) as HttpApiHandler;
}

/** Hono hands the gateway's event on as its environment. */
function claimsOfEvent(env: unknown): Claims | null {
  const { event } = (env ?? {}) as { event?: { requestContext?: { authorizer?: { jwt?: { claims?: Claims } } } } };
  return event?.requestContext?.authorizer?.jwt?.claims ?? null;
}

let built: HttpApiHandler | undefined;
export const handler: HttpApiHandler = (event, context) => {
  built ??= buildHttpApiHandler(lambdaDeps());
  return built(event, context);
};
