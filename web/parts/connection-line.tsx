/** How fresh a live page is, in words. */
import type { Connection } from '../api/event-stream.ts';

const words: Readonly<Record<Connection, string>> = {
  connecting: 'Asking for live updates …',
  live: 'Live: changes appear as they happen.',
  asking: 'Looks for changes every 5 seconds.',
  lost: 'The connection is lost. What is shown is as it was last heard; it goes on by itself.',
};

export function ConnectionLine({ connection }: { connection: Connection }) {
  return (
    <p className={connection === 'lost' ? 'problem-line' : 'quiet'} role="status">
      {words[connection]}
    </p>
  );
}
