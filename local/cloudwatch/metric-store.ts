/**
 * Metric datapoints by namespace, name and dimensions, summed up per period as CloudWatch answers them. AWS services'
 * own metrics become visible late (KVS: 2 to 3 minutes), which the control loop has to live with, so it is modelled.
 * Invariant: memory is bounded: buckets older than the retention go, and new series beyond the limit are refused.
 */
import type { HeldStore } from '../service.ts';

/** CloudWatch keeps minutes for these metrics; the newest are finer, so that a local run may ask for shorter periods. */
const BUCKET_MS = 5_000;
const MINUTE_MS = 60_000;
/** Older buckets are one a minute. */
const FINE_FOR_MS = 60 * MINUTE_MS;
/** CloudWatch keeps minutes for 15 days; a local run needs a few hours. */
const RETENTION_MS = 6 * 3_600_000;
const SERIES_MAX = 20_000;
/** 10,000 streams with a fragment every 3 s, each seen 150 s later. */
const PENDING_MAX = 500_000;
/** What V8 takes for a bucket, or a datapoint that is not visible yet, and for a series beside its name. */
const POINT_BYTES = 130;
const SERIES_BYTES = 600;

export type MetricStatistic = 'Sum' | 'Average' | 'Minimum' | 'Maximum' | 'SampleCount';
type Bucket = { startMs: number; sum: number; count: number; minimum: number; maximum: number };
type Pending = { visibleAtMs: number; atMs: number; value: number };
/** What is not visible yet lies with its own series: a query of one must not walk through all. */
type Series = { name: MetricName; buckets: Bucket[]; pending: Pending[]; lastPutMs: number };
export type MetricName = { namespace: string; metricName: string; dimensions: Record<string, string> };

export class MetricStore {
  pointsLost = 0;
  readonly #series = new Map<string, Series>();
  #pendingCount = 0;
  readonly #retentionMs: number;
  #tidiedAtMs = Number.NEGATIVE_INFINITY;

  constructor(retentionMs = RETENTION_MS) {
    this.#retentionMs = retentionMs;
  }

  held(nowMs: number): HeldStore {
    this.#tidy(nowMs);
    let items = this.#pendingCount;
    let bytes = 0;
    for (const [key, { buckets }] of this.#series) {
      items += buckets.length;
      bytes += 2 * key.length + SERIES_BYTES;
    }
    const bound = `${this.#retentionMs / 3_600_000} h, ${SERIES_MAX} series`;
    return { store: 'cloudwatch: datapoints', items, bytes: bytes + items * POINT_BYTES, bound };
  }

  /** @param visibleAtMs from when queries see the value. */
  put(name: MetricName, value: number, atMs: number, visibleAtMs: number): void {
    const key = keyOf(name);
    const series = this.#series.get(key) ?? { name, buckets: [], pending: [], lastPutMs: visibleAtMs };
    const isNew = !this.#series.has(key);
    if (this.#pendingCount >= PENDING_MAX || (isNew && this.#series.size >= SERIES_MAX)) {
      this.pointsLost += 1;
      return;
    }
    if (isNew) this.#series.set(key, series);
    series.lastPutMs = visibleAtMs;
    series.pending.push({ visibleAtMs, atMs, value });
    this.#pendingCount += 1;
  }

