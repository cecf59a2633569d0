/**
 * One fleet: who works, on what, and why it is this size; its orders for who may give them.
 * Invariant: words and figures are those of the stored decisions.
 */
import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from 'wouter';
import { type FleetView, modelWords } from '../../core/views/fleet-view.ts';
import { decisionsQuery, fleetsQuery } from '../api/queries.ts';
import { useEvents } from '../api/use-events.ts';
import { FleetHistoryChart } from '../overview/fleet-history-chart.tsx';
import { ConnectionLine } from '../parts/connection-line.tsx';
import { ago, counted, dateTime, timeOfDay, usd } from '../parts/format.ts';
import { QueryState } from '../parts/query-state.tsx';
import '../parts/live-pages.css';
import { OrdersCard } from './orders-card.tsx';

/** Beyond, a count says it. */
const idsShown = 12;

export function FleetPage() {
  const { fleet: name = '' } = useParams<{ fleet: string }>();
  const query = useQuery(fleetsQuery);
  const { connection } = useEvents(null);
  return (
    <>
      <h1>Fleet {name}</h1>
      <ConnectionLine connection={connection} />
      <QueryState query={query} what={`fleet ${name}`}>
        {(fleets) => {
          const fleet = fleets.find((one) => one.fleet === name);
          if (fleet === undefined) return <p>This stage has no fleet of that name.</p>;
          return (
            <>
              <section className="card" aria-label="Size">
                <p>{fleet.latestDecision?.reason ?? 'The control loop has not decided anything yet.'}</p>
                <PhaseCounts fleet={fleet} />
                <FleetHistoryChart fleet={name} />
              </section>
              <OrdersCard fleet={fleet} />
              <Models fleet={fleet} />
              <Workers fleet={fleet} nowMs={query.dataUpdatedAt} />
              <Accounts fleet={fleet} />
              <Decisions fleet={name} />
            </>
          );
        }}
      </QueryState>
    </>
  );
}

function PhaseCounts({ fleet: { cameras } }: { fleet: FleetView }) {
  const phases = Object.entries(cameras.byPhase)
    .sort(([, a], [, b]) => b - a)
    .map(([phase, count]) => `${count} ${phase}`);
  return (
    <p className="quiet">
      {counted(cameras.count, 'camera')}
      {phases.length === 0 ? '' : `: ${phases.join(', ')}`}
    </p>
  );
}

function Workers({ fleet: { workers }, nowMs }: { fleet: FleetView; nowMs: number }) {
  return (
    <section className="card" aria-label="Workers">
      <h2>{counted(workers.length, 'worker')}</h2>
      {workers.length === 0 ? <p className="quiet">Nothing runs, and nothing is paid for.</p> : null}
      <ul className="workers">
        {workers.map(({ workerId, lifecycle, cameraIds, inferencesPerSecond, inferencesPerSecondNow, heartbeatAt }) => (
          <li key={workerId}>
            <h3>
              {workerId} <span className="quiet">{lifecycle}</span>
            </h3>
            <p className="quiet">
              {inferencesPerSecond === null
                ? 'has not measured itself yet'
                : `${inferencesPerSecondNow} of ${inferencesPerSecond.toFixed(0)} inferences a second`}
              ; heard {ago(heartbeatAt, nowMs)}
            </p>
            <p>
              {cameraIds.length === 0 ? 'No camera.' : `${counted(cameraIds.length, 'camera')}: `}
              {cameraIds.slice(0, idsShown).map((cameraId, index) => (
                <span key={cameraId}>
                  {index === 0 ? '' : ', '}
                  <Link href={`/cameras/${encodeURIComponent(cameraId)}`}>{cameraId}</Link>
                </span>
              ))}
              {cameraIds.length > idsShown ? ` and ${cameraIds.length - idsShown} more` : ''}
            </p>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Models({ fleet }: { fleet: FleetView }) {
  const lines = modelWords(fleet);
  if (lines.length === 0) return null;
  return (
    <section className="card" aria-label="Models">
      <h2>Models</h2>
      {lines.map((line) => (
        <p key={line}>{line}</p>
      ))}
    </section>
  );
}

function Accounts({ fleet: { days, leadTimes } }: { fleet: FleetView }) {
  if (days.length === 0) return null;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section className="card scrolls" aria-label="Accounts" tabIndex={0}>
      <h2>Days</h2>
      <table>
        <thead>
          <tr>
            <th scope="col">Day</th>
            <th scope="col">GPU cost</th>
            <th scope="col">Instance hours</th>
            <th scope="col">Windows in time</th>
          </tr>
        </thead>
        <tbody>
          {[...days].reverse().map((day) => (
            <tr key={day.day}>
              <th scope="row">{day.day}</th>
              <td>{usd(day.usd)}</td>
              <td>{(day.instanceSeconds / 3_600).toFixed(1)}</td>
              <td>
                {day.windowsHit} of {day.windows}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {leadTimes.map(({ type, samples, p95Ms }) => (
        <p key={type} className="quiet">
          From launch to first inference ({type}): {Math.round(p95Ms / 1_000)} s in 95 of 100 boots; {samples} measured.
        </p>
      ))}
    </section>
  );
}

function Decisions({ fleet }: { fleet: string }) {
  const query = useQuery(decisionsQuery(fleet));
  return (
    <section className="card" aria-label="Decisions">
      <h2>Decisions</h2>
      <QueryState query={query} what="the decisions">
        {(decisions) => (
          // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
          <ol className="timeline" tabIndex={0}>
            {decisions.map(({ at, traceId, reason, desired, previous, actions, exceptions }) => (
              <li key={at}>
                <time dateTime={at} title={dateTime(at)}>
                  {timeOfDay(at)}
                </time>{' '}
                <strong>
                  {previous.instances === desired.instances
                    ? `stays at ${desired.instances}`
                    : `${previous.instances} → ${desired.instances}`}
                </strong>{' '}
                {reason}
                {traceId === undefined ? null : <small className="quiet"> trace {traceId}</small>}
                {actions.length + exceptions.length === 0 ? null : (
                  <details>
                    <summary>
                      {counted(actions.length, 'step')}, {counted(exceptions.length, 'exception')}
                    </summary>
                    <ul>
                      {actions.map((action) => (
                        <li key={action}>{action}</li>
                      ))}
                      {exceptions.map(({ cameraId, phase, reason: why }) => (
                        <li key={cameraId}>
                          <Link href={`/cameras/${encodeURIComponent(cameraId)}`}>{cameraId}</Link> is {phase}: {why}
                        </li>
                      ))}
                    </ul>
                  </details>
                )}
              </li>
            ))}
          </ol>
        )}
      </QueryState>
    </section>
  );
}
