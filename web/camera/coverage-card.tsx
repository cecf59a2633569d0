/**
 * How well the camera was watched: an hour per column of the last two days, blind time by its cause, and the days of a week in
 * figures. Invariant: the strip is a picture of the table below it, which says the same in words.
 */
import { useQuery } from '@tanstack/react-query';
import type { LedgerHour } from '../../core/control/coverage.ts';
import { counted, dateTime, duration, percent } from '../parts/format.ts';
import { QueryState } from '../parts/query-state.tsx';
import { coverageQuery } from './camera-queries.ts';

const hoursShown = 48;
const hourMs = 3_600_000;

export function CoverageCard({ cameraId }: { cameraId: string }) {
  const query = useQuery(coverageQuery(cameraId));
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section className="card scrolls" aria-label="Coverage" tabIndex={0}>
      <h2>Watched, hour by hour</h2>
      <QueryState query={query} what="the coverage">
        {({ coverage, hours }) =>
          coverage.total.scheduledSeconds === 0 ? (
            <p className="quiet">The camera had no hours in the last week, or they are not accounted yet.</p>
          ) : (
            <>
              <Strip hours={hours} nowMs={query.dataUpdatedAt} />
              <p>
                {percent(coverage.total.coverage, 2)} of {duration(coverage.total.scheduledSeconds * 1_000)} in a week;{' '}
                {coverage.readyBy.hit} of {counted(coverage.readyBy.windows, 'window')} ready in time.
              </p>
              <Missed windows={coverage.readyBy.missed} />
              <table>
                <caption className="hidden">Coverage by day (UTC)</caption>
                <thead>
                  <tr>
                    <th scope="col">Day (UTC)</th>
                    <th scope="col">Scheduled</th>
                    <th scope="col">Watched</th>
                    <th scope="col">Blind, by cause</th>
                  </tr>
                </thead>
                <tbody>
                  {[...coverage.days].reverse().map((day) => (
                    <tr key={day.day}>
                      <th scope="row">{day.day}</th>
                      <td>{duration(day.scheduledSeconds * 1_000)}</td>
                      <td>{percent(day.coverage, 2)}</td>
                      <td>
                        {Object.entries(day.blindSeconds)
                          .map(([cause, seconds]) => `${cause} ${duration(seconds * 1_000)}`)
                          .join(', ') || 'none'}
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </>
          )
        }
      </QueryState>
    </section>
  );
}

function Missed({ windows }: { windows: readonly { start: string; latenessMs: number; cause: string | null }[] }) {
  if (windows.length === 0) return null;
  return (
    <ul>
      {windows.slice(-5).map(({ start, latenessMs, cause }) => (
        <li key={start}>
          The window of {dateTime(start)} was ready {duration(latenessMs)} late{cause === null ? '' : `: ${cause}`}
        </li>
      ))}
    </ul>
  );
}

function Strip({ hours, nowMs }: { hours: readonly LedgerHour[]; nowMs: number }) {
  const byHour = new Map(hours.map((hour) => [hour.hour, hour]));
  const last = Math.floor(nowMs / hourMs) * hourMs;
  const shown = Array.from({ length: hoursShown }, (_, index) => {
    const name = `${new Date(last - (hoursShown - 1 - index) * hourMs).toISOString().slice(0, 13)}Z`;
    return { name, hour: byHour.get(name) };
  });
  const causes = [...new Set(shown.flatMap(({ hour }) => Object.keys(hour?.blindSeconds ?? {})))].sort();
  return (
    <>
      <svg className="strip" viewBox={`0 0 ${hoursShown * 10} 60`} preserveAspectRatio="none" aria-hidden="true">
        {shown.map(({ name, hour }, index) => (
          <HourColumn key={name} name={name} x={index * 10} hour={hour} causes={causes} />
        ))}
      </svg>
      <ul className="legend">
        <li className="cause-watched">watched</li>
        {causes.map((cause, index) => (
          <li key={cause} className={`cause-${index % 5}`}>
            {cause}
          </li>
        ))}
      </ul>
    </>
  );
}

type Column = { name: string; x: number; hour: LedgerHour | undefined; causes: readonly string[] };

function HourColumn({ name, x, hour, causes }: Column) {
  if (hour === undefined) return <rect className="cause-none" x={x} y={58} width={9} height={2} />;
  const parts = [
    { name: 'watched', className: 'cause-watched', seconds: hour.inferredSeconds },
    ...causes.map((cause, index) => ({
      ...{ name: cause, className: `cause-${index % 5}`, seconds: hour.blindSeconds[cause] ?? 0 },
    })),
  ].filter(({ seconds }) => seconds > 0);
  let top = 60;
  return (
    <g>
      <title>{`${name}: ${parts.map((part) => `${part.name} ${duration(part.seconds * 1_000)}`).join(', ')}`}</title>
      {parts.map(({ name: part, className, seconds }) => {
        const height = Math.min(top, (seconds / 3_600) * 60);
        top -= height;
        return <rect key={part} className={className} x={x} y={top} width={9} height={height} />;
      })}
    </g>
  );
}
