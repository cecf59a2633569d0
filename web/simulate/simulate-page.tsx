/**
 * Another schedule for some cameras, tried before it is saved: what the coming days would cost and miss, beside what they cost
 * and miss as the rows are. Invariants: nothing is written until somebody saves; what is saved is what was played, over the
 * versions that were read for it.
 */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { useSearchParams } from 'wouter';
import type { Simulation } from '../../core/views/simulation-view.ts';
import { ApiProblem, ask } from '../api/client.ts';
import { meQuery } from '../api/queries.ts';
import { viewerZone } from '../parts/format.ts';
import '../parts/live-pages.css';
import { CameraChoice } from './camera-choice.tsx';
import { missingIn, type Proposal, proposedRow, type StoredRow } from './proposal.ts';
import { ProposalFields } from './proposal-fields.tsx';
import { SimulationResult } from './simulation-result.tsx';
import { storedRow } from './stored-row.ts';

type Played = { stored: StoredRow[]; proposal: Proposal; simulation: Simulation };

export function SimulatePage() {
  const [search] = useSearchParams();
  const [chosen, choose] = useState<readonly string[]>(search.getAll('camera'));
  const [days, setDays] = useState(7);
  const [proposal, setProposal] = useState<Proposal>({
    ...{ kind: 'window', timeZone: viewerZone, start: '08:00', end: '18:00' },
    days: ['mon', 'tue', 'wed', 'thu', 'fri'],
  });
  const me = useQuery(meQuery);
  const play = useMutation({
    mutationFn: async (): Promise<Played> => {
      const stored = await Promise.all(chosen.map((cameraId) => storedRow(cameraId)));
      const rows = stored.map(({ row }) => proposedRow(row, proposal));
      const { body } = await ask<Simulation>('/api/simulate', { method: 'POST', body: { rows, days } });
      return { stored, proposal, simulation: body };
    },
  });
  const missing = missingIn(proposal, chosen.length);
  const isViewer = me.data?.role === 'viewer';
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (missing === null) play.mutate();
  };
  return (
    <>
      <h1>Simulate</h1>
      <p className="quiet">
        Try another week for some cameras: nothing is saved until you say so, and both columns are played with the same
        chances.
      </p>
      <form className="card" onSubmit={submit}>
        <CameraChoice chosen={chosen} choose={choose} />
        <ProposalFields proposal={proposal} change={(given) => setProposal({ ...proposal, ...given })} />
        <div className="filters">
          <label>
            Days to play
            <input
              type="number"
              min={1}
              max={14}
              required
              value={Number.isNaN(days) ? '' : days}
              onChange={({ target }) => setDays(target.valueAsNumber)}
            />
          </label>
          <button type="submit" className="primary" disabled={play.isPending || missing !== null || isViewer}>
            {play.isPending ? 'Playing …' : 'Play the days'}
          </button>
        </div>
        <p className="quiet" role="status">
          {isViewer ? 'Only operators may have a change played.' : (missing ?? '')}
        </p>
        {play.error === null ? null : <Failure error={play.error} />}
      </form>
      {play.data === undefined ? null : (
        <>
          <SimulationResult simulation={play.data.simulation} />
          <Save key={play.submittedAt} played={play.data} />
        </>
      )}
    </>
  );
}

function Failure({ error }: { error: Error }) {
  const issues = error instanceof ApiProblem ? error.issues : [];
  return (
    <div role="alert" className="problem-line">
      <p>{error.message}</p>
      <ul>
        {issues.map(({ path, message }) => (
          <li key={path}>
            {path}: {message}
          </li>
        ))}
      </ul>
    </div>
  );
}

/** One after another: each is saved or refused by itself. */
function Save({ played: { stored, proposal } }: { played: Played }) {
  const queries = useQueryClient();
  const save = useMutation({
    mutationFn: async () => {
      const outcomes: { cameraId: string; words: string; isSaved: boolean }[] = [];
      for (const { cameraId, row, etag } of stored) {
        try {
          const options = { method: 'PUT' as const, body: proposedRow(row, proposal), headers: { 'if-match': etag } };
          await ask(`/api/cameras/${encodeURIComponent(cameraId)}`, options);
          outcomes.push({ cameraId, words: 'saved', isSaved: true });
        } catch (error) {
          const isChanged = error instanceof ApiProblem && error.status === 412;
          const words = isChanged
            ? 'not saved: somebody else changed it meanwhile; play it again'
            : `not saved: ${error instanceof Error ? error.message : error}`;
          outcomes.push({ cameraId, words, isSaved: false });
        }
      }
      return outcomes;
    },
    onSettled: () => queries.invalidateQueries({ queryKey: ['cameras'] }),
  });
  return (
    <section className="card" aria-label="Save">
      <button type="button" className="primary" disabled={!save.isIdle} onClick={() => save.mutate()}>
        Save this schedule
      </button>
      <div role="status">
        <ul>
          {(save.data ?? []).map(({ cameraId, words, isSaved }) => (
            <li key={cameraId} className={isSaved ? 'tone-good' : 'tone-bad'}>
              {cameraId}: {words}
            </li>
          ))}
        </ul>
      </div>
    </section>
  );
}
