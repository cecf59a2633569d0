/**
 * A camera's row, added or edited. The system judges it while it is typed, by the parser that will judge it in the end, and
 * nothing is written over a version that the one who writes has not seen.
 * Invariant: what is typed is never lost to an error, a conflict or a lost connection.
 */
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Link, useLocation, useParams } from 'wouter';
import { ApiProblem, ask } from '../api/client.ts';
import { meQuery } from '../api/queries.ts';
import { Notice } from '../parts/notice.tsx';
import { QueryState } from '../parts/query-state.tsx';
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
  const verdict = useVerdict(row);
  const isReadOnly = me?.role === 'viewer';
  const form: FormContext = {
    ...{ row, issues: verdict.issues, isReadOnly },
    set: (path, value) => setRow((before) => withValue(before, path, value)),
  };
  const cameraId = String(row.cameraId ?? '');
  const path = `/api/cameras/${encodeURIComponent(cameraId)}`;

  const run = async (work: () => Promise<unknown>, after: string) => {
    setProgress({ ...idle, isBusy: true });
    try {
      await work();
      await queries.invalidateQueries();
      navigate(after);
    } catch (error) {
      const isConflict = error instanceof ApiProblem && error.status === 412;
      const conflict = isConflict ? await storedNow(cameraId).catch(() => null) : null;
      const problem = conflict === null ? (error instanceof Error ? error.message : String(error)) : null;
      setProgress({ isBusy: false, problem, conflict });
    }
  };
  const save = (etag: string | null) =>
    run(
      () =>
        ask(path, {
          method: 'PUT',
          body: row,
          headers: etag === null ? { 'if-none-match': '*' } : { 'if-match': etag },
        }),
      `/cameras/${encodeURIComponent(cameraId)}`,
    );
  const remove = () => {
    if (!confirm(`Remove camera ${cameraId}? Its worker lets it go; what it has found stays.`)) return;
    void run(() => ask(path, { method: 'DELETE', headers: { 'if-match': initialTag ?? '' } }), '/cameras');
  };
  const errors = verdict.issues.filter(({ severity }) => severity === 'error').length;
  const elsewhere = verdict.issues.filter((issue) => issue.path === '');

  return (
    <form
      className="camera-form"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void save(initialTag);
      }}
    >
      {isReadOnly ? (
        <Notice title="You may look" words="Changing cameras is for members of the group operator." />
      ) : null}
      {progress.problem === null ? null : <Notice title="It is not saved" words={progress.problem} />}
      {progress.conflict === null ? null : (
        <ConflictNotice
          mine={row}
          conflict={progress.conflict}
          onKeepMine={() => void save(progress.conflict?.etag ?? null)}
          onTakeTheirs={() =>
            void queries
              .invalidateQueries()
              .then(() =>
                navigate(progress.conflict?.stored == null ? '/cameras' : `/cameras/${encodeURIComponent(cameraId)}`),
              )
          }
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
        <Link href={isNew ? '/cameras' : `/cameras/${encodeURIComponent(cameraId)}`}>Cancel</Link>
        {isNew || isReadOnly ? null : (
          <button type="button" className="danger" disabled={progress.isBusy} onClick={remove}>
            Remove the camera
          </button>
        )}
      </div>
    </form>
  );
}

async function storedNow(cameraId: string): Promise<Conflict> {
  try {
    const { body, etag } = await ask<{ row: TypedRow }>(`/api/cameras/${encodeURIComponent(cameraId)}`);
    return { stored: body.row, etag };
  } catch (error) {
    if (error instanceof ApiProblem && error.status === 404) return { stored: null, etag: null };
    throw error;
  }
}
