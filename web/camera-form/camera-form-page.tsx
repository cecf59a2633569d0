/**
 * A camera's row, added or edited. The system judges it while it is typed, by the parser that will judge it in the end, and
 * nothing is written over a version that the one who writes has not seen.
 * Invariant: what is typed is never lost to an error, a conflict or a lost connection.
 */
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Link, useLocation, useParams } from 'wouter';
import { canonicalJson } from '../../core/canonical-json.ts';
import { ApiProblem, ask } from '../api/client.ts';
import { meQuery } from '../api/queries.ts';
import { Notice } from '../parts/notice.tsx';
import { QueryState } from '../parts/query-state.tsx';
import './camera-form.css';
import { type Conflict, ConflictNotice } from './conflict-notice.tsx';
import { DetectionSection } from './detection-section.tsx';
import { CheckField, ChoiceField, type FormContext, Issues, NumberField, TextField } from './fields.tsx';
import { HoursSection } from './hours-section.tsx';
import { RegionEditor } from './region-editor.tsx';
import { storedRowQuery, useVerdict } from './row-queries.ts';
import { type TypedRow, valueAt, withValue } from './typed-row.ts';

export function NewCameraPage() {
  return (
    <>
      <h1>Add a camera</h1>
      <Form initial={{}} initialTag={null} />
    </>
  );
}

export function EditCameraPage() {
  const { cameraId = '' } = useParams<{ cameraId: string }>();
  // Read once: what somebody else writes meanwhile is shown when it matters, not under the hands of who types.
  const query = useQuery(storedRowQuery(cameraId));
  return (
    <>
      <h1>Edit {cameraId}</h1>
      <QueryState query={query} what={`camera ${cameraId}`}>
        {({ row, etag }) => <Form key={etag} initial={row} initialTag={etag} />}
      </QueryState>
    </>
  );
}

type Progress = { isBusy: boolean; problem: string | null; conflict: Conflict | null };
const idle: Progress = { isBusy: false, problem: null, conflict: null };

function Form({ initial, initialTag }: { initial: TypedRow; initialTag: string | null }) {
  const isNew = initialTag === null;
  const [row, setRow] = useState(initial);
  const [progress, setProgress] = useState(idle);
  const [, navigate] = useLocation();
  const queries = useQueryClient();
  const me = useQuery(meQuery).data;
  const verdict = useVerdict(row, isNew ? null : String(initial.cameraId));
  const isReadOnly = me?.role === 'viewer';
  const form: FormContext = {
    ...{ row, issues: verdict.issues, isReadOnly },
    set: (path, value) => setRow((before) => withValue(before, path, value)),
  };
  const cameraId = String(row.cameraId ?? '');
  const home = `/cameras/${encodeURIComponent(cameraId)}`;
  const path = `/api${home}`;

  const leave = async (to: string) => {
    await queries.invalidateQueries();
    navigate(to);
  };
  const run = async (wanted: Conflict['wanted'], etag: string | null) => {
    setProgress({ ...idle, isBusy: true });
    const version = etag === null ? { 'if-none-match': '*' } : { 'if-match': etag };
    try {
      await ask(path, {
        headers: version,
        ...(wanted === 'save' ? { method: 'PUT', body: row } : { method: 'DELETE' }),
      });
      await leave(wanted === 'save' ? home : '/cameras');
    } catch (error) {
      const isConflict = error instanceof ApiProblem && error.status === 412;
      const found = isConflict ? await storedNow(cameraId, wanted).catch(() => null) : null;
      // An answer that was lost on the way: what was wanted is already so.
      if (found !== null && isDone(found, row)) return leave(wanted === 'save' ? home : '/cameras');
      setProgress({ isBusy: false, problem: found === null ? wordsOf(error) : null, conflict: found });
    }
  };
  const remove = () => {
    if (confirm(`Remove camera ${cameraId}? Its worker lets it go; what it has found stays.`))
      void run('remove', initialTag);
  };
  const errors = verdict.issues.filter(({ severity }) => severity === 'error').length;
  const elsewhere = verdict.issues.filter((issue) => issue.path === '');

  return (
    <form
      className="camera-form"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void run('save', initialTag);
      }}
    >
      {isReadOnly ? (
        <Notice title="You may look" words="Changing cameras is for members of the group operator." />
      ) : null}
      {progress.problem === null ? null : <Notice title="That did not work" words={progress.problem} />}
      {progress.conflict === null ? null : (
        <ConflictNotice
          mine={row}
          conflict={progress.conflict}
          onGoOn={({ wanted, etag }) => void run(wanted, etag)}
          onTakeTheirs={({ stored }) => void leave(stored === null ? '/cameras' : home)}
        />
      )}
      <fieldset className="card">
        <legend>Camera</legend>
        <div className="columns">
          <TextField
            form={{ ...form, isReadOnly: isReadOnly || !isNew }}
            path="cameraId"
            label="Id"
            hint="A-Z a-z 0-9 . _ -"
          />
          <TextField {...{ form, path: 'streamName', label: 'Kinesis Video stream' }} />
          <ChoiceField {...{ form, path: 'fleet', label: 'Fleet', choices: me?.fleets ?? [], fallback: 'default' }} />
          <NumberField
            {...{
              form,
              path: 'priority',
              label: 'Priority',
              placeholder: '50',
              hint: '0 to 100; the higher, the longer it is watched when capacity is short',
            }}
          />
        </div>
        <CheckField {...{ form, path: 'enabled', label: 'Watch it', fallback: true }} />
        <CheckField
          {...{ form, path: 'stream.create', label: 'Make the stream when there is none', fallback: false }}
        />
        {valueAt(row, 'stream.create') === true ? (
          <NumberField
            {...{ form, path: 'stream.retentionHours', label: 'Keep its video for (h)', placeholder: '24' }}
          />
        ) : null}
      </fieldset>
      <HoursSection form={form} />
      <DetectionSection form={form} />
      <RegionEditor form={form} pictureUrl={verdict.pictureUrl} />
      <div className="save-bar">
        <Issues issues={elsewhere} />
        <p aria-live="polite" className={errors === 0 ? 'quiet' : 'tone-bad'}>
          {verdict.words}
        </p>
        <button
          type="submit"
          className="primary"
          disabled={isReadOnly || progress.isBusy || errors > 0 || verdict.isPending}
        >
          {isNew ? 'Add the camera' : 'Save'}
        </button>
        <Link href={isNew ? '/cameras' : home}>Cancel</Link>
        {isNew || isReadOnly ? null : (
          <button type="button" className="danger" disabled={progress.isBusy} onClick={remove}>
            Remove the camera
          </button>
        )}
      </div>
    </form>
  );
}

async function storedNow(cameraId: string, wanted: Conflict['wanted']): Promise<Conflict> {
  try {
    const { body, etag } = await ask<{ row: TypedRow }>(`/api/cameras/${encodeURIComponent(cameraId)}`);
    return { wanted, stored: body.row, etag };
  } catch (error) {
    if (error instanceof ApiProblem && error.status === 404) return { wanted, stored: null, etag: null };
    throw error;
  }
}

function isDone({ wanted, stored }: Conflict, row: TypedRow): boolean {
  return wanted === 'save' ? stored !== null && canonicalJson(stored) === canonicalJson(row) : stored === null;
}

function wordsOf(error: unknown): string {
  if (error instanceof ApiProblem && error.status === 0) {
    return 'The answer was lost, so nobody knows whether it arrived. Try again: nothing is written twice.';
  }
  return `Nothing was changed: ${error instanceof Error ? error.message : String(error)}`;
}
