/**
 * What has just happened, for a page that shows it; and what it shows is read anew when something did.
 * Invariant: however many events come, a page reads anew once in `renewEveryMs` at most.
 */
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import type { StageEvent } from '../../core/views/event-view.ts';
import { type Connection, followEvents } from './event-stream.ts';

const shownMax = 100;
const renewEveryMs = 2_000;
/** First part of the key of what is read, and of a camera the part. */
const staleBy: Readonly<Record<StageEvent['kind'], string[]>> = {
  track: ['camera', 'camera tracks', 'camera snapshot'],
  phase: ['fleets', 'cameras', 'overview', 'camera', 'camera row'],
  decision: ['fleets', 'overview'],
};
/** A day or a week of the tables: looked at again by themselves. */
const slowParts: ReadonlySet<string> = new Set(['history', 'coverage']);

/** @param camera whose tracks come too. @returns newest first. */
export function useEvents(camera: string | null): { events: StageEvent[]; connection: Connection } {
  const queries = useQueryClient();
  const [events, setEvents] = useState<StageEvent[]>([]);
  const [connection, setConnection] = useState<Connection>('connecting');
  useEffect(() => {
    const end = new AbortController();
    setEvents([]);
    let timer: ReturnType<typeof setTimeout> | null = null;
    const stale = new Set<string>();
    const renew = () => {
      timer = null;
      void queries.invalidateQueries({
        predicate: ({ queryKey: [name, id, part = ''] }) =>
          stale.has(String(name)) && !slowParts.has(String(part))
            ? name !== 'camera' || (id === camera && stale.has(`camera ${part}`))
            : false,
      });
      stale.clear();
    };
    const onEvents = (fresh: StageEvent[]) => {
      setEvents((before) =>
        [...fresh, ...before].sort((a, b) => Date.parse(b.at) - Date.parse(a.at)).slice(0, shownMax),
      );
      for (const name of fresh.flatMap(({ kind }) => staleBy[kind])) stale.add(name);
      timer ??= setTimeout(renew, renewEveryMs);
    };
    void followEvents(camera, { onEvents, onConnection: setConnection }, end.signal);
    return () => {
      end.abort();
      if (timer !== null) clearTimeout(timer);
    };
  }, [camera, queries]);
  return { events, connection };
}
