/**
 * The minute: EventBridge Scheduler calls this for every fleet of the deployment. Events make the control loop fast;
 * this makes it right. Invariant: one failing fleet does not stop the others.
 */
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { invocationTrace } from './cause-trace.ts';
import { completeDeps, endedByLambda, type HandlerDeps, lambdaDeps } from './handler-deps.ts';
import { type ReconcileReport, reconcileOrReport } from './reconcile-fleet.ts';

export type ReconcileHandler = (event: unknown, context: Context) => Promise<ReconcileReport[]>;

export function buildReconcileHandler(given: HandlerDeps): ReconcileHandler {
  const deps = completeDeps(given, 'reconcile');
  return middy(endedByLambda)
    .use(injectLambdaContext(deps.telemetry.logger))
    .handler((_event, context) => {
      const trace = invocationTrace(deps, context);
      return Promise.all(deps.environment.fleets.map((fleet) => reconcileOrReport(deps, fleet, 'schedule', trace)));
    }) as ReconcileHandler;
}

let built: ReconcileHandler | undefined;
export const handler: ReconcileHandler = (event, context) => {
  built ??= buildReconcileHandler(lambdaDeps());
  return built(event, context);
};
