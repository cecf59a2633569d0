/** The other week: always, never, or from an hour to an hour on some days. */
import { type Proposal, weekdays } from './proposal.ts';

const zones = Intl.supportedValuesOf('timeZone');
type Props = { proposal: Proposal; change: (given: Partial<Proposal>) => void };

export function ProposalFields({ proposal, change }: Props) {
  const { kind, timeZone, days, start, end } = proposal;
  return (
    <fieldset>
      <legend>Their schedule would be</legend>
      <div className="filters">
        <label>
          Hours
          <select value={kind} onChange={({ target }) => change({ kind: target.value as Proposal['kind'] })}>
            <option value="window">a window on some days</option>
            <option value="always">always</option>
            <option value="never">none</option>
          </select>
        </label>
        {kind !== 'window' ? null : (
          <>
            <label>
              From
              <input type="time" required value={start} onChange={({ target }) => change({ start: target.value })} />
            </label>
            <label>
              To
              <input type="time" required value={end} onChange={({ target }) => change({ end: target.value })} />
            </label>
            <label>
              Time zone
              <input
                list="time-zones"
                required
                value={timeZone}
                onChange={({ target }) => change({ timeZone: target.value })}
              />
            </label>
            <datalist id="time-zones">
              {zones.map((zone) => (
                <option key={zone} value={zone} />
              ))}
            </datalist>
          </>
        )}
      </div>
      {kind !== 'window' ? null : (
        <div className="choices">
          {weekdays.map((day) => (
            <label key={day}>
              <input
                type="checkbox"
                checked={days.includes(day)}
                onChange={({ target }) =>
                  change({ days: weekdays.filter((one) => (one === day ? target.checked : days.includes(one))) })
                }
              />{' '}
              {day}
            </label>
          ))}
        </div>
      )}
    </fieldset>
  );
}
