/** A fleet's size against its demand: a day back from its decisions, a day ahead from the schedules. */
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { type FleetHistory, historyQuery } from '../api/queries.ts';
import { counted, timeOfDay } from '../parts/format.ts';
import { QueryState } from '../parts/query-state.tsx';
import { TimeChart } from '../parts/time-chart.tsx';

const dayMs = 86_400_000;
/** A stage of some minutes would be a line at the edge of a day. */
const spanMinMs = 300_000;

export function FleetHistoryChart({ fleet }: { fleet: string }) {
  const query = useQuery(historyQuery(fleet));
  return (
    <QueryState query={query} what={`the history of fleet ${fleet}`}>
      {(history) => <Chart history={history} nowMs={query.dataUpdatedAt} />}
    </QueryState>
  );
}

function Chart({ history, nowMs }: { history: FleetHistory; nowMs: number }) {
  const { timesMs, series, summary } = useMemo(() => chartOf(history, nowMs), [history, nowMs]);
  return <TimeChart timesMs={timesMs} series={series} nowMs={nowMs} summary={summary} />;
}

/** One time axis for both sides of now; a step holds until the next point. */
export function chartOf({ points, ahead, maxWorkers, isWhole }: FleetHistory, nowMs: number) {
  const past = points.map((point) => ({ ms: Date.parse(point.at), needed: point.needed, serving: point.serving }));
  const last = past.at(-1);
  if (last !== undefined && last.ms < nowMs) past.push({ ...last, ms: nowMs });
  // As far ahead as there is something behind, so that now stands in the middle.
  const spanMs = Math.min(dayMs, Math.max(spanMinMs, nowMs - (past[0]?.ms ?? nowMs)));
  const future = ahead
    .filter(({ start }) => Date.parse(start) < nowMs + spanMs)
    .map(({ start, workers }) => ({ ms: Math.max(nowMs, Date.parse(start)), workers }));
  const end = future.at(-1);
  if (end !== undefined) future.push({ ...end, ms: nowMs + spanMs });
  const peak = ahead.reduce((most, step) => (step.workers > most.workers ? step : most), { start: '', workers: 0 });
  const series = [
    {
      label: 'serving',
      color: '--serving',
      isFilled: true,
      values: [...past.map(({ serving }) => serving), ...future.map(() => null)],
    },
    { label: 'needed', color: '--needed', values: [...past.map(({ needed }) => needed), ...future.map(() => null)] },
    {
      ...{ label: 'schedules ahead', color: '--needed', isDashed: true },
      values: [...past.map(() => null), ...future.map(({ workers }) => workers)],
    },
  ];
  const now =
    last === undefined
      ? 'No decision is stored yet.'
      : `Now ${counted(last.serving, 'worker')}, ${last.needed} needed.`;
  const most =
    peak.workers === 0
      ? 'No window opens within a day.'
      : `The schedules of the next day need ${counted(peak.workers, 'worker')} at most, from ${timeOfDay(peak.start)}; the fleet may have ${maxWorkers}.`;
  const cut = isWhole ? '' : ' Older decisions of the day are left out.';
  return { timesMs: [...past, ...future].map(({ ms }) => ms), series, summary: `${now} ${most}${cut}` };
}
