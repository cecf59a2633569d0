/**
 * Every camera in one table: searched, filtered and sorted here, drawn only where one looks (10,000 rows are 30 elements).
 * Invariant: the list's own scroll place and the filters survive the next look at the API; filters are in the address.
 */
import { useQuery } from '@tanstack/react-query';
import { useVirtualizer } from '@tanstack/react-virtual';
import { useDeferredValue, useMemo, useRef } from 'react';
import { Link, useSearchParams } from 'wouter';
import { cameraPhases } from '../../core/fleet-state.ts';
import type { CameraView } from '../../core/views/camera-view.ts';
import { camerasQuery, meQuery } from '../api/queries.ts';
import { ago, counted } from '../parts/format.ts';
import { PhaseBadge } from '../parts/phase-badge.tsx';
import { QueryState } from '../parts/query-state.tsx';
import './cameras.css';
import { type CameraFilter, columns, filtered, filterOf, type SortColumn } from './camera-filter.ts';

const rowPx = 40;
const gridTemplateColumns = 'minmax(10rem, 1.2fr) 8rem 9.5rem minmax(14rem, 3fr) 9rem 9rem';

export function CamerasPage() {
  const query = useQuery(camerasQuery);
  const me = useQuery(meQuery).data;
  const [search, setSearch] = useSearchParams();
  const filter = filterOf(search);
  const change = (given: Partial<Record<keyof CameraFilter, string>>) =>
    setSearch(
      (before) => {
        const next = new URLSearchParams(before);
        for (const [name, value] of Object.entries(given)) {
          if (value === '') next.delete(name);
          else next.set(name, value);
        }
        return next;
      },
      { replace: true },
    );
  return (
    <>
      <div className="inline">
        <h1>Cameras</h1>
        {me?.role === 'operator' ? (
          <Link className="button" href="/new-camera">
            Add a camera
          </Link>
        ) : null}
      </div>
      <QueryState query={query} what="the cameras">
        {(cameras) => (
          <>
            <Filters cameras={cameras} filter={filter} change={change} />
            <CameraTable cameras={cameras} filter={filter} change={change} nowMs={query.dataUpdatedAt} />
          </>
        )}
      </QueryState>
    </>
  );
}

type Change = (given: Partial<Record<keyof CameraFilter, string>>) => void;

function Filters({ cameras, filter, change }: { cameras: CameraView[]; filter: CameraFilter; change: Change }) {
  const fleets = useMemo(() => [...new Set(cameras.map(({ fleet }) => fleet))].sort(), [cameras]);
  return (
    <search className="filters">
      <label>
        Search
        <input
          type="search"
          value={filter.text}
          placeholder="id, stream, reason, worker"
          onChange={({ target }) => change({ text: target.value })}
        />
      </label>
      <label>
        Phase
        <select value={filter.phase} onChange={({ target }) => change({ phase: target.value })}>
          <option value="">all</option>
          {cameraPhases.map((phase) => (
            <option key={phase}>{phase}</option>
          ))}
        </select>
      </label>
      {fleets.length < 2 ? null : (
        <label>
          Fleet
          <select value={filter.fleet} onChange={({ target }) => change({ fleet: target.value })}>
            <option value="">all</option>
            {fleets.map((fleet) => (
              <option key={fleet}>{fleet}</option>
            ))}
          </select>
        </label>
      )}
    </search>
  );
}

type TableProps = { cameras: CameraView[]; filter: CameraFilter; change: Change; nowMs: number };

function CameraTable({ cameras, filter, change, nowMs }: TableProps) {
  const place = useRef<HTMLDivElement>(null);
  const { text, phase, fleet, sort, order } = useDeferredValue(filter);
  const shown = useMemo(
    () => filtered(cameras, { text, phase, fleet, sort, order }),
    [cameras, text, phase, fleet, sort, order],
  );
  const virtualizer = useVirtualizer({
    count: shown.length,
    getScrollElement: () => place.current,
    estimateSize: () => rowPx,
    overscan: 12,
    scrollPaddingStart: rowPx,
  });
  const sortBy = (column: SortColumn) =>
    change({ sort: column, order: filter.sort === column && filter.order === 'up' ? 'down' : 'up' });
  return (
    <>
      <p className="quiet" aria-live="polite">
        {shown.length === cameras.length
          ? counted(cameras.length, 'camera')
          : `${shown.length} of ${counted(cameras.length, 'camera')}`}
      </p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section className="table rows" ref={place} aria-label="Table of cameras" tabIndex={0}>
        <table aria-rowcount={shown.length + 1}>
          <thead>
            <tr className="row head" aria-rowindex={1} style={{ gridTemplateColumns }}>
              {columns.map(({ column, title }) => (
                <th
                  key={column}
                  scope="col"
                  aria-sort={filter.sort !== column ? 'none' : filter.order === 'up' ? 'ascending' : 'descending'}
                >
                  <button type="button" onClick={() => sortBy(column)}>
                    {title}
                    <span aria-hidden="true">{filter.sort !== column ? '' : filter.order === 'up' ? ' ▴' : ' ▾'}</span>
                  </button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody className="canvas" style={{ height: virtualizer.getTotalSize() }}>
            {virtualizer.getVirtualItems().map(({ index, start }) => {
              const camera = shown[index];
              if (camera === undefined) return null;
              return <CameraRow key={camera.cameraId} camera={camera} index={index} top={start} nowMs={nowMs} />;
            })}
          </tbody>
        </table>
      </section>
    </>
  );
}

function CameraRow({ camera, index, top, nowMs }: { camera: CameraView; index: number; top: number; nowMs: number }) {
  const error = camera.issues.find(({ severity }) => severity === 'error');
  const reason = error === undefined ? camera.reason : `${error.path}: ${error.message}`;
  return (
    <tr className="row" aria-rowindex={index + 2} style={{ gridTemplateColumns, transform: `translateY(${top}px)` }}>
      <th scope="row" title={camera.cameraId}>
        <Link href={`/cameras/${encodeURIComponent(camera.cameraId)}`}>{camera.cameraId}</Link>
      </th>
      <td>{camera.fleet}</td>
      <td>
        <PhaseBadge phase={camera.phase} />
      </td>
      <td title={reason}>{reason}</td>
      <td>{ago(camera.since, nowMs)}</td>
      <td>{ago(camera.lastInferenceAt, nowMs)}</td>
    </tr>
  );
}
