/**
 * Two people changed one camera: what each wrote, side by side, and which of the two is to hold.
 * Invariant: nothing is overwritten that was not shown.
 */
import { canonicalJson } from '../../core/canonical-json.ts';
import type { TypedRow } from './typed-row.ts';

/** What met the other's change, and what is stored now; null: it was removed. */
export type Conflict = { wanted: 'save' | 'remove'; stored: TypedRow | null; etag: string | null };
type Props = {
  mine: TypedRow;
  conflict: Conflict;
  onGoOn: (conflict: Conflict) => void;
  onTakeTheirs: (conflict: Conflict) => void;
};

export function ConflictNotice({ mine, conflict, onGoOn, onTakeTheirs }: Props) {
  const { wanted, stored } = conflict;
  const goOn =
    wanted === 'remove'
      ? 'Remove it all the same'
      : stored === null
        ? 'Register it again as typed here'
        : 'Write mine over it';
  const theirs = stored ?? {};
  const names = [...new Set([...Object.keys(mine), ...Object.keys(theirs)])]
    .filter((name) => canonicalJson(mine[name]) !== canonicalJson(theirs[name]))
    .sort();
  return (
    <section className="notice" role="alert">
      <h2>{stored === null ? 'Somebody else has removed this camera' : 'Somebody else has changed this camera'}</h2>
      <p>Nothing of yours is done yet. This is where the two differ:</p>
      <div className="table">
        <table className="plain">
          <thead>
            <tr>
              <th scope="col">Attribute</th>
              <th scope="col">Yours</th>
              <th scope="col">Stored</th>
            </tr>
          </thead>
          <tbody>
            {names.map((name) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td>
                  <code>{words(mine[name])}</code>
                </td>
                <td>
                  <code>{words(theirs[name])}</code>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <div className="inline">
        <button type="button" onClick={() => onGoOn(conflict)}>
          {goOn}
        </button>
        <button type="button" onClick={() => onTakeTheirs(conflict)}>
          {stored === null ? 'Leave it removed' : 'Keep the stored one'}
        </button>
      </div>
    </section>
  );
}

function words(value: unknown): string {
  return value === undefined ? 'not set' : JSON.stringify(value);
}
