/** What passed the camera in the last day, newest first: a line per track, with the text that was read of it. */
import { useQuery } from '@tanstack/react-query';
import { dateTime, duration, percent, timeOfDay } from '../parts/format.ts';
import { QueryState } from '../parts/query-state.tsx';
import { type ShownTrack, type Track, tracksQuery } from './camera-queries.ts';

type Props = { cameraId: string; shown: ShownTrack; show: (track: ShownTrack) => void };

export function TrackList({ cameraId, shown, show }: Props) {
  const query = useQuery(tracksQuery(cameraId));
  return (
    <section className="card" aria-label="Tracks">
      <h2>Tracks of the last day</h2>
      <QueryState query={query} what="the tracks">
        {(tracks) =>
          tracks.length === 0 ? (
            <p className="quiet">Nothing was tracked in the last day.</p>
          ) : (
            // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
            <ol className="timeline tracks" tabIndex={0}>
              {tracks.map((track) => (
                <TrackLine key={track.trackId} track={track} isShown={shown?.trackId === track.trackId} show={show} />
              ))}
            </ol>
          )
        }
      </QueryState>
    </section>
  );
}

function TrackLine({ track, isShown, show }: { track: Track; isShown: boolean; show: Props['show'] }) {
  const { trackId, firstSeenAt, lastSeenAt, ended, label, score, regions, text, snapshotKey } = track;
  const lasted = duration(Date.parse(lastSeenAt) - Date.parse(firstSeenAt));
  return (
    <li>
      <time dateTime={firstSeenAt} title={dateTime(firstSeenAt)}>
        {timeOfDay(firstSeenAt)}
      </time>{' '}
      {label} {percent(score, 0)}, {ended ? lasted : 'still there'}
      {regions.length === 0 ? '' : `, in ${regions.join(', ')}`}
      {text === null ? null : <strong className="read"> {text.value}</strong>}
      {snapshotKey === null ? null : (
        <button type="button" aria-pressed={isShown} onClick={() => show({ trackId, firstSeenAt })}>
          picture
          <span className="hidden">
            {' '}
            of {label} at {timeOfDay(firstSeenAt)}
          </span>
        </button>
      )}
    </li>
  );
}
