/** Events, newest first, in the words that were stored. */
import type { StageEvent } from '../../core/views/event-view.ts';
import { dateTime, timeOfDay } from './format.ts';

export function EventList({ title, events }: { title: string; events: readonly StageEvent[] }) {
  return (
    <section className="card" aria-label={title}>
      <h2>{title}</h2>
      {events.length === 0 ? <p className="quiet">Nothing in the last minutes.</p> : null}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <ol className="timeline" tabIndex={0}>
        {events.slice(0, 30).map(({ id, at, words }) => (
          <li key={id}>
            <time dateTime={at} title={dateTime(at)}>
              {timeOfDay(at)}
            </time>{' '}
            {words}
          </li>
        ))}
      </ol>
    </section>
  );
}
