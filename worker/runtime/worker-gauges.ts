/**
 * What the gauges of /metrics show, read from the parts at the moment of asking. Invariant: reading changes nothing.
 */
import type { DeliveryQueue } from '../publish/delivery-queue.ts';
import type { RecordPublisher } from '../publish/record-publisher.ts';
import type { CameraSupervisor } from './camera-supervisor.ts';
import type { Gauges } from './metrics.ts';
import type { ModelPool } from './model-pool.ts';

export function workerGauges(worker: {
  supervisor: CameraSupervisor;
  models: ModelPool;
  publisher: RecordPublisher;
  deliveries: DeliveryQueue;
  mainLoopDelayP99Ms: number;
  isFenced: boolean;
}): Gauges {
  const { supervisor, models, publisher, deliveries, mainLoopDelayP99Ms, isFenced } = worker;
  const cameras: Record<string, number> = {};
  let millisBehindNowMax = 0;
  for (const { state } of Object.values(supervisor.heartbeat())) cameras[state] = (cameras[state] ?? 0) + 1;
  for (const { report } of supervisor.runs()) {
    millisBehindNowMax = Math.max(millisBehindNowMax, report?.millisBehindNow ?? 0);
  }
  return {
    cameras,
    publisherRecords: publisher.size,
    deliveries: deliveries.size,
    inferenceQueue: [...models.loaded.values()].reduce((sum, { scheduler }) => sum + scheduler.queued, 0),
    mainLoopDelayP99Ms,
    decodeLoopDelayP99Ms: supervisor.decodeLoopDelayP99Ms,
    millisBehindNowMax,
    isFenced,
  };
}
