/**
 * The inputs of the form: each shows the value at its path, its default where none is typed, and what the system says about
 * it. Invariant: every input has a label, and its issue is part of its description for a screen reader.
 */
import { type ReactNode, useId } from 'react';
import type { FieldIssue } from '../api/client.ts';
import { type TypedRow, valueAt } from './typed-row.ts';

export type FormContext = {
  row: TypedRow;
  issues: readonly FieldIssue[];
  set: (path: string, value: unknown) => void;
  isReadOnly: boolean;
};
type FieldProps = { form: FormContext; path: string; label: string; hint?: string };

/** Those of the path itself and of what is inside it, unless an input of its own shows them. */
export function issuesAt(issues: readonly FieldIssue[], path: string, isDeep = false): FieldIssue[] {
  return issues.filter(
    (issue) =>
      issue.path === path || (isDeep && (issue.path.startsWith(`${path}.`) || issue.path.startsWith(`${path}[`))),
  );
}

export function Issues({ id, issues }: { id?: string; issues: readonly FieldIssue[] }) {
  if (issues.length === 0) return null;
  return (
    <ul className="field-issues" id={id}>
      {issues.map(({ path, severity, message }) => (
        <li key={path + message} className={severity === 'error' ? 'tone-bad' : 'tone-wait'}>
          <strong>{severity === 'error' ? 'Wrong: ' : 'Note: '}</strong>
          {message}
        </li>
      ))}
    </ul>
  );
}

type FrameProps = Pick<FieldProps, 'label'> & {
  hint?: string | undefined;
  issues: readonly FieldIssue[];
  children: (described: { id: string; 'aria-describedby'?: string; 'aria-invalid': boolean }) => ReactNode;
};

function Frame({ label, hint, issues, children }: FrameProps) {
  const id = useId();
  const isWrong = issues.some(({ severity }) => severity === 'error');
  const describedBy = [hint === undefined ? null : `${id}-hint`, issues.length === 0 ? null : `${id}-issues`].filter(
    (one) => one !== null,
  );
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {children({
        id,
        'aria-invalid': isWrong,
        ...(describedBy.length === 0 ? {} : { 'aria-describedby': describedBy.join(' ') }),
      })}
      {hint === undefined ? null : (
        <span className="quiet" id={`${id}-hint`}>
          {hint}
        </span>
      )}
      <Issues id={`${id}-issues`} issues={issues} />
    </div>
  );
}

export function TextField({
  form,
  path,
  label,
  hint,
  placeholder,
  list,
  type = 'text',
}: FieldProps & { placeholder?: string; list?: string; type?: string }) {
  const value = valueAt(form.row, path);
  return (
    <Frame label={label} hint={hint} issues={issuesAt(form.issues, path)}>
      {(described) => (
        <input
          {...described}
          type={type}
          value={typeof value === 'string' ? value : value === undefined ? '' : JSON.stringify(value)}
          placeholder={placeholder}
          list={list}
          disabled={form.isReadOnly}
          autoComplete="off"
          spellCheck={false}
          onChange={({ target }) => form.set(path, target.value === '' ? undefined : target.value)}
        />
      )}
    </Frame>
  );
}

export function NumberField({ form, path, label, hint, placeholder }: FieldProps & { placeholder?: string }) {
  const value = valueAt(form.row, path);
  return (
    <Frame label={label} hint={hint} issues={issuesAt(form.issues, path)}>
      {(described) => (
        <input
          {...described}
          inputMode="decimal"
          value={value === undefined ? '' : String(value)}
          placeholder={placeholder}
          disabled={form.isReadOnly}
          autoComplete="off"
          onChange={({ target }) => {
            const text = target.value.trim();
            // What is no number goes in as it is typed, and the system says what it expected.
            const number = Number(text.replace(',', '.'));
            const isWhole = text !== '' && Number.isFinite(number) && !/[.,]0*$/.test(text);
            form.set(path, text === '' ? undefined : isWhole ? number : text);
          }}
        />
      )}
    </Frame>
  );
}

export function ChoiceField({
  form,
  path,
  label,
  hint,
  choices,
  fallback,
}: FieldProps & { choices: readonly string[]; fallback: string }) {
  const value = valueAt(form.row, path);
  const shown = typeof value === 'string' ? value : fallback;
  return (
    <Frame label={label} hint={hint} issues={issuesAt(form.issues, path)}>
      {(described) => (
        <select
          {...described}
          value={shown}
          disabled={form.isReadOnly}
          onChange={({ target }) => form.set(path, target.value === fallback ? undefined : target.value)}
        >
          {[...new Set([...choices, shown])].map((choice) => (
            <option key={choice}>{choice}</option>
          ))}
        </select>
      )}
    </Frame>
  );
}

export function CheckField({ form, path, label, fallback }: FieldProps & { fallback: boolean }) {
  const value = valueAt(form.row, path);
  return (
    <div className="field">
      <label className="check">
        <input
          type="checkbox"
          checked={typeof value === 'boolean' ? value : fallback}
          disabled={form.isReadOnly}
          onChange={({ target }) => form.set(path, target.checked === fallback ? undefined : target.checked)}
        />
        {label}
      </label>
      <Issues issues={issuesAt(form.issues, path)} />
    </div>
  );
}

/** A list of words, typed with commas between them. */
export function WordsField({ form, path, label, hint, placeholder }: FieldProps & { placeholder?: string }) {
  const value = valueAt(form.row, path);
  const words = Array.isArray(value) ? value.map(String) : [];
  return (
    <Frame label={label} hint={hint} issues={issuesAt(form.issues, path, true)}>
      {(described) => (
        <input
          {...described}
          // What is being typed is the input's own until it is left: a trailing comma would vanish.
          key={words.join()}
          defaultValue={words.join(', ')}
          placeholder={placeholder}
          disabled={form.isReadOnly}
          autoComplete="off"
          spellCheck={false}
          onBlur={({ target }) => {
            const typed = target.value
              .split(',')
              .map((word) => word.trim())
              .filter((word) => word !== '');
            if (typed.join() !== words.join()) form.set(path, typed.length === 0 ? undefined : typed);
          }}
        />
      )}
    </Frame>
  );
}
