/**
 * What a worker's /metrics says, as numbers. Invariant: counters only grow, so that the difference of two readings is what
 * happened between them.
 */

export type WorkerReading = {
  cpuSeconds: number;
  residentBytes: number;
  inferred: number;
  /** Frames wanted at the camera's rate and not inferred: no reason but sampling is taken off. */
  lost: number;
  /** Frames by what became of them, `captured` among them. */
  outcomes: Readonly<Record<string, number>>;
  /** Inferences per second over the last ten seconds, by camera. */
  cameraFps: ReadonlyMap<string, number>;
  /** Cumulative counts by upper bound in seconds, ascending, the last +Infinity. */
  publishedLag: readonly { atMostSeconds: number; count: number }[];
};

const wantedAndLost = ['overload', 'pace', 'late', 'decode-failed', 'inference-failed'];

export async function readMetrics(url: string): Promise<WorkerReading> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(5_000) });
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
  return parseMetrics(await answer.text());
}

export function parseMetrics(text: string): WorkerReading {
  const values = new Map<string, number>();
  for (const line of text.split('\n')) {
    const at = line.lastIndexOf(' ');
    if (at > 0 && !line.startsWith('#')) values.set(line.slice(0, at), Number(line.slice(at + 1)));
  }
  const outcome = (name: string) => values.get(`kvs_infer_frames_total{outcome="${name}"}`) ?? 0;
  const outcomes: Record<string, number> = {};
  const cameraFps = new Map<string, number>();
  for (const [name, value] of values) {
    const reason = /^kvs_infer_frames_total\{outcome="([^"]+)"\}$/.exec(name)?.[1];
    if (reason !== undefined) outcomes[reason] = value;
    const camera = /^kvs_infer_camera_inferences_per_second\{camera="([^"]+)"\}$/.exec(name)?.[1];
    if (camera !== undefined) cameraFps.set(camera, value);
  }
  const bucket = /^kvs_infer_published_lag_seconds_bucket\{le="([^"]+)"\}$/;
  const publishedLag = [...values].flatMap(([name, count]) => {
    const bound = bucket.exec(name)?.[1];
    return bound === undefined
      ? []
      : { atMostSeconds: bound === '+Inf' ? Number.POSITIVE_INFINITY : Number(bound), count };
  });
  return {
    cpuSeconds: values.get('process_cpu_seconds_total') ?? Number.NaN,
    residentBytes: values.get('process_resident_memory_bytes') ?? Number.NaN,
    inferred: outcome('inferred'),
    lost: wantedAndLost.reduce((sum, reason) => sum + outcome(reason), 0),
    ...{ outcomes, cameraFps },
    publishedLag: publishedLag.sort((a, b) => a.atMostSeconds - b.atMostSeconds),
  };
}

/** @param share 0..1. @returns seconds, interpolated inside the bucket as Prometheus does; NaN when nothing was published. */
export function lagQuantile(before: WorkerReading, after: WorkerReading, share: number): number {
  const counts = after.publishedLag.map(({ count }, index) => count - (before.publishedLag[index]?.count ?? 0));
  const total = counts.at(-1) ?? 0;
  if (total === 0) return Number.NaN;
  const rank = share * total;
  const index = counts.findIndex((count) => count >= rank);
  const below = index === 0 ? 0 : (counts[index - 1] ?? 0);
  const from = index === 0 ? 0 : (after.publishedLag[index - 1]?.atMostSeconds ?? 0);
  const to = after.publishedLag[index]?.atMostSeconds ?? Number.POSITIVE_INFINITY;
  if (!Number.isFinite(to)) return from;
  return from + ((to - from) * (rank - below)) / Math.max(1, (counts[index] ?? 0) - below);
}
