/**
 * What /metrics says, in a registry that is handed in: two workers in one process never share numbers.
 * Invariant: labels come from small fixed sets or from what runs here now, cameras and models; a camera's series end with
 * it, so that their number stays bounded.
 */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { dropReasons, type FrameCounts } from '../session/frame-ledger.ts';
import type { TextOutcome } from '../text/text-reader.ts';
import type { InferredFrame } from './inference-scheduler.ts';
import type { OverloadState } from './overload-control.ts';
import { type RunningGauges, registerRunningGauges } from './running-gauges.ts';

const stageSeconds = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5];
const lagSeconds = [0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 20, 60];

export type Gauges = RunningGauges & {
  publisherRecords: number;
  deliveries: number;
  inferenceQueue: number;
  textQueue: number;
  overload: OverloadState;
  mainLoopDelayP99Ms: number;
  decodeLoopDelayP99Ms: number;
  isFenced: boolean;
};

export class WorkerMetrics {
  readonly registry: Registry;
  readonly #frames;
  readonly #stage;
  readonly #lag;
  readonly #publishedLag;
  readonly #batch;
  readonly #records;
  readonly #deliveries;
  readonly #texts;
  readonly #heartbeats;
  readonly #sessions;
  readonly #mediaErrors;

  constructor(registry: Registry, gauges: () => Gauges) {
    this.registry = registry;
    const registers = [registry];
    const prefix = 'kvs_infer_';
    this.#frames = new Counter({
      name: `${prefix}frames_total`,
      help: 'Frames by outcome; captured = inferred + every reason of dropping, once they are settled',
      labelNames: ['outcome'],
      registers,
    });
    this.#stage = new Histogram({
      name: `${prefix}stage_seconds`,
      help: 'Time a frame takes in a stage',
      labelNames: ['stage'],
      buckets: stageSeconds,
      registers,
    });
    this.#lag = new Histogram({
      name: `${prefix}lag_seconds`,
      help: 'From the producer time of a frame to its results',
      buckets: lagSeconds,
      registers,
    });
    this.#publishedLag = new Histogram({
      name: `${prefix}published_lag_seconds`,
      help: 'From the producer time of a frame to its record being stored in the result stream',
      buckets: lagSeconds,
      registers,
    });
    this.#batch = new Histogram({
      name: `${prefix}batch_frames`,
      help: 'Frames per run of the detector',
      buckets: [1, 2, 4, 8, 16],
      registers,
    });
    this.#records = new Counter({
      name: `${prefix}records_total`,
      help: 'Records of the result stream by outcome',
      labelNames: ['outcome'],
      registers,
    });
    this.#deliveries = new Counter({
      name: `${prefix}deliveries_total`,
      help: 'Pictures and track items by outcome',
      labelNames: ['kind', 'outcome'],
      registers,
    });
    this.#texts = new Counter({
      name: `${prefix}text_readings_total`,
      help: 'Readings of tracks by outcome',
      labelNames: ['outcome'],
      registers,
    });
    this.#heartbeats = new Counter({
      name: `${prefix}heartbeats_total`,
      help: 'Heartbeats by outcome',
      labelNames: ['outcome'],
      registers,
    });
    this.#sessions = new Counter({
      name: `${prefix}media_sessions_total`,
      help: 'GetMedia sessions by event',
      labelNames: ['event'],
      registers,
    });
    this.#mediaErrors = new Counter({
      name: `${prefix}media_errors_total`,
      help: 'Faults of reading, of the media and of decoding by error code',
      labelNames: ['code'],
      registers,
    });
    for (const outcome of ['captured', 'inferred', ...dropReasons]) this.#frames.inc({ outcome }, 0);
    this.#registerGauges(prefix, oncePerTurn(gauges));
  }

  /** The difference of two readings of one camera's books. */
  frames(before: FrameCounts | null, after: FrameCounts): void {
    this.#frames.inc({ outcome: 'captured' }, after.captured - (before?.captured ?? 0));
    this.#frames.inc({ outcome: 'inferred' }, after.inferred - (before?.inferred ?? 0));
    for (const reason of dropReasons) {
      const count = (after.dropped[reason] ?? 0) - (before?.dropped[reason] ?? 0);
      if (count > 0) this.#frames.inc({ outcome: reason }, count);
    }
  }

  sessions(before: Record<string, number> | null, after: Record<string, number>): void {
    for (const [event, count] of Object.entries(after)) this.#sessions.inc({ event }, count - (before?.[event] ?? 0));
  }

  /** Faults of reading, of the media and of decoding, by code; the codes are ours, so they are few. */
  mediaErrors(before: Record<string, number>, after: Record<string, number>): void {
    for (const [code, count] of Object.entries(after)) this.#mediaErrors.inc({ code }, count - (before[code] ?? 0));
  }

  decode(milliseconds: number): void {
    this.#stage.observe({ stage: 'decode' }, milliseconds / 1_000);
  }

  inference(frame: InferredFrame, readyToInferredMs: number): void {
    this.#stage.observe({ stage: 'queue' }, frame.queuedMs / 1_000);
    this.#stage.observe({ stage: 'inference' }, frame.inferenceMs / 1_000);
    this.#stage.observe({ stage: 'ready-to-inferred' }, Math.max(0, readyToInferredMs) / 1_000);
    // Once a run, not once a frame: large batches would count for more.
    if (frame.placeInBatch === 0) this.#batch.observe(frame.batchSize);
  }

  inferenceFailed(): void {
    this.#stage.observe({ stage: 'failed' }, 0);
  }

  results(milliseconds: number, lagMs: number): void {
    this.#stage.observe({ stage: 'results' }, milliseconds / 1_000);
    this.#lag.observe(Math.max(0, lagMs) / 1_000);
  }

  records(outcome: string, count: number): void {
    this.#records.inc({ outcome }, count);
  }

  published(stored: readonly { capturedAtMs: number }[], nowMs: number): void {
    this.records('published', stored.length);
    for (const { capturedAtMs } of stored) this.#publishedLag.observe(Math.max(0, nowMs - capturedAtMs) / 1_000);
  }

  delivery(kind: string, outcome: string): void {
    this.#deliveries.inc({ kind, outcome });
  }

  text(outcome: TextOutcome): void {
    this.#texts.inc({ outcome });
  }

  textRead(milliseconds: number): void {
    this.#stage.observe({ stage: 'text' }, milliseconds / 1_000);
  }

  heartbeat(outcome: 'succeeded' | 'failed' | 'fenced'): void {
    this.#heartbeats.inc({ outcome });
  }

  #registerGauges(prefix: string, gauges: () => Gauges): void {
    const registers = [this.registry];
    const simple: [string, string, (values: Gauges) => number][] = [
      ['publisher_buffered_records', 'Records waiting for the result stream', (v) => v.publisherRecords],
      ['deliveries_queued', 'Pictures and track items waiting', (v) => v.deliveries],
      ['inference_queued_frames', 'Frames waiting for a detector', (v) => v.inferenceQueue],
      ['text_queued_readings', 'Cut-outs waiting for the text thread', (v) => v.textQueue],
      [
        'detector_busy_ratio',
        'Share of the last second in which the detector had a batch',
        (v) => v.overload.busyShare,
      ],
      ['wanted_frames_per_second', 'Rates of the cameras that send media', (v) => v.overload.wantedFps],
      ['granted_frames_per_second', 'What overload leaves them of it', (v) => v.overload.grantedFps],
      ['main_loop_delay_p99_seconds', 'Event-loop delay of main', (v) => v.mainLoopDelayP99Ms / 1_000],
      [
        'decode_loop_delay_p99_seconds',
        'Largest event-loop delay of the decode threads',
        (v) => v.decodeLoopDelayP99Ms / 1_000,
      ],
      ['fenced', '1 while the lease is lost and nothing is published', (v) => (v.isFenced ? 1 : 0)],
    ];
    for (const [name, help, read] of simple) {
      new Gauge({
        name: prefix + name,
        help,
        registers,
        collect() {
          this.set(read(gauges()));
        },
      });
    }
    registerRunningGauges(prefix, this.registry, gauges);
  }
}

/** One look at the worker for all gauges of a scrape: each would otherwise go through every camera again. */
function oncePerTurn(gauges: () => Gauges): () => Gauges {
  let seen: Gauges | null = null;
  return () => {
    if (seen === null) {
      seen = gauges();
      setImmediate(() => {
        seen = null;
      });
    }
    return seen;
  };
}
