/**
 * Events as they come, read with fetch: a stream where the API has one, pages asked for again where not (AWS). EventSource
 * could not send the token. Invariants: an event is handed on once; after a lost connection it goes on where it was.
 */
import type { EventPage, StageEvent } from '../../core/views/event-view.ts';
import { send } from './client.ts';

const pageEveryMs = 5_000;
const retryAfterMs = 3_000;
/** Ids are kept for as long as the API may tell them again, and some more. */
const idsMax = 2_000;

export type Connection = 'connecting' | 'live' | 'asking' | 'lost';
type Listener = { onEvents(events: StageEvent[]): void; onConnection(connection: Connection): void };

/** Until the signal: one stream after another. @param camera whose tracks come too. */
export async function followEvents(camera: string | null, listener: Listener, signal: AbortSignal): Promise<void> {
  const had = new Set<string>();
  let after: string | null = null;
  const tell = (events: readonly StageEvent[]) => {
    const fresh = events.filter(({ id }) => !had.has(id));
    for (const { id } of fresh) had.add(id);
    for (const id of had) {
      if (had.size <= idsMax) break;
      had.delete(id);
    }
    if (fresh.length > 0) listener.onEvents(fresh);
  };
  while (!signal.aborted) {
    try {
      const query = new URLSearchParams();
      if (camera !== null) query.set('camera', camera);
      if (after !== null) query.set('after', after);
      const headers = { accept: 'text/event-stream, application/json' };
      const answer = await send(`/api/events?${query}`, { headers, signal });
      if (answer.headers.get('content-type')?.includes('text/event-stream') && answer.body !== null) {
        listener.onConnection('live');
        for await (const events of eventsOf(answer.body)) {
          tell(events);
          after = events.at(-1)?.at ?? after;
        }
        throw new Error('the stream has ended');
      }
      const page = (await answer.json()) as EventPage;
      listener.onConnection('asking');
      tell(page.events);
      after = page.after;
      if (!page.more) await waited(pageEveryMs, signal);
    } catch {
      if (signal.aborted) return;
      listener.onConnection('lost');
      await waited(retryAfterMs, signal);
    }
  }
}

/** Those that came together are told together. */
async function* eventsOf(body: ReadableStream<Uint8Array>): AsyncGenerator<StageEvent[]> {
  const reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
  let text = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += value;
    const messages = text.split('\n\n');
    text = messages.pop() ?? '';
    const events = messages.flatMap((message) => {
      const data = message
        .split('\n')
        .filter((line) => line.startsWith('data:'))
        .map((line) => line.slice('data:'.length).trimStart())
        .join('\n');
      return data === '' ? [] : [JSON.parse(data) as StageEvent];
    });
    if (events.length > 0) yield events;
  }
}

function waited(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    const stop = () => {
      clearTimeout(timer);
      resolve();
    };
    signal.addEventListener('abort', stop, { once: true });
  });
}
