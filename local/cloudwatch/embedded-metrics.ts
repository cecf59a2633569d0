/**
 * Metrics in the embedded metric format, as functions write them into their log and CloudWatch reads them out again.
 * Invariant: what is not well formed gives no datapoint, as in AWS, where such a line stays a line of the log.
 */
import type { MetricName } from './metric-store.ts';

type Directive = { Namespace: string; Dimensions: string[][]; Metrics: { Name: string }[] };

/** @param line the object that was written: its root holds the values that `_aws.CloudWatchMetrics` names. */
export function embeddedMetrics(line: Readonly<Record<string, unknown>>): { name: MetricName; value: number }[] {
  const { CloudWatchMetrics: directives = [] } = (line._aws ?? {}) as { CloudWatchMetrics?: Directive[] };
  return directives.flatMap(({ Namespace: namespace, Dimensions, Metrics }) =>
    Metrics.flatMap(({ Name: metricName }) =>
      Dimensions.flatMap((keys) => {
        const dimensions = Object.fromEntries(keys.map((key) => [key, String(line[key])]));
        const values: unknown[] = [line[metricName]].flat();
        return values.flatMap((value) =>
          typeof value === 'number' ? [{ name: { namespace, metricName, dimensions }, value }] : [],
        );
      }),
    ),
  );
}
