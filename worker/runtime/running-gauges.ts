/**
 * Gauges whose series come and go: one per camera and model that runs here, the process and its GPU.
 * Invariant: each is set anew whenever somebody asks, so that nothing is told of what has stopped.
 */
import { Counter, Gauge, type Registry } from 'prom-client';
import type { DecodeReport, StandbyReport } from '../../core/fleet-state.ts';
import type { FrameCounts } from '../session/frame-ledger.ts';
import type { GpuReading } from './gpu-reading.ts';

/** What runs here now, one entry per camera. */
export type CameraGauges = {
  cameraId: string;
  state: string;
  fps: number;
  wantedFps: number;
  grantedFps: number;
  recordsWaiting: number;
  recordsLost: number;
  /** Newest frame: from its producer time to its results; null before the first. */
  lagMs: number | null;
  /** Distance from the live edge; null before the first fragment. */
  behindMs: number | null;
  /** Null before the first packet. */
  decode: DecodeReport | null;
  /** Null before the first report. */
  frames: FrameCounts | null;
  /** By error code. */
  mediaErrors: Readonly<Record<string, number>>;
};
export type ModelGauges = { model: string; provider: string; precision: string; sha256: string };
export type RunningGauges = {
  cameras: readonly CameraGauges[];
  /** The state of each camera that this worker is to have next. */
  standbys: readonly StandbyReport['state'][];
  models: readonly ModelGauges[];
  /** Null where there is no GPU, or before it was first asked. */
  gpu: GpuReading | null;
};

type Series = [labels: Record<string, string>, value: number | null];

export function registerRunningGauges(prefix: string, registry: Registry, running: () => RunningGauges): void {
  const gauge = (name: string, help: string, labelNames: string[], series: () => Series[]) => {
    new Gauge({
      name,
      help,
      labelNames,
      registers: [registry],
      collect() {
        this.reset();
        // Without labels a reset leaves a 0, which would be told of a GPU that is not there.
        if (labelNames.length === 0) this.remove();
        for (const [labels, value] of series()) if (value !== null) this.set(labels, value);
      },
    });
  };
  const ofCamera = (name: string, help: string, value: (camera: CameraGauges) => number | null) =>
    gauge(prefix + name, help, ['camera'], () =>
      running().cameras.map((camera): Series => [{ camera: camera.cameraId }, value(camera)]),
    );
  ofCamera('camera_lag_seconds', 'Newest frame: from its producer time to its results', ({ lagMs }) => seconds(lagMs));
  ofCamera('camera_behind_live_edge_seconds', 'Distance from the live edge', ({ behindMs }) => seconds(behindMs));
  ofCamera('camera_inferences_per_second', 'Inferences per second over the last 10 s', ({ fps }) => fps);
  ofCamera(
    'camera_wanted_frames_per_second',
    "The row's rate, as far as the camera sends it",
    ({ wantedFps }) => wantedFps,
  );
  ofCamera('camera_granted_frames_per_second', 'What overload leaves of it', ({ grantedFps }) => grantedFps);
  ofCamera('camera_waiting_records', 'Records that are not stored yet', ({ recordsWaiting }) => recordsWaiting);
  ofCamera(
    'camera_lost_records',
    'Records dropped for want of room or time, or too large',
    ({ recordsLost }) => recordsLost,
  );
  const decodeLabels = ['camera', 'codec', 'frames', 'device'];
  gauge(`${prefix}camera_decode_info`, 'How and where each camera is decoded', decodeLabels, () =>
    running().cameras.flatMap(({ cameraId, decode }): Series[] => {
      if (decode === null) return [];
      const { codec, frames, device } = decode;
      return [[{ camera: cameraId, codec, frames, device }, 1]];
    }),
  );
  const byState = (name: string, help: string, states: () => readonly string[]) =>
    gauge(prefix + name, help, ['state'], () => {
      const counts = new Map<string, number>();
      for (const state of states()) counts.set(state, (counts.get(state) ?? 0) + 1);
      return [...counts].map(([state, count]): Series => [{ state }, count]);
    });
  byState('cameras', 'Cameras of this worker by state', () => running().cameras.map(({ state }) => state));
  byState('standbys', 'Cameras that this worker stands by for, by state', () => running().standbys);
  gauge(`${prefix}model_info`, 'Loaded models and where they run', ['provider', 'model', 'precision', 'sha256'], () =>
    running().models.map((model): Series => [{ ...model }, 1]),
  );
  gauge(`${prefix}gpu_memory_bytes`, 'Memory of the GPU', ['kind'], () => {
    const { gpu } = running();
    if (gpu === null) return [];
    return [
      [{ kind: 'used' }, gpu.memoryUsedBytes],
      [{ kind: 'total' }, gpu.memoryTotalBytes],
    ];
  });
  gauge(`${prefix}gpu_load_ratio`, 'Share of the last second in which the GPU was busy', [], () => {
    const { gpu } = running();
    return gpu === null ? [] : [[{}, gpu.loadRatio]];
  });
  // Counters begin anew with each run of a camera, as Prometheus expects it of a process.
  const counter = (
    name: string,
    help: string,
    labelNames: string[],
    series: () => [Record<string, string>, number][],
  ) => {
    new Counter({
      name,
      help,
      labelNames,
      registers: [registry],
      collect() {
        this.reset();
        for (const [labels, value] of series()) this.inc(labels, value);
      },
    });
  };
  counter(`${prefix}camera_frames_total`, 'Frames by camera and outcome', ['camera', 'outcome'], () =>
    running().cameras.flatMap(({ cameraId: camera, frames }) =>
      frames === null
        ? []
        : Object.entries({ captured: frames.captured, inferred: frames.inferred, ...frames.dropped }).map(
            ([outcome, count]): [Record<string, string>, number] => [{ camera, outcome }, count],
          ),
    ),
  );
  counter(`${prefix}camera_media_errors_total`, 'Faults by camera and error code', ['camera', 'code'], () =>
    running().cameras.flatMap(({ cameraId: camera, mediaErrors }) =>
      Object.entries(mediaErrors).map(([code, count]): [Record<string, string>, number] => [{ camera, code }, count]),
    ),
  );
  // The names that Prometheus' own client libraries give these two.
  counter('process_cpu_seconds_total', 'CPU time of all threads', [], () => {
    const { user, system } = process.cpuUsage();
    return [[{}, (user + system) / 1e6]];
  });
  gauge('process_resident_memory_bytes', 'Resident memory', [], () => [[{}, process.memoryUsage.rss()]]);
}

function seconds(milliseconds: number | null): number | null {
  return milliseconds === null ? null : milliseconds / 1_000;
}
