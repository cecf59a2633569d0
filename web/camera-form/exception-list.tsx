/**
 * Dates on which other windows hold, or none: chosen from a calendar, each with its own windows.
 * Invariant: an exception replaces the windows that start on its date, as the system reads it.
 */
import { useState } from 'react';
import { type FormContext, Issues, issuesAt } from './fields.tsx';
import { valueAt } from './typed-row.ts';
import type { TypedWindow } from './week.ts';

type TypedException = { date?: unknown; windows?: unknown };

export function ExceptionList({ form }: { form: FormContext }) {
  const typed = valueAt(form.row, 'schedule.exceptions');
  const exceptions: TypedException[] = Array.isArray(typed) ? typed : [];
  const [date, setDate] = useState('');
  const isTaken = exceptions.some((exception) => exception.date === date);
  return (
    <section aria-label="Exceptions">
      <h2>Exceptions</h2>
      <ul className="windows">
        {exceptions.map((exception, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a date may be typed twice, and is then wrong
          <li key={index} className="window">
            <Exception form={form} exception={exception} path={`schedule.exceptions[${index}]`} />
          </li>
        ))}
      </ul>
      <div className="inline">
        <label>
          Date
          <input type="date" value={date} disabled={form.isReadOnly} onChange={({ target }) => setDate(target.value)} />
        </label>
        <button
          type="button"
          disabled={form.isReadOnly || date === '' || isTaken}
          onClick={() => {
            form.set(`schedule.exceptions[${exceptions.length}]`, { date, windows: [] });
            setDate('');
          }}
        >
          Nothing starts on this date
        </button>
      </div>
      <Issues issues={issuesAt(form.issues, 'schedule.exceptions')} />
    </section>
  );
}

function Exception({ form, exception, path }: { form: FormContext; exception: TypedException; path: string }) {
  const windows: TypedWindow[] = Array.isArray(exception.windows) ? exception.windows : [];
  const date = typeof exception.date === 'string' ? exception.date : '?';
  return (
    <>
      <strong>{date}</strong>
      {windows.length === 0 ? <span className="quiet">nothing starts</span> : null}
      {windows.map((window, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: windows have no name but their place
        <span key={index} className="inline">
          {(['start', 'end'] as const).map((side) => (
            <label key={side}>
              {side === 'start' ? 'from' : 'to'}
              <input
                value={typeof window[side] === 'string' ? window[side] : ''}
                placeholder={side === 'start' ? '08:00' : '18:00'}
                size={5}
                disabled={form.isReadOnly}
                onChange={({ target }) => form.set(`${path}.windows[${index}].${side}`, target.value)}
              />
            </label>
          ))}
          <button
            type="button"
            disabled={form.isReadOnly}
            aria-label={`Remove this window of ${date}`}
            onClick={() =>
              form.set(
                `${path}.windows`,
                windows.filter((_, other) => other !== index),
              )
            }
          >
            ×
          </button>
        </span>
      ))}
      <button
        type="button"
        disabled={form.isReadOnly}
        onClick={() => form.set(`${path}.windows[${windows.length}]`, { start: '08:00', end: '12:00' })}
      >
        Add a window
      </button>
      <button type="button" disabled={form.isReadOnly} onClick={() => form.set(path, undefined)}>
        Remove {date}
      </button>
      <Issues issues={issuesAt(form.issues, path, true)} />
    </>
  );
}
