/**
 * The week as a picture: a row a day, in the camera's own zone. A stroke makes a window, a click on one goes to its line in
 * the list below, which is where keyboards edit. Invariant: it shows exactly the list, and can be left out without loss.
 */
import { type PointerEvent, useRef, useState } from 'react';
import { dayNames, days, minutesPerDay, piecesOf, type TypedWindow, timeOf, windowOfStroke } from './week.ts';

type Props = {
  windows: readonly TypedWindow[];
  isReadOnly: boolean;
  onAdd: (window: { days: string[]; start: string; end: string }) => void;
  onPick: (index: number) => void;
};
type Stroke = { day: number; fromMinute: number; toMinute: number };

export function WeekGrid({ windows, isReadOnly, onAdd, onPick }: Props) {
  const [stroke, setStroke] = useState<Stroke | null>(null);
  const track = useRef<HTMLDivElement>(null);
  const pieces = piecesOf(windows);
  const minuteAt = (event: PointerEvent) => {
    const box = track.current?.getBoundingClientRect();
    if (box === undefined || box.width === 0) return 0;
    return Math.round(Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * minutesPerDay);
  };
  const end = () => {
    if (stroke === null) return;
    const drawn = windowOfStroke(stroke.day, stroke.fromMinute, stroke.toMinute);
    setStroke(null);
    if (drawn !== null) onAdd(drawn);
  };
  const left = (minute: number) => `${(minute / minutesPerDay) * 100}%`;
  return (
    <div className="week" aria-hidden="true">
      <div className="week-hours">
        {[0, 6, 12, 18, 24].map((hour) => (
          <span key={hour} style={{ left: left(hour * 60) }}>
            {timeOf(hour * 60)}
          </span>
        ))}
      </div>
      {days.map((name, day) => (
        <div className="week-day" key={name}>
          <span>{dayNames[name].slice(0, 3)}</span>
          <div
            className="week-track"
            ref={day === 0 ? track : null}
            onPointerDown={(event) => {
              if (isReadOnly || event.button !== 0 || event.target !== event.currentTarget) return;
              event.currentTarget.setPointerCapture(event.pointerId);
              const minute = minuteAt(event);
              setStroke({ day, fromMinute: minute, toMinute: minute });
            }}
            onPointerMove={(event) => {
              if (stroke !== null) setStroke({ ...stroke, toMinute: minuteAt(event) });
            }}
            onPointerUp={end}
            onPointerCancel={() => setStroke(null)}
          >
            {pieces
              .filter((piece) => piece.day === day)
              .map(({ index, startMinute, endMinute }) => (
                <button
                  type="button"
                  tabIndex={-1}
                  key={`${index}-${startMinute}`}
                  className="week-window"
                  style={{ left: left(startMinute), width: left(endMinute - startMinute) }}
                  title={`${timeOf(startMinute)} to ${timeOf(endMinute)}`}
                  onClick={() => onPick(index)}
                />
              ))}
            {stroke?.day === day ? <Drawn stroke={stroke} left={left} /> : null}
          </div>
        </div>
      ))}
    </div>
  );
}

function Drawn({ stroke, left }: { stroke: Stroke; left: (minute: number) => string }) {
  const from = Math.min(stroke.fromMinute, stroke.toMinute);
  return (
    <span
      className="week-window drawn"
      style={{ left: left(from), width: left(Math.abs(stroke.toMinute - stroke.fromMinute)) }}
    />
  );
}
