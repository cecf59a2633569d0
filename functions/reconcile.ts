/**
 * The minute: EventBridge Scheduler calls this for every fleet of the deployment. Events make the control loop fast;
 * this makes it right. Invariant: one failing fleet does not stop the others.
 */
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { inParallel } from '../aws/parallel.ts';
import { invocationTrace } from './cause-trace.ts';
import { completeDeps, endedByLambda, type HandlerDeps, lambdaDeps } from './handler-deps.ts';
import { type ReconcileReport, reconcileOrReport } from './reconcile-fleet.ts';

/**
 * A run reads ECS three times, whose bucket of reads holds 100 for all fleets and fills with 20 a second, and holds all that it
 * read of up to 2,000 cameras in the function's memory. The runs of so many take longer than a second.
 */
const fleetsAtOnce = 5;

export type ReconcileHandler = (event: unknown, context: Context) => Promise<ReconcileReport[]>;

export function buildReconcileHandler(given: HandlerDeps): ReconcileHandler {
  const deps = completeDeps(given, 'reconcile');
  return middy(endedByLambda)
    .use(injectLambdaContext(deps.telemetry.logger))
    .handler((_event, context) => {
      const trace = invocationTrace(deps, context);
      return inParallel(deps.environment.fleets, fleetsAtOnce, (fleet) =>
        reconcileOrReport(deps, fleet, 'schedule', trace),
      );
    }) as ReconcileHandler;
}

let built: ReconcileHandler | undefined;
export const handler: ReconcileHandler = (event, context) => {
  built ??= buildReconcileHandler(lambdaDeps());
  return built(event, context);
};
