/** The coming days, before and after, side by side; and what was left out. */
import { useMemo } from 'react';
import type { PlayedOutcome, Simulation } from '../../core/views/simulation-view.ts';
import { dateTime, duration, percent, usd } from '../parts/format.ts';
import { TimeChart } from '../parts/time-chart.tsx';

type Row = { name: string; before: string; after: string };

export function SimulationResult({ simulation }: { simulation: Simulation }) {
  const { calendar, played, notSimulated, changes, from, to, usdPerInstanceHour } = simulation;
  const usdBefore = played?.before.costUsd ?? calendar.before.costUsd;
  const usdAfter = played?.after.costUsd ?? calendar.after.costUsd;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section className="card scrolls" aria-label="Result" tabIndex={0}>
      <h2>
        {dateTime(from)} to {dateTime(played?.to ?? to)}
      </h2>
      <p className="figure">{differenceWords(usdBefore, usdAfter)}</p>
      <table>
        <thead>
          <tr>
            <th scope="col">
              <span className="hidden">What</span>
            </th>
            <th scope="col">As it is</th>
            <th scope="col">As it would be</th>
          </tr>
        </thead>
        <tbody>
          {rowsOf(simulation).map(({ name, before, after }) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td>{before}</td>
              <td>{after}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {played === null ? null : <Instances instances={played.instances} />}
      <ul>
        {changes.map(({ cameraId, change, scheduledHoursBefore, scheduledHoursAfter }) => (
          <li key={cameraId}>
            {cameraId} {change}: {scheduledHoursBefore.toFixed(1)} h → {scheduledHoursAfter.toFixed(1)} h
          </li>
        ))}
      </ul>
      <p className="quiet">
        {usdPerInstanceHour === null ? '' : `An instance hour is counted at ${usd(usdPerInstanceHour)}. `}
        {notSimulated.length === 0 ? '' : `Not simulated: ${notSimulated.join('; ')}.`}
      </p>
    </section>
  );
}

function differenceWords(before: number | null, after: number | null): string {
  if (before === null || after === null) return '–';
  const difference = after - before;
  if (Math.abs(difference) < 0.005) return 'costs the same';
  return `${usd(Math.abs(difference))} ${difference > 0 ? 'more' : 'less'}`;
}

function rowsOf({ calendar, played }: Simulation): Row[] {
  const { before, after } = calendar;
  const row = (name: string, of: (figures: typeof before) => string): Row => ({
    ...{ name, before: of(before), after: of(after) },
  });
  const hours = (value: number) => `${value.toFixed(1)} h`;
  const byCalendar = [
    row('Cameras in the fleets concerned', ({ cameras }) => String(cameras)),
    row('Camera hours scheduled', ({ cameraHours }) => hours(cameraHours)),
    row('GPU cost by the calendar', ({ costUsd }) => usd(costUsd)),
    row('Always on would cost', ({ alwaysOnUsd }) => usd(alwaysOnUsd)),
    row('GPUs at once, at most', ({ peakInstances }) => String(peakInstances)),
  ];
  if (played === null) return byCalendar;
  const outcome = (name: string, of: (one: PlayedOutcome) => string): Row => ({
    ...{ name, before: of(played.before), after: of(played.after) },
  });
  return [
    outcome('GPU cost, played', ({ costUsd }) => usd(costUsd)),
    outcome('Watched of what was sent', ({ coverage }) => percent(coverage, 2)),
    outcome('Windows ready in time', ({ readyBy }) => `${readyBy.hit} of ${readyBy.windows}`),
    outcome('Late at most', ({ readyBy }) => duration(Math.max(0, readyBy.latenessMaxMs))),
    outcome('GPU hours paid', ({ instanceHours }) => hours(instanceHours)),
    ...byCalendar,
  ];
}

function Instances({ instances }: { instances: NonNullable<Simulation['played']>['instances'] }) {
  const { timesMs, series } = useMemo(() => {
    const { fromMs, bucketMs, before, after } = instances;
    return {
      timesMs: before.map((_, index) => fromMs + index * bucketMs),
      series: [
        { label: 'as it is', color: '--serving', isFilled: true, values: before },
        { label: 'as it would be', color: '--needed', values: after },
      ],
    };
  }, [instances]);
  const most = (values: readonly number[]) => Math.max(0, ...values).toFixed(1);
  const summary = `GPUs over the days: at most ${most(instances.before)} as it is, ${most(instances.after)} as it would be.`;
  return <TimeChart timesMs={timesMs} series={series} nowMs={instances.fromMs} summary={summary} />;
}
