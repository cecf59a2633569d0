/** What somebody should look at, the worst first, with the cameras that it is about. */
import { Link } from 'wouter';
import type { Overview } from '../../core/views/overview-view.ts';
import { counted } from '../parts/format.ts';

type Problem = Overview['problems'][number];

const order: readonly Problem['severity'][] = ['error', 'warning', 'notice'];
const tones = { error: 'bad', warning: 'wait', notice: 'idle' } as const;

export function ProblemList({ problems, isEmpty }: { problems: readonly Problem[]; isEmpty: boolean }) {
  if (problems.length === 0) {
    return (
      <p className="card tone-good">
        <span aria-hidden="true">✓ </span>
        {isEmpty ? 'No camera is registered yet.' : 'Every camera gets what its row asks for.'}
      </p>
    );
  }
  const sorted = [...problems].sort((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity));
  return (
    <section className="card" aria-label="Open problems">
      <h2>To look at</h2>
      <ul className="problems">
        {sorted.map(({ fleet, severity, words, count, cameras }) => (
          <li key={`${fleet} ${words}`} className={`tone-${tones[severity]}`}>
            <p>
              <strong>{severity}</strong> {words} <span className="quiet">(fleet {fleet})</span>
            </p>
            {cameras.length === 0 ? null : (
              <ul>
                {cameras.map(({ cameraId, reason }) => (
                  <li key={cameraId}>
                    <Link href={`/cameras/${encodeURIComponent(cameraId)}`}>{cameraId}</Link>: {reason}
                  </li>
                ))}
                {count > cameras.length ? <li>and {counted(count - cameras.length, 'more camera')}</li> : null}
              </ul>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}
