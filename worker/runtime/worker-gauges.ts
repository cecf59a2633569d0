/**
 * What the gauges of /metrics show, read from the parts at the moment of asking. Invariant: reading changes nothing.
 */
import type { DeliveryQueue } from '../publish/delivery-queue.ts';
import type { RecordPublisher } from '../publish/record-publisher.ts';
import type { TextReader } from '../text/text-reader.ts';
import type { CameraSupervisor } from './camera-supervisor.ts';
import type { GpuReading } from './gpu-reading.ts';
import type { Gauges } from './metrics.ts';
import type { LoadedModel, ModelPool } from './model-pool.ts';
import type { OverloadControl } from './overload-control.ts';
import type { ModelGauges } from './running-gauges.ts';

export function workerGauges(worker: {
  supervisor: CameraSupervisor;
  models: ModelPool;
  publisher: RecordPublisher;
  deliveries: DeliveryQueue;
  text: Pick<TextReader, 'queued'>;
  overload: Pick<OverloadControl, 'state'>;
  mainLoopDelayP99Ms: number;
  gpu: GpuReading | null;
  isFenced: boolean;
}): Gauges {
  const { supervisor, models, publisher, deliveries, text, overload, mainLoopDelayP99Ms, gpu, isFenced } = worker;
  const cameras = [...supervisor.runs()].map((run) => {
    const { state, fps } = run.heartbeat();
    const { millisBehindNow: behindMs = null, decode = null, frames = null, mediaErrors = {} } = run.report ?? {};
    const { cameraId, lagMs, wantedFps, grantedFps } = run;
    const records = { recordsWaiting: publisher.waiting(cameraId), recordsLost: publisher.lost(cameraId) };
    return { cameraId, state, fps, wantedFps, grantedFps, lagMs, behindMs, decode, frames, mediaErrors, ...records };
  });
  return {
    cameras,
    standbys: Object.values(supervisor.standbys.heartbeat()).map(({ state }) => state),
    models: [...models.loaded].map(([name, model]) => modelGauges(name, model)),
    gpu,
    publisherRecords: publisher.size,
    deliveries: deliveries.size,
    inferenceQueue: [...models.loaded.values()].reduce((sum, { scheduler }) => sum + scheduler.queued, 0),
    textQueue: text.queued,
    overload: overload.state,
    mainLoopDelayP99Ms,
    decodeLoopDelayP99Ms: supervisor.decodeLoopDelayP99Ms,
    isFenced,
  };
}

export function modelGauges(name: string, { client }: LoadedModel): ModelGauges {
  return { model: name, provider: client.provider, precision: client.model.precision, sha256: client.model.sha256 };
}
