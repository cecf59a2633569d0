/**
 * Regions drawn on the camera's newest picture: areas of three corners or more, and lines of two. A click sets a corner, a
 * drag moves it; by keyboard, corners are reached with Tab, moved with the arrows and taken out with Delete.
 * Invariant: what is drawn is what is in the row, in fractions of the frame.
 */
import { type KeyboardEvent, type PointerEvent, useRef, useState } from 'react';
import {
  CheckField,
  ChoiceField,
  type FormContext,
  Issues,
  issuesAt,
  NumberField,
  TextField,
  WordsField,
} from './fields.tsx';
import { type Corner, cornersOf, withCorner, within, withOneMore } from './outline.ts';
import { valueAt } from './typed-row.ts';

type TypedRegion = { name?: unknown; polygon?: unknown; mode?: unknown };
const stepOf = (isFine: boolean) => (isFine ? 0.002 : 0.01);
const arrows: Readonly<Record<string, Corner>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

export function RegionEditor({ form, pictureUrl }: { form: FormContext; pictureUrl: string | null }) {
  const typed = valueAt(form.row, 'regions');
  const regions: TypedRegion[] = Array.isArray(typed) ? typed : [];
  const [chosen, setChosen] = useState(0);
  const current = Math.min(chosen, regions.length - 1);
  const setCorners = (index: number, corners: Corner[]) => form.set(`regions[${index}].polygon`, corners);
  return (
    <fieldset className="card">
      <legend>Regions</legend>
      <Picture
        {...{ regions, current, pictureUrl, isReadOnly: form.isReadOnly, setCorners }}
        nameOf={(index) => nameOf(regions[index], index)}
      />
      <div className="options">
        {regions.map((region, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: names may be typed twice
          <button type="button" key={index} aria-pressed={index === current} onClick={() => setChosen(index)}>
            {nameOf(region, index)}
          </button>
        ))}
        <button
          type="button"
          disabled={form.isReadOnly}
          onClick={() => {
            form.set(`regions[${regions.length}]`, { name: `region-${regions.length + 1}`, polygon: [] });
            setChosen(regions.length);
          }}
        >
          Add a region
        </button>
      </div>
      <Issues issues={issuesAt(form.issues, 'regions')} />
      {regions[current] === undefined ? null : (
        <RegionFields
          key={current}
          {...{ form, path: `regions[${current}]` }}
          corners={cornersOf(regions[current].polygon)}
          onMore={() => setCorners(current, withOneMore(cornersOf(regions[current]?.polygon)))}
        />
      )}
    </fieldset>
  );
}

type PictureProps = {
  regions: readonly TypedRegion[];
  current: number;
  pictureUrl: string | null;
  isReadOnly: boolean;
  setCorners: (index: number, corners: Corner[]) => void;
  nameOf: (index: number) => string;
};

