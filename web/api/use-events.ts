/** What has just happened, for a page that shows it; and what it shows is read anew when something did. */
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import type { StageEvent } from '../../core/views/event-view.ts';
import { type Connection, followEvents } from './event-stream.ts';

const shownMax = 100;

/** @param camera whose tracks come too. @returns newest first. */
export function useEvents(camera: string | null): { events: StageEvent[]; connection: Connection } {
  const queries = useQueryClient();
  const [events, setEvents] = useState<StageEvent[]>([]);
  const [connection, setConnection] = useState<Connection>('connecting');
  useEffect(() => {
    const end = new AbortController();
    setEvents([]);
    const onEvents = (fresh: StageEvent[]) => {
      setEvents((before) =>
        [...fresh, ...before].sort((a, b) => Date.parse(b.at) - Date.parse(a.at)).slice(0, shownMax),
      );
      // Old news come at the beginning, and are in what was just read.
      const kinds = new Set(fresh.map(({ kind }) => kind));
      if (kinds.has('track')) void queries.invalidateQueries({ queryKey: ['camera', camera] });
      if (!kinds.has('phase') && !kinds.has('decision')) return;
      for (const name of ['fleets', 'cameras', 'overview']) void queries.invalidateQueries({ queryKey: [name] });
    };
    void followEvents(camera, { onEvents, onConnection: setConnection }, end.signal);
    return () => end.abort();
  }, [camera, queries]);
  return { events, connection };
}
