/**
 * Structured logs and metrics (EMF: written to the log, turned into metrics by CloudWatch) of the functions.
 * Invariant: one log line per decision, with the words that are stored; `quiet` sends both nowhere, for a terminal that
 * shows something better.
 */
import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import type { ControlDecision } from '../core/control/decide.ts';
import type { CameraPhase, Decision } from '../core/fleet-state.ts';

export type Telemetry = { logger: Logger; metrics: Metrics };

type LogLevel = 'DEBUG' | 'INFO' | 'WARN' | 'ERROR' | 'SILENT';
const logLevels: readonly LogLevel[] = ['DEBUG', 'INFO', 'WARN', 'ERROR', 'SILENT'];

export function telemetry(options: {
  serviceName: string;
  namespace: string;
  logLevel: string;
  quiet?: boolean;
}): Telemetry {
  const { serviceName, namespace } = options;
  const logLevel = logLevels.find((level) => level === options.logLevel.toUpperCase()) ?? 'INFO';
  if (options.quiet === true) {
    return {
      logger: new Logger({ serviceName, logLevel: 'SILENT' }),
      metrics: new DiscardedMetrics({ serviceName, namespace }),
    };
  }
  return { logger: new Logger({ serviceName, logLevel }), metrics: new Metrics({ serviceName, namespace }) };
}

class DiscardedMetrics extends Metrics {
  override publishStoredMetrics(): this {
    this.clearMetrics();
    return this;
  }
}

const watchedPhases: readonly CameraPhase[] = [
  'running',
  'degraded',
  'starting',
  'waiting-capacity',
  'silent',
  'shed',
  'invalid',
];

/** What one run found and decided, per fleet. */
export function reportMetrics(
  metrics: Metrics,
  fleet: string,
  decision: ControlDecision,
  phases: readonly CameraPhase[],
  failures: number,
): void {
  const single = (name: string, value: number) => {
    metrics.singleMetric().addDimension('fleet', fleet).addMetric(name, MetricUnit.Count, value);
  };
  if (metrics instanceof DiscardedMetrics) return;
  const { inputs, desired } = decision.plan;
  single('DesiredInstances', desired.instances);
  single('DesiredTasks', desired.tasks);
  single('WorkersServing', inputs.workersServing ?? 0);
  single('WorkersNeeded', inputs.workersNeeded ?? 0);
  single('CamerasWanted', inputs.camerasWantedNow ?? 0);
  single('ActionsFailed', failures);
  for (const phase of watchedPhases) {
    single(`Cameras-${phase}`, phases.filter((candidate) => candidate === phase).length);
  }
}

export function countFailedRun(metrics: Metrics, fleet: string): void {
  if (metrics instanceof DiscardedMetrics) return;
  metrics.singleMetric().addDimension('fleet', fleet).addMetric('ReconcileFailed', MetricUnit.Count, 1);
}

/** The line that people search for: same words as the stored decision. */
export function logDecision(logger: Logger, record: Decision): void {
  logger.info(record.reason, {
    fleet: record.fleet,
    trigger: record.trigger,
    desired: record.desired,
    previous: record.previous,
    inputs: record.inputs,
    actions: record.actions,
    exceptions: record.exceptions.length,
  });
}