function Picture({ regions, current, pictureUrl, isReadOnly, setCorners, nameOf: name }: PictureProps) {
  const frame = useRef<SVGSVGElement>(null);
  const [dragged, setDragged] = useState<number | null>(null);
  const [goneUrl, setGoneUrl] = useState<string | null>(null);
  const corners = cornersOf(regions[current]?.polygon);
  const at = (event: Pick<PointerEvent, 'clientX' | 'clientY'>): Corner => {
    const box = frame.current?.getBoundingClientRect();
    if (box === undefined || box.width === 0) return [0, 0];
    return within([(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height]);
  };
  const isDrawing = !isReadOnly && current >= 0;
  return (
    <div className="region-picture">
      {pictureUrl === null || pictureUrl === goneUrl ? (
        <p className="quiet no-picture">
          No picture of this camera yet: draw on the empty frame, or come back when it has been watched.
        </p>
      ) : (
        <img src={pictureUrl} alt="What the camera saw last" onError={() => setGoneUrl(pictureUrl)} />
      )}
      <svg
        ref={frame}
        viewBox="0 0 1 1"
        preserveAspectRatio="none"
        className={isDrawing ? 'drawing' : ''}
        aria-hidden="true"
        // A click, not a press: a finger that scrolls past the picture sets no corner.
        onClick={(event) => {
          if (isDrawing) setCorners(current, [...corners, at(event)]);
        }}
      >
        {regions.map((region, index) => {
          const points = cornersOf(region.polygon);
          const shape = points.map((point) => point.join(',')).join(' ');
          const look = `outline ${region.mode === 'exclude' ? 'exclude' : 'include'}${index === current ? ' current' : ''}`;
          return points.length > 2 ? (
            // biome-ignore lint/suspicious/noArrayIndexKey: names may be typed twice
            <polygon key={index} points={shape} className={look} />
          ) : (
            // biome-ignore lint/suspicious/noArrayIndexKey: names may be typed twice
            <polyline key={index} points={shape} className={look} />
          );
        })}
      </svg>
      {corners.map(([x, y], index) => (
        <button
          type="button"
          // biome-ignore lint/suspicious/noArrayIndexKey: corners have no name but their place
          key={index}
          className="corner"
          style={{ left: `${x * 100}%`, top: `${y * 100}%` }}
          disabled={isReadOnly}
          aria-label={`Corner ${index + 1} of ${name(current)}: ${Math.round(x * 100)} % from the left, ${Math.round(y * 100)} % from the top`}
          onPointerDown={(event) => {
            event.currentTarget.setPointerCapture(event.pointerId);
            setDragged(index);
          }}
          onPointerMove={(event) => {
            if (dragged === index) setCorners(current, withCorner(corners, index, at(event)));
          }}
          onPointerUp={() => setDragged(null)}
          onPointerCancel={() => setDragged(null)}
          onKeyDown={(event) => onCornerKey(event, corners, index, (next) => setCorners(current, next))}
        />
      ))}
    </div>
  );
}

function onCornerKey(
  event: KeyboardEvent,
  corners: Corner[],
  index: number,
  change: (corners: Corner[]) => void,
): void {
  const corner = corners[index];
  const direction = arrows[event.key];
  if (corner !== undefined && direction !== undefined) {
    event.preventDefault();
    const step = stepOf(event.shiftKey);
    change(withCorner(corners, index, [corner[0] + direction[0] * step, corner[1] + direction[1] * step]));
  } else if (event.key === 'Delete' || event.key === 'Backspace') {
    event.preventDefault();
    change(corners.toSpliced(index, 1));
  }
}

type RegionFieldsProps = { form: FormContext; path: string; corners: readonly Corner[]; onMore: () => void };

function RegionFields({ form, path, corners, onMore }: RegionFieldsProps) {
  const kind = corners.length === 2 ? 'a line of two corners' : `an area of ${corners.length} corners`;
  return (
    <>
      <p className="quiet">
        {corners.length < 2
          ? 'Click on the picture: two corners make a line, three or more an area.'
          : `It is ${kind}.`}{' '}
        With Tab one reaches its corners, with the arrows one moves them, with Delete one takes them out.
      </p>
      <Issues issues={issuesAt(form.issues, `${path}.polygon`, true)} />
      <div className="columns">
        <TextField {...{ form, path: `${path}.name`, label: 'Name' }} />
        <ChoiceField
          {...{
            form,
            path: `${path}.mode`,
            label: 'What is in it',
            choices: ['include', 'exclude'],
            fallback: 'include',
          }}
        />
        <ChoiceField
          {...{ form, path: `${path}.anchor`, label: 'Counts by', fallback: 'bottom-center' }}
          choices={['bottom-center', 'center', 'top-center']}
        />
        <WordsField {...{ form, path: `${path}.classes`, label: 'Classes', hint: 'with commas; empty is all' }} />
        <NumberField {...{ form, path: `${path}.dwellMs`, label: 'Tell who stays (ms)' }} />
      </div>
      <CheckField {...{ form, path: `${path}.readText`, label: 'Read text in it', fallback: false }} />
      <div className="inline">
        <button type="button" disabled={form.isReadOnly} onClick={onMore}>
          Add a corner
        </button>
        <button type="button" disabled={form.isReadOnly} onClick={() => form.set(path, undefined)}>
          Remove this region
        </button>
      </div>
    </>
  );
}

function nameOf(region: TypedRegion | undefined, index: number): string {
  return typeof region?.name === 'string' && region.name !== '' ? region.name : `region ${index + 1}`;
}
