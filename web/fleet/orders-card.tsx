/**
 * Orders to a fleet: pause it, or keep workers ready, each until an instant, and end either. Invariant: nothing is ordered
 * without an end, and only by an operator; what the API refuses is said at the field.
 */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import type { FleetView } from '../../core/views/fleet-view.ts';
import { ApiProblem, ask } from '../api/client.ts';
import { meQuery } from '../api/queries.ts';
import { dateTime } from '../parts/format.ts';

const hourMs = 3_600_000;
const spans = [
  { hours: 1, name: '1 hour' },
  { hours: 4, name: '4 hours' },
  { hours: 12, name: '12 hours' },
  { hours: 24, name: '1 day' },
  { hours: 168, name: '1 week' },
] as const;

type Orders = {
  pause?: { until: string; reason: string } | null;
  override?: { minWorkers: number; until: string; reason: string } | null;
};

export function OrdersCard({ fleet }: { fleet: FleetView }) {
  const me = useQuery(meQuery);
  const queries = useQueryClient();
  const order = useMutation({
    mutationFn: (orders: Orders) =>
      ask(`/api/fleets/${encodeURIComponent(fleet.fleet)}/orders`, { method: 'PUT', body: orders }),
    onSettled: () => queries.invalidateQueries({ queryKey: ['fleets'] }),
  });
  const isOperator = me.data?.role === 'operator';
  const isOver = (until: string) => Date.parse(until) <= Date.now();
  const pause = fleet.pause === null || isOver(fleet.pause.until) ? null : fleet.pause;
  const override = fleet.override === null || isOver(fleet.override.until) ? null : fleet.override;
  return (
    <section className="card" aria-label="Orders">
      <h2>Orders</h2>
      {pause === null ? null : (
        <p className="tone-bad">
          Paused until {dateTime(pause.until)}
          {pause.reason === '' ? '' : `: ${pause.reason}`}{' '}
          {isOperator ? (
            <button type="button" disabled={order.isPending} onClick={() => order.mutate({ pause: null })}>
              Resume now
            </button>
          ) : null}
        </p>
      )}
      {override === null ? null : (
        <p className="tone-wait">
          At least {override.minWorkers} workers until {dateTime(override.until)}
          {override.reason === '' ? '' : `: ${override.reason}`}{' '}
          {isOperator ? (
            <button type="button" disabled={order.isPending} onClick={() => order.mutate({ override: null })}>
              End it now
            </button>
          ) : null}
        </p>
      )}
      {pause === null && override === null ? <p className="quiet">None: the schedules alone decide.</p> : null}
      {isOperator ? (
        <OrderForm isPending={order.isPending} give={(orders) => order.mutate(orders)} />
      ) : (
        <p className="quiet">Operators may pause this fleet or keep workers ready.</p>
      )}
      <p role="status">
        {order.isSuccess ? 'Ordered: the next run of the control loop acts on it, within a minute.' : ''}
      </p>
      {order.error === null ? null : (
        <p className="problem-line" role="alert">
          {wordsOf(order.error)}
        </p>
      )}
    </section>
  );
}

function wordsOf(error: Error): string {
  const issues = error instanceof ApiProblem ? error.issues.map(({ path, message }) => `${path}: ${message}`) : [];
  return [error.message, ...issues].join('; ');
}

function OrderForm({ isPending, give }: { isPending: boolean; give: (orders: Orders) => void }) {
  const [kind, setKind] = useState<'pause' | 'override'>('pause');
  const [hours, setHours] = useState(1);
  const [minWorkers, setMinWorkers] = useState(1);
  const [reason, setReason] = useState('');
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const until = new Date(Date.now() + hours * hourMs).toISOString();
    give(kind === 'pause' ? { pause: { until, reason } } : { override: { minWorkers, until, reason } });
  };
  return (
    <form className="filters" onSubmit={submit}>
      <label>
        Order
        <select value={kind} onChange={({ target }) => setKind(target.value === 'pause' ? 'pause' : 'override')}>
          <option value="pause">pause: nobody watches, nothing is paid for</option>
          <option value="override">keep workers ready</option>
        </select>
      </label>
      {kind === 'pause' ? null : (
        <label>
          Workers
          <input
            type="number"
            min={0}
            max={1_000}
            required
            value={minWorkers}
            onChange={({ target }) => setMinWorkers(target.valueAsNumber)}
          />
        </label>
      )}
      <label>
        For
        <select value={hours} onChange={({ target }) => setHours(Number(target.value))}>
          {spans.map((span) => (
            <option key={span.hours} value={span.hours}>
              {span.name}
            </option>
          ))}
        </select>
      </label>
      <label>
        Reason
        <input type="text" maxLength={500} value={reason} onChange={({ target }) => setReason(target.value)} />
      </label>
      <button type="submit" className="primary" disabled={isPending}>
        {kind === 'pause' ? 'Pause the fleet' : 'Keep them ready'}
      </button>
    </form>
  );
}
