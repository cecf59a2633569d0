/**
 * Structured logs and metrics (EMF: written to the log, turned into metrics by CloudWatch) of the functions.
 * Invariant: one log line per decision, with the words that are stored; `quiet` sends both nowhere, for a terminal that
 * shows something better.
 */
import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import type { ControlDecision, Problem } from '../core/control/decide.ts';
import type { Decision } from '../core/control/record.ts';
import type { WatchGaps } from '../core/control/watch-gaps.ts';
import type { CameraPhase } from '../core/fleet-state.ts';
import { controlMetricService } from '../core/names.ts';

export type Telemetry = { logger: Logger; metrics: Metrics };

type LogLevel = 'DEBUG' | 'INFO' | 'WARN' | 'ERROR' | 'SILENT';
const logLevels: readonly LogLevel[] = ['DEBUG', 'INFO', 'WARN', 'ERROR', 'SILENT'];

export function telemetry(options: {
  serviceName: string;
  namespace: string;
  logLevel: string;
  /** Stages of one account share the namespace: this tells their metrics apart. */
  stage?: string;
  quiet?: boolean;
  /** Gets each line of metrics instead of stdout. */
  onMetrics?: (line: Record<string, unknown>) => void;
}): Telemetry {
  const { serviceName, namespace, stage, onMetrics } = options;
  const logLevel = logLevels.find((level) => level === options.logLevel.toUpperCase()) ?? 'INFO';
  const isQuiet = options.quiet === true;
  const counted = {
    serviceName: controlMetricService,
    namespace,
    ...(stage === undefined ? {} : { defaultDimensions: { stage } }),
  };
  const metrics =
    onMetrics !== undefined
      ? new HandedOverMetrics(counted, onMetrics)
      : isQuiet
        ? new DiscardedMetrics({ serviceName, namespace })
        : new Metrics(counted);
  return { logger: new Logger({ serviceName, logLevel: isQuiet ? 'SILENT' : logLevel }), metrics };
}

/** The same lines, to whoever takes the place of CloudWatch Logs. */
class HandedOverMetrics extends Metrics {
  readonly #handOver: (line: Record<string, unknown>) => void;

  constructor(options: ConstructorParameters<typeof Metrics>[0], handOver: (line: Record<string, unknown>) => void) {
    super(options);
    this.#handOver = handOver;
  }

  override publishStoredMetrics(): this {
    try {
      if (this.hasStoredMetrics()) this.#handOver(this.serializeMetrics());
    } finally {
      this.clearMetrics();
      this.clearDimensions();
    }
    return this;
  }
}

/** Marks metrics that nobody wants; what reports them looks for it. */
class DiscardedMetrics extends Metrics {}

const watchedPhases: readonly CameraPhase[] = [
  'running',
  'degraded',
  'starting',
  'waiting-capacity',
  'silent',
  'shed',
  'invalid',
];

/** What was observed or ordered cannot be right. */
const inputKinds: ReadonlySet<Problem['kind']> = new Set(['input', 'policy', 'fleet-size']);

/** What one run found and decided, per fleet. */
export function reportMetrics(
  metrics: Metrics,
  fleet: string,
  decision: ControlDecision,
  phases: readonly CameraPhase[],
  failures: number,
  gaps: WatchGaps,
): void {
  if (metrics instanceof DiscardedMetrics) return;
  const count = MetricUnit.Count;
  metrics.addDimension('fleet', fleet);
  const { inputs, desired } = decision.plan;
  metrics.addMetric('DesiredInstances', count, desired.instances);
  metrics.addMetric('DesiredTasks', count, desired.tasks);
  metrics.addMetric('WorkersServing', count, inputs.workersServing ?? 0);
  metrics.addMetric('WorkersIdle', count, inputs.workersIdle ?? 0);
  metrics.addMetric('WorkersNeeded', count, inputs.workersNeeded ?? 0);
  metrics.addMetric('CamerasWanted', count, inputs.camerasWantedNow ?? 0);
  metrics.addMetric('ActionsFailed', count, failures);
  const aboutInput = decision.problems.filter(({ kind }) => inputKinds.has(kind));
  metrics.addMetric('InputProblems', count, aboutInput.length);
  const handedOver = decision.changes.filter(({ ownership }) => ownership?.kind === 'give' && ownership.clean);
  metrics.addMetric('CamerasMoved', count, handedOver.length);
  const byBudget = decision.budget.workersMax !== null;
  metrics.addMetric('CamerasShedByBudget', count, byBudget ? decision.plan.shed.size : 0);
  metrics.addMetric('UsdToday', MetricUnit.NoUnit, decision.meter.days.at(-1)?.usd ?? 0);
  metrics.addMetric('CapacityExhausted', count, decision.ladder.isExhausted ? 1 : 0);
  metrics.addMetric('CamerasBlind', count, gaps.blind);
  metrics.addMetric('WindowsMissed', count, gaps.windowsMissed);
  metrics.addMetric('WorkersUnstored', count, gaps.unstored);
  const { state: rollout, isNew } = decision.modelRollout;
  metrics.addMetric('ModelReverted', count, isNew && rollout?.fault !== undefined ? 1 : 0);
  if (gaps.liveUnscheduled !== null) metrics.addMetric('CamerasLiveUnscheduled', count, gaps.liveUnscheduled);
  for (const phase of watchedPhases) {
    metrics.addMetric(`Cameras-${phase}`, count, phases.filter((candidate) => candidate === phase).length);
  }
  // Fleets run side by side: nothing is awaited between the first line and this one, so their metrics do not mix.
  metrics.publishStoredMetrics();
}

export function countFailedRun(metrics: Metrics, fleet: string): void {
  if (metrics instanceof DiscardedMetrics) return;
  metrics.addDimension('fleet', fleet);
  metrics.addMetric('ReconcileFailed', MetricUnit.Count, 1);
  metrics.publishStoredMetrics();
}

/** The line that people search for: its reason is in the words of the stored decision. */
export function logDecision(logger: Logger, record: Decision): void {
  logger.info('decided', {
    reason: record.reason,
    fleet: record.fleet,
    trigger: record.trigger,
    ...(record.traceId === undefined ? {} : { traceId: record.traceId }),
    ...(record.traceLinks === undefined ? {} : { traceLinks: record.traceLinks }),
    desired: record.desired,
    previous: record.previous,
    inputs: record.inputs,
    ...(record.problems === undefined ? {} : { problems: record.problems }),
    actions: record.actions,
    exceptions: record.exceptions.length,
  });
}
