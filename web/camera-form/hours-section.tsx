/**
 * When a camera is watched: always, or weekly windows in its own zone with dated exceptions, and an override with an end.
 * Invariant: times are the camera's, never the viewer's; where the two differ, the form says what they are for the viewer.
 */
import { useId, useMemo, useRef } from 'react';
import { viewerZone } from '../parts/format.ts';
import { ExceptionList } from './exception-list.tsx';
import { ChoiceField, type FormContext, Issues, issuesAt, TextField } from './fields.tsx';
import { valueAt } from './typed-row.ts';
import { dayNames, days, daysOf, type TypedWindow } from './week.ts';
import { WeekGrid } from './week-grid.tsx';

export function HoursSection({ form }: { form: FormContext }) {
  const schedule = valueAt(form.row, 'schedule');
  const isWeekly = typeof schedule === 'object' && schedule !== null;
  const override = valueAt(form.row, 'override') as object | undefined;
  const name = useId();
  const kinds = [
    { label: 'All the time', isChosen: !isWeekly, value: undefined },
    { label: 'In weekly windows', isChosen: isWeekly, value: { timeZone: viewerZone, windows: [] } },
  ];
  return (
    <fieldset className="card">
      <legend>Hours</legend>
      <div className="options">
        {kinds.map(({ label, isChosen, value }) => (
          <label className="check" key={label}>
            <input
              type="radio"
              name={name}
              checked={isChosen}
              disabled={form.isReadOnly}
              onChange={() => form.set('schedule', value)}
            />
            {label}
          </label>
        ))}
      </div>
      <Issues issues={issuesAt(form.issues, 'schedule')} />
      {isWeekly ? <Windows form={form} /> : null}
      <div className="columns">
        <ChoiceField
          form={{
            ...form,
            set: (_path, state) => form.set('override', state === undefined ? undefined : { ...override, state }),
          }}
          {...{ path: 'override.state', label: 'For a while, whatever the hours say' }}
          choices={['as the hours say', 'on', 'off']}
          fallback="as the hours say"
        />
        {override === undefined ? null : (
          <TextField
            {...{ form, path: 'override.until', label: 'until', placeholder: '2026-12-01T18:00:00Z' }}
            hint="an instant with its offset, such as 2026-12-01T18:00:00Z; every override ends"
          />
        )}
      </div>
    </fieldset>
  );
}

function Windows({ form }: { form: FormContext }) {
  const typed = valueAt(form.row, 'schedule.windows');
  const windows: TypedWindow[] = Array.isArray(typed) ? typed : [];
  const zone = valueAt(form.row, 'schedule.timeZone');
  const zones = useMemo(() => Intl.supportedValuesOf('timeZone'), []);
  const list = useRef<HTMLOListElement>(null);
  const zoneList = useId();
  const add = (window: object) => form.set(`schedule.windows[${windows.length}]`, window);
  const focusOn = (index: number) =>
    list.current?.querySelectorAll<HTMLInputElement>('input[data-start]')[index]?.focus();
  return (
    <>
      <TextField
        {...{ form, path: 'schedule.timeZone', label: 'Time zone of the camera', list: zoneList }}
        hint={zoneHint(zone)}
      />
      <datalist id={zoneList}>
        {zones.map((one) => (
          <option key={one} value={one} />
        ))}
      </datalist>
      <WeekGrid windows={windows} isReadOnly={form.isReadOnly} onAdd={add} onPick={focusOn} />
      <p className="quiet">
        Draw over a day for a window, or add one below. An end before its start is on the next day.
      </p>
      <ol className="windows" ref={list} aria-label="Windows">
        {windows.map((window, index) => {
          const path = `schedule.windows[${index}]`;
          return (
            // biome-ignore lint/suspicious/noArrayIndexKey: windows have no name but their place
            <li key={index} className="window">
              <DayChoice form={form} path={path} window={window} />
              <label>
                from
                <input
                  data-start
                  value={typeof window.start === 'string' ? window.start : ''}
                  placeholder="08:00"
                  size={5}
                  disabled={form.isReadOnly}
                  aria-invalid={issuesAt(form.issues, `${path}.start`).length > 0}
                  onChange={({ target }) => form.set(`${path}.start`, target.value)}
                />
              </label>
              <label>
                to
                <input
                  value={typeof window.end === 'string' ? window.end : ''}
                  placeholder="18:00"
                  size={5}
                  disabled={form.isReadOnly}
                  aria-invalid={issuesAt(form.issues, `${path}.end`).length > 0}
                  onChange={({ target }) => form.set(`${path}.end`, target.value)}
                />
              </label>
              <button type="button" disabled={form.isReadOnly} onClick={() => form.set(path, undefined)}>
                Remove
              </button>
              <Issues issues={issuesAt(form.issues, path, true)} />
            </li>
          );
        })}
      </ol>
      <Issues issues={issuesAt(form.issues, 'schedule.windows')} />
      <button
        type="button"
        disabled={form.isReadOnly}
        onClick={() => add({ days: days.slice(0, 5), start: '08:00', end: '18:00' })}
      >
        Add a window
      </button>
      <ExceptionList form={form} />
    </>
  );
}

function DayChoice({ form, path, window }: { form: FormContext; path: string; window: TypedWindow }) {
  const chosen = daysOf(window);
  return (
    <fieldset className="day-choice">
      <legend className="hidden">Days</legend>
      {days.map((day) => (
        <label key={day}>
          <input
            type="checkbox"
            checked={chosen.includes(day)}
            disabled={form.isReadOnly}
            onChange={({ target }) => {
              const next = days.filter((one) => (one === day ? target.checked : chosen.includes(one)));
              form.set(`${path}.days`, next);
            }}
          />
          <abbr title={dayNames[day]}>{dayNames[day].slice(0, 2)}</abbr>
        </label>
      ))}
    </fieldset>
  );
}

/** What time it is there, so that nobody takes his own clock for the camera's. */
function zoneHint(zone: unknown): string {
  if (typeof zone !== 'string') return 'all times below are in it';
  try {
    const there = new Intl.DateTimeFormat('en-GB', {
      timeZone: zone,
      weekday: 'short',
      hour: '2-digit',
      minute: '2-digit',
    });
    const isHere = zone === viewerZone ? ', as it is here' : `; here (${viewerZone}) it is ${timeHere()}`;
    return `it is ${there.format(new Date())} there${isHere}`;
  } catch {
    return 'all times below are in it';
  }
}

function timeHere(): string {
  return new Intl.DateTimeFormat('en-GB', { weekday: 'short', hour: '2-digit', minute: '2-digit' }).format(new Date());
}
