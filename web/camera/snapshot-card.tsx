/**
 * A picture of the camera with what was detected in it, drawn over it from the record beside it, or not.
 * Invariant: a picture that cannot be shown is words: it is gone, or its link is over.
 */
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { dateTime, percent } from '../parts/format.ts';
import { QueryState } from '../parts/query-state.tsx';
import { type Picture, type ShownTrack, type Snapshot, snapshotQuery } from './camera-queries.ts';

type Props = { cameraId: string; shown: ShownTrack; showNewest: () => void };

export function SnapshotCard({ cameraId, shown, showNewest }: Props) {
  const query = useQuery(snapshotQuery(cameraId, shown));
  return (
    <section className="card" aria-label="Snapshot">
      <h2>{shown === null ? 'Latest snapshot' : 'Snapshot of a track'}</h2>
      <QueryState query={query} what="the snapshot">
        {(snapshot) =>
          snapshot === null ? (
            <p className="quiet">
              {shown === null ? 'No track of the last week has a picture.' : 'This track has no picture.'}
            </p>
          ) : (
            <PictureWithBoxes
              key={snapshot.track.trackId}
              snapshot={snapshot}
              askAgain={async () => (await query.refetch()).data?.url}
            />
          )
        }
      </QueryState>
      {shown === null ? null : (
        <button type="button" onClick={showNewest}>
          Show the latest
        </button>
      )}
    </section>
  );
}

type PictureProps = { snapshot: Snapshot; askAgain: () => Promise<string | undefined> };

function PictureWithBoxes({ snapshot, askAgain }: PictureProps) {
  const [isDrawn, draw] = useState(true);
  // Each answer has another link to the same picture: the first one is kept, so that the picture does not blink.
  const [url, keepUrl] = useState(snapshot.url);
  const [isGone, setGone] = useState(false);
  const { track, picture } = snapshot;
  const tryAgain = async () => {
    const fresh = await askAgain();
    if (fresh !== undefined) keepUrl(fresh);
    setGone(false);
  };
  const words = `${track.label}, ${percent(track.score, 0)} sure${track.text === null ? '' : `, reads ${track.text.value}`}`;
  if (isGone) {
    return (
      <div role="status">
        <p>
          The snapshot is gone: the picture of {dateTime(track.firstSeenAt)} is not in the bucket any more, or cannot be
          reached. The track is kept: {words}.
        </p>
        <button type="button" onClick={tryAgain}>
          Try again
        </button>
      </div>
    );
  }
  return (
    <figure>
      <div className="picture">
        <img src={url} alt={`The frame in which the camera saw ${words}`} onError={() => setGone(true)} />
        {isDrawn && picture !== null ? <Boxes picture={picture} trackId={track.trackId} /> : null}
      </div>
      <figcaption className="quiet">
        {words}; {dateTime(picture?.capturedAt ?? track.firstSeenAt)}
      </figcaption>
      {picture === null ? (
        <p className="quiet">The record of what else was in this frame is gone.</p>
      ) : (
        <label>
          <input type="checkbox" checked={isDrawn} onChange={({ target }) => draw(target.checked)} /> Boxes of the
          record ({picture.detections.length})
        </label>
      )}
    </figure>
  );
}

/** In pixels of the frame, so that lines and words keep their shape; scaled with the picture. */
function Boxes({ picture: { width, height, detections }, trackId }: { picture: Picture; trackId: string }) {
  const size = Math.max(width, height);
  return (
    <svg viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
      {detections.map((detection, index) => {
        const [x1 = 0, y1 = 0, x2 = 0, y2 = 0] = detection.box;
        const isShown = detection.trackId === trackId;
        return (
          // biome-ignore lint/suspicious/noArrayIndexKey: a frame's detections have no other name and never change
          <g key={index} className={isShown ? 'box shown' : 'box'}>
            <rect
              x={x1 * width}
              y={y1 * height}
              width={(x2 - x1) * width}
              height={(y2 - y1) * height}
              strokeWidth={size / 400}
            />
            <text x={x1 * width} y={Math.max(size / 50, y1 * height - size / 200)} fontSize={size / 50}>
              {detection.label} {Math.round(detection.score * 100)} {detection.text?.value ?? ''}
            </text>
          </g>
        );
      })}
    </svg>
  );
}
