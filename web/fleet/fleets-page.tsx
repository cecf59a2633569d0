/** The fleets of the stage, each with its way in; with one fleet, that one. */
import { useQuery } from '@tanstack/react-query';
import { Link, Redirect } from 'wouter';
import { fleetsQuery } from '../api/queries.ts';
import { counted } from '../parts/format.ts';
import { QueryState } from '../parts/query-state.tsx';

export function FleetsPage() {
  const query = useQuery(fleetsQuery);
  return (
    <>
      <h1>Fleets</h1>
      <QueryState query={query} what="the fleets">
        {(fleets) => {
          const [only] = fleets;
          if (fleets.length === 1 && only !== undefined) return <Redirect to={`/fleets/${only.fleet}`} replace />;
          return (
            <ul className="card">
              {fleets.map(({ fleet, cameras, workers, latestDecision }) => (
                <li key={fleet}>
                  <Link href={`/fleets/${fleet}`}>{fleet}</Link>: {counted(cameras.count, 'camera')},{' '}
                  {counted(workers.length, 'worker')}. {latestDecision?.reason ?? 'No decision yet.'}
                </li>
              ))}
            </ul>
          );
        }}
      </QueryState>
    </>
  );
}