  names(nowMs: number): MetricName[] {
    this.#tidy(nowMs);
    return [...this.#series.values()].filter(({ buckets }) => buckets.length > 0).map(({ name }) => name);
  }

  /** Datapoints of `[fromMs, toMs)` in periods aligned to `periodMs`, oldest first. Periods without data are left out. */
  query(
    name: MetricName,
    statistic: MetricStatistic,
    fromMs: number,
    toMs: number,
    periodMs: number,
    nowMs: number,
  ): { atMs: number; value: number }[] {
    const periods = new Map<number, Bucket>();
    const firstPeriodMs = Math.floor(fromMs / periodMs) * periodMs;
    for (const bucket of this.#bucketsOf(name, nowMs)) {
      if (bucket.startMs < firstPeriodMs) continue;
      const startMs = Math.floor(bucket.startMs / periodMs) * periodMs;
      if (startMs >= toMs) continue;
      const period = periods.get(startMs);
      if (period === undefined) periods.set(startMs, { ...bucket, startMs });
      else add(period, bucket);
    }
    return [...periods.values()]
      .sort((a, b) => a.startMs - b.startMs)
      .map((period) => ({ atMs: period.startMs, value: statisticOf(period, statistic) }));
  }

  /** One statistic over `[fromMs, toMs)`, whatever its bounds; null without data. */
  aggregate(name: MetricName, statistic: MetricStatistic, fromMs: number, toMs: number, nowMs: number): number | null {
    let whole: Bucket | null = null;
    for (const bucket of this.#bucketsOf(name, nowMs)) {
      if (bucket.startMs < fromMs || bucket.startMs >= toMs) continue;
      if (whole === null) whole = { ...bucket };
      else add(whole, bucket);
    }
    return whole === null ? null : statisticOf(whole, statistic);
  }

  #bucketsOf(name: MetricName, nowMs: number): readonly Bucket[] {
    if (nowMs - this.#tidiedAtMs >= MINUTE_MS) this.#tidy(nowMs);
    const series = this.#series.get(keyOf(name));
    if (series === undefined) return [];
    this.#reveal(series, nowMs);
    return series.buckets;
  }

  /** Moves what has become visible into its buckets. */
  #reveal(series: Series, nowMs: number): void {
    const { buckets, pending } = series;
    let kept = 0;
    for (const point of pending) {
      if (point.visibleAtMs > nowMs) pending[kept++] = point;
      else record(buckets, point);
    }
    this.#pendingCount -= pending.length - kept;
    pending.length = kept;
  }

  /** Old buckets become one a minute, then go; so does a series of which nothing is left. */
  #tidy(nowMs: number): void {
    this.#tidiedAtMs = nowMs;
    const fineFromMs = Math.floor((nowMs - FINE_FOR_MS) / MINUTE_MS) * MINUTE_MS;
    for (const [key, series] of this.#series) {
      this.#reveal(series, nowMs);
      const kept: Bucket[] = [];
      for (const bucket of series.buckets) {
        if (bucket.startMs < nowMs - this.#retentionMs) continue;
        if (bucket.startMs < fineFromMs) bucket.startMs = Math.floor(bucket.startMs / MINUTE_MS) * MINUTE_MS;
        const last = kept.at(-1);
        if (last?.startMs === bucket.startMs) add(last, bucket);
        else kept.push(bucket);
      }
      series.buckets = kept;
      const isOver = series.lastPutMs < nowMs - this.#retentionMs;
      if (kept.length === 0 && series.pending.length === 0 && isOver) this.#series.delete(key);
    }
  }
}

function record(buckets: Bucket[], { atMs, value }: Pending): void {
  const startMs = Math.floor(atMs / BUCKET_MS) * BUCKET_MS;
  const bucket = buckets.findLast((candidate) => candidate.startMs === startMs);
  const point = { startMs, sum: value, count: 1, minimum: value, maximum: value };
  if (bucket === undefined) buckets.push(point);
  else add(bucket, point);
}

function add(into: Bucket, more: Bucket): void {
  into.sum += more.sum;
  into.count += more.count;
  into.minimum = Math.min(into.minimum, more.minimum);
  into.maximum = Math.max(into.maximum, more.maximum);
}

function statisticOf(bucket: Bucket, statistic: MetricStatistic): number {
  switch (statistic) {
    case 'Sum':
      return bucket.sum;
    case 'Average':
      return bucket.sum / bucket.count;
    case 'Minimum':
      return bucket.minimum;
    case 'Maximum':
      return bucket.maximum;
    case 'SampleCount':
      return bucket.count;
  }
}

function keyOf({ namespace, metricName, dimensions }: MetricName): string {
  const sorted = Object.entries(dimensions).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([namespace, metricName, sorted]);
}
