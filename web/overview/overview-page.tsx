/**
 * One page that answers: is everything watched, what does it cost, why is the fleet this size, and what should somebody look
 * at. Invariant: figures and words are the API's; nothing is reckoned here.
 */
import { useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { cameraPhases } from '../../core/fleet-state.ts';
import type { Overview } from '../../core/views/overview-view.ts';
import { overviewQuery } from '../api/queries.ts';
import { counted, dateTime, duration, percent, timeOfDay, usd } from '../parts/format.ts';
import { phaseMarks } from '../parts/phase-badge.tsx';
import { QueryState } from '../parts/query-state.tsx';
import './overview.css';
import { AlarmList } from './alarm-list.tsx';
import { FleetHistoryChart } from './fleet-history-chart.tsx';
import { ProblemList } from './problem-list.tsx';

export function OverviewPage() {
  const query = useQuery(overviewQuery);
  return (
    <QueryState query={query} what="the overview">
      {(overview) => (
        <>
          <h1 className="hidden">Overview</h1>
          <div className="tiles">
            <CoverageNow overview={overview} />
            <CoverageToday overview={overview} />
            <Spending overview={overview} />
          </div>
          <AlarmList alarms={overview.alarms} />
          <ProblemList problems={overview.problems} isEmpty={overview.cameras === 0} />
          <Phases overview={overview} />
          {overview.fleets.map((fleet) => (
            <section key={fleet.fleet} className="card" aria-label={`Fleet ${fleet.fleet}`}>
              <h2>
                Fleet {fleet.fleet}
                {fleet.pausedUntil === null ? null : (
                  <span className="tag tone-bad"> paused until {dateTime(fleet.pausedUntil)}</span>
                )}
                {fleet.overriddenUntil === null ? null : (
                  <span className="tag tone-wait"> held up until {dateTime(fleet.overriddenUntil)}</span>
                )}
              </h2>
              <p>
                {counted(fleet.workers, 'worker')}
                {fleet.desired === null ? '' : `, ${counted(fleet.desired, 'instance')} wanted`}:{' '}
                {fleet.reason ?? 'no decision yet'}
              </p>
              <FleetHistoryChart fleet={fleet.fleet} />
            </section>
          ))}
          <p className="quiet">As of {timeOfDay(overview.at)}.</p>
        </>
      )}
    </QueryState>
  );
}

function CoverageNow({ overview: { now, cameras } }: { overview: Overview }) {
  const tone = now.coverage === null ? 'idle' : now.coverage === 1 ? 'good' : 'bad';
  return (
    <section className={`tile tone-${tone}`} aria-label="Coverage now">
      <h2>Watched now</h2>
      <p className="figure">{now.wanted === 0 ? '–' : `${now.watched} of ${now.wanted - now.silent}`}</p>
      <p className="quiet">
        {now.wanted === 0
          ? `No camera is in its hours; ${counted(cameras, 'camera')} registered.`
          : `${counted(now.wanted, 'camera')} in their hours${now.silent === 0 ? '' : `, ${now.silent} of them sending nothing`}.`}
      </p>
    </section>
  );
}

function CoverageToday({ overview: { today } }: { overview: Overview }) {
  const causes = Object.entries(today.blindSeconds)
    .filter(([, seconds]) => seconds >= 1)
    .sort(([, a], [, b]) => b - a)
    .slice(0, 3)
    .map(([cause, seconds]) => `${cause} ${duration(seconds * 1_000)}`);
  return (
    <section className="tile" aria-label="Coverage today">
      <h2>Watched today</h2>
      <p className="figure">{percent(today.coverage, 2)}</p>
      <p className="quiet">
        {today.windows === 0
          ? 'No window has opened yet. '
          : `${today.windowsHit} of ${today.windows} windows were ready in time${
              today.latenessMaxMs === 0 ? '. ' : `, the latest after ${duration(today.latenessMaxMs)}. `
            }`}
        {causes.length === 0 ? '' : `Blind: ${causes.join(', ')}.`}
      </p>
    </section>
  );
}

function Spending({ overview: { cost, today } }: { overview: Overview }) {
  const saved = cost.usdAlwaysOn === null || cost.usdByMidnight === null ? null : cost.usdAlwaysOn - cost.usdByMidnight;
  const idle = today.instanceSeconds === 0 ? null : today.idleSeconds / today.instanceSeconds;
  return (
    <section className="tile" aria-label="Cost today">
      <h2>GPU cost today</h2>
      <p className="figure">{usd(cost.usdToday)}</p>
      <p className="quiet">
        {`${usd(cost.usdByMidnight)} by midnight; always on would be ${usd(cost.usdAlwaysOn)}`}
        {saved !== null && saved > 0.005 ? `, ${usd(saved)} saved. ` : '. '}
        {idle === null ? '' : `Idle ${percent(idle, 0)} of the time.`}
      </p>
    </section>
  );
}

function Phases({ overview: { phases, cameras } }: { overview: Overview }) {
  const present = cameraPhases.filter((phase) => phases[phase] > 0);
  if (present.length === 0) return null;
  return (
    <section className="card" aria-label="Cameras by phase">
      <h2>{counted(cameras, 'camera')}</h2>
      <div className="phase-strip" aria-hidden="true">
        {present.map((phase) => (
          <span
            key={phase}
            className={`tone-${phaseMarks[phase].tone}`}
            style={{ flexGrow: phases[phase] }}
            title={phase}
          />
        ))}
      </div>
      <ul className="phase-counts">
        {present.map((phase) => (
          <li key={phase}>
            <Link href={`/cameras?phase=${phase}`} className={`tone-${phaseMarks[phase].tone}`}>
              <span aria-hidden="true">{phaseMarks[phase].mark}</span> {phases[phase]} {phase}
            </Link>
          </li>
        ))}
      </ul>
    </section>
  );
}
