/** The alarms that ring, the newest first, with what each means and what to do; or that nobody can tell. */
import type { AlarmReport } from '../../core/views/alarm-view.ts';
import { dateTime } from '../parts/format.ts';

export function AlarmList({ alarms: { ringing, unreadable } }: { alarms: AlarmReport }) {
  if (unreadable !== null) {
    return (
      <p className="card tone-wait" role="status">
        <span aria-hidden="true">? </span>
        The alarms cannot be read ({unreadable}): one may ring. The rest of this page is up to date.
      </p>
    );
  }
  if (ringing.length === 0) return null;
  return (
    <section className="card" aria-label="Alarms that ring">
      <h2>{ringing.length === 1 ? 'An alarm rings' : `${ringing.length} alarms ring`}</h2>
      <ul className="problems">
        {ringing.map(({ alarm, since, meaning, action }) => (
          <li key={alarm} className="tone-bad">
            <p>
              <span className="alarm-name">{alarm}</span>{' '}
              {since === null ? null : (
                <span className="quiet">
                  since <time dateTime={since}>{dateTime(since)}</time>
                </span>
              )}
            </p>
            <p>
              {meaning} {action}
            </p>
          </li>
        ))}
      </ul>
    </section>
  );
}
