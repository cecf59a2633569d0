/** Something that a person must know before going on: what happened, and what to do. */
import type { ReactNode } from 'react';

type Props = { title: string; words: string; children?: ReactNode };

export function Notice({ title, words, children }: Props) {
  return (
    <section className="notice" role="alert">
      <h2>{title}</h2>
      <p>{words}</p>
      {children}
    </section>
  );
}
