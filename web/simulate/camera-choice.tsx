/** Which cameras get the other schedule. Invariant: a chosen one stays in sight, whatever is searched for. */
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { camerasQuery } from '../api/queries.ts';
import { QueryState } from '../parts/query-state.tsx';

/** More are found by their names. */
const shownMax = 30;

type Props = { chosen: readonly string[]; choose: (cameraIds: readonly string[]) => void };

export function CameraChoice({ chosen, choose }: Props) {
  const query = useQuery(camerasQuery);
  const [text, setText] = useState('');
  return (
    <fieldset>
      <legend>Cameras</legend>
      <QueryState query={query} what="the cameras">
        {(cameras) => {
          const ids = cameras.map(({ cameraId }) => cameraId);
          const found = ids.filter((id) => !chosen.includes(id) && id.toLowerCase().includes(text.toLowerCase()));
          return (
            <>
              {ids.length <= shownMax ? null : (
                <label>
                  Search <input type="search" value={text} onChange={({ target }) => setText(target.value)} />
                </label>
              )}
              <div className="choices">
                {[...chosen, ...found.slice(0, shownMax)].sort().map((id) => (
                  <label key={id}>
                    <input
                      type="checkbox"
                      checked={chosen.includes(id)}
                      onChange={({ target }) =>
                        choose(target.checked ? [...chosen, id] : chosen.filter((one) => one !== id))
                      }
                    />{' '}
                    {id}
                  </label>
                ))}
              </div>
              {found.length > shownMax ? <p className="quiet">and {found.length - shownMax} more</p> : null}
            </>
          );
        }}
      </QueryState>
    </fieldset>
  );
}
