/**
 * What a function runs on. Tests and the local cloud hand it in; inside Lambda it is made on the first call from the
 * machine's clock and the environment, so that importing a function needs neither.
 */
import { type AwsClients, awsClients } from '../aws/clients.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import type { Decision } from '../core/control/record.ts';
import { type ControlEnvironment, controlEnvironment } from './environment.ts';
import { type Telemetry, telemetry } from './telemetry.ts';

export type HandlerDeps = {
  clock: Clock;
  clients: AwsClients;
  environment: ControlEnvironment;
  /** Default: JSON lines on stdout at the environment's log level. */
  telemetry?: Telemetry;
  /** X-Ray's header of the invocation under way, where Lambda has one. */
  traceHeader?: () => string | undefined;
  /** Called with every decision that is stored. */
  onDecision?: (decision: Decision) => void;
  /** Waits within an invocation. Default: on the clock. */
  wait?: (ms: number) => Promise<void>;
};

/**
 * Lambda ends what takes too long, and says so. Middy would answer 5 ms before, by the machine's clock instead of the given one,
 * and leave the run alive: thawed with the next invocation, it would go on beside it.
 */
export const endedByLambda = { timeoutEarlyInMillis: 0 };

export type ControlDeps = HandlerDeps & { telemetry: Telemetry; wait: (ms: number) => Promise<void> };

export function completeDeps(deps: HandlerDeps, functionName: string): ControlDeps {
  const { names, logLevel, stage } = deps.environment;
  const serviceName = `kvs-infer-${functionName}`;
  return {
    ...deps,
    wait: deps.wait ?? ((ms) => new Promise((resolve) => deps.clock.setTimer(ms, resolve))),
    telemetry: deps.telemetry ?? telemetry({ serviceName, namespace: names.metricNamespace, logLevel, stage }),
  };
}

export function lambdaDeps(): HandlerDeps {
  const environment = controlEnvironment(process.env);
  const { region, endpoint } = environment;
  return {
    clock: systemClock,
    clients: awsClients({ region, ...(endpoint === undefined ? {} : { endpoint }) }),
    environment,
    traceHeader: () => process.env._X_AMZN_TRACE_ID,
  };
}
