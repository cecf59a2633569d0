/**
 * One camera: what it sees, whether it is watched, and if not, why. Invariant: what is shown came from the API and is named
 * with its time, so that an old picture is not taken for the present.
 */
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { Link, useParams } from 'wouter';
import type { CameraView } from '../../core/views/camera-view.ts';
import { useEvents } from '../api/use-events.ts';
import { ConnectionLine } from '../parts/connection-line.tsx';
import { EventList } from '../parts/event-list.tsx';
import { ago } from '../parts/format.ts';
import { PhaseBadge } from '../parts/phase-badge.tsx';
import { QueryState } from '../parts/query-state.tsx';
import '../parts/live-pages.css';
import { cameraQuery, type ShownTrack } from './camera-queries.ts';
import { CoverageCard } from './coverage-card.tsx';
import { SnapshotCard } from './snapshot-card.tsx';
import { TrackList } from './track-list.tsx';

export function CameraPage() {
  const { cameraId = '' } = useParams<{ cameraId: string }>();
  const query = useQuery(cameraQuery(cameraId));
  const { events, connection } = useEvents(cameraId);
  const [shown, show] = useState<ShownTrack>(null);
  const own = events.filter((event) => event.kind !== 'decision' && event.cameraId === cameraId);
  return (
    <>
      <h1>{cameraId}</h1>
      <ConnectionLine connection={connection} />
      <QueryState query={query} what={`camera ${cameraId}`}>
        {({ state }) => (
          <>
            <StateCard cameraId={cameraId} state={state} nowMs={query.dataUpdatedAt} />
            <div className="halves">
              <SnapshotCard cameraId={cameraId} shown={shown} showNewest={() => show(null)} />
              <TrackList cameraId={cameraId} shown={shown} show={show} />
            </div>
            <CoverageCard cameraId={cameraId} />
            <EventList title="What has just happened" events={own} />
          </>
        )}
      </QueryState>
    </>
  );
}

function StateCard({ cameraId, state, nowMs }: { cameraId: string; state: CameraView | null; nowMs: number }) {
  const id = encodeURIComponent(cameraId);
  return (
    <section className="card" aria-label="State">
      {state === null ? (
        <p>The system has not seen this row yet: a verdict comes within seconds.</p>
      ) : (
        <>
          <p>
            <PhaseBadge phase={state.phase} /> {state.reason} <span className="quiet">({ago(state.since, nowMs)})</span>
          </p>
          <dl className="facts">
            <Fact name="Fleet">
              <Link href={`/fleets/${state.fleet}`}>{state.fleet}</Link>
            </Fact>
            <Fact name="Stream">{state.streamName ?? '–'}</Fact>
            <Fact name="Worker">{state.worker ?? 'none'}</Fact>
            <Fact name="Last media">{ago(state.lastMediaAt, nowMs)}</Fact>
            <Fact name="Last inference">{ago(state.lastInferenceAt, nowMs)}</Fact>
            <Fact name="Lag">{lagWords(state)}</Fact>
          </dl>
          <Verdict issues={state.issues} />
        </>
      )}
      <p className="links">
        <Link href={`/cameras/${id}/edit`}>Edit this camera</Link>
        <Link href={`/simulate?camera=${id}`}>Try another schedule</Link>
      </p>
    </section>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** How far the newest inference is behind the newest media. */
function lagWords({ lastMediaAt, lastInferenceAt }: CameraView): string {
  if (lastMediaAt === null || lastInferenceAt === null) return '–';
  const lagMs = Math.max(0, Date.parse(lastMediaAt) - Date.parse(lastInferenceAt));
  return `${(lagMs / 1_000).toFixed(1)} s`;
}

function Verdict({ issues }: { issues: CameraView['issues'] }) {
  if (issues.length === 0) return <p className="quiet">The row has no errors and no warnings.</p>;
  return (
    <ul className="problems">
      {issues.map(({ severity, path, message }) => (
        <li key={`${path} ${message}`} className={`tone-${severity === 'error' ? 'bad' : 'wait'}`}>
          <p>
            <strong>{severity}</strong> {path}: {message}
          </p>
        </li>
      ))}
    </ul>
  );
}
