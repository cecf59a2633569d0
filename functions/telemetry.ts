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
import { type ControlMetric, countedPhases } from '../core/fleet-metrics.ts';
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

/** Phases are counted below; the other two not by every run. */
type EachRunMetric = Exclude<ControlMetric, `Cameras-${string}` | 'CamerasLiveUnscheduled' | 'ReconcileFailed'>;

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
  metrics.addDimension('fleet', fleet);
  const { inputs, desired } = decision.plan;
  const handedOver = decision.changes.filter(({ ownership }) => ownership?.kind === 'give' && ownership.clean);
  const { state: rollout, isNew } = decision.modelRollout;
  const values: Record<EachRunMetric, number> & Partial<Record<ControlMetric, number>> = {
    DesiredInstances: desired.instances,
    DesiredTasks: desired.tasks,
    WorkersServing: inputs.workersServing ?? 0,
    WorkersIdle: inputs.workersIdle ?? 0,
    WorkersNeeded: inputs.workersNeeded ?? 0,
    CamerasWanted: inputs.camerasWantedNow ?? 0,
    CamerasMoved: handedOver.length,
    CamerasShedByBudget: decision.budget.workersMax === null ? 0 : decision.plan.shed.size,
    CamerasBlind: gaps.blind,
    ...(gaps.liveUnscheduled === null ? {} : { CamerasLiveUnscheduled: gaps.liveUnscheduled }),
    ActionsFailed: failures,
    InputProblems: decision.problems.filter(({ kind }) => inputKinds.has(kind)).length,
    UsdToday: decision.meter.days.at(-1)?.usd ?? 0,
    CapacityExhausted: decision.ladder.isExhausted ? 1 : 0,
    WindowsMissed: gaps.windowsMissed,
    WorkersUnstored: gaps.unstored,
    ModelReverted: isNew && rollout?.fault !== undefined ? 1 : 0,
  };
  for (const phase of countedPhases) {
    values[`Cameras-${phase}`] = phases.filter((candidate) => candidate === phase).length;
  }
  for (const [name, value] of Object.entries(values)) metrics.addMetric(name, unitOf(name), value);
  // Fleets run side by side: nothing is awaited between the first line and this one, so their metrics do not mix.
  metrics.publishStoredMetrics();
}

export function countFailedRun(metrics: Metrics, fleet: string): void {
  if (metrics instanceof DiscardedMetrics) return;
  metrics.addDimension('fleet', fleet);
  const failed: ControlMetric = 'ReconcileFailed';
  metrics.addMetric(failed, unitOf(failed), 1);
  metrics.publishStoredMetrics();
}

function unitOf(name: string) {
  return name === 'UsdToday' ? MetricUnit.NoUnit : MetricUnit.Count;
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
