/**
 * What a function runs on. Tests and the local cloud hand it in; inside Lambda it is made on the first call from the
 * machine's clock and the environment, so that importing a function needs neither.
 */
import { onAnswerDates } from '../aws/answer-dates.ts';
import { type AwsClients, awsClients } from '../aws/clients.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import type { Decision } from '../core/control/record.ts';
import { AnsweredClock } from './answered-clock.ts';
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

/** What is left out, and a clock that goes by AWS's where the machine's is wrong: it listens to the clients from now on. */
export function completeDeps(deps: HandlerDeps, functionName: string): ControlDeps {
  const { names, logLevel, stage } = deps.environment;
  const serviceName = `kvs-infer-${functionName}`;
  const own = deps.telemetry ?? telemetry({ serviceName, namespace: names.metricNamespace, logLevel, stage });
  const clock = new AnsweredClock(deps.clock, (aheadMs) =>
    aheadMs === null
      ? own.logger.info("the function's clock is right again")
      : own.logger.warn("the function's clock is wrong: the time of AWS is used instead", { aheadMs }),
  );
  onAnswerDates(
    deps.clients,
    () => deps.clock.nowMs(),
    (answer) => clock.hear(answer),
  );
  return {
    ...deps,
    clock,
    wait: deps.wait ?? ((ms) => new Promise((resolve) => deps.clock.setTimer(ms, resolve))),
    telemetry: own,
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
