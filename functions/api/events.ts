/**
 * What happens, as it happens: pages that are asked for again with a place (`after`) and answer 304 while nothing is new,
 * and on a laptop the same pages as one stream of server-sent events. Lambda's answers are whole, so AWS has the pages.
 * Invariants: a stream reads its next page when the last one was taken, so that a slow reader costs one page of memory; a
 * stream that nobody reads any more ends with its connection.
 */
import { createRoute, z } from '@hono/zod-openapi';
import { type SSEStreamingApi, streamSSE } from 'hono/streaming';
import { readPhaseChanges } from '../../aws/camera-states.ts';
import { readDecisionsSince } from '../../aws/decisions.ts';
import { readTracks } from '../../aws/tracks.ts';
import { cameraIdPattern } from '../../core/camera.ts';
import {
  decisionEvent,
  type EventPage,
  type EventSource,
  eventPage,
  lateWritesMs,
  phaseEvent,
  trackEvent,
} from '../../core/views/event-view.ts';
import type { ControlDeps } from '../handler-deps.ts';
import { unlessKnown } from './answers.ts';
import type { Api } from './app.ts';
import { failures } from './cameras.ts';
import { Problem } from './problem.ts';

/** Who comes without a place sees the last minutes; nobody goes back further than a day. */
const beginsBeforeMs = 600_000;
const spanMaxMs = 86_400_000;
/** One query each. */
const camerasMax = 5;
const readMax = 300;
const pollMs = 2_000;
const heartbeatMs = 15_000;
/** A browser keeps six connections to one place; a stream holds one. */
const streamsMax = 12;

const instant = z.iso.datetime({ offset: true }).meta({ example: '2026-11-24T08:00:00Z' });
const eventSchema = z
  .object({ id: z.string(), at: z.string(), kind: z.enum(['decision', 'phase', 'track']), words: z.string() })
  .loose()
  .meta({ id: 'StageEvent', description: 'may come twice: drop the ids that you have had' });
const pageSchema = z
  .object({ events: z.array(eventSchema), after: z.string(), more: z.boolean() })
  .meta({ id: 'EventPage', description: 'oldest first; `after` is the place of the next page' });

export function addEventRoutes(app: Api, deps: ControlDeps, { streamsEvents }: { streamsEvents: boolean }): void {
  const { clients, clock, environment, telemetry } = deps;
  const { names, fleets } = environment;
  const { tables } = names;
  let streams = 0;

  async function readPage(cameras: readonly string[], afterMs: number): Promise<EventPage> {
    const fromMs = afterMs - lateWritesMs;
    const decisionsOf = async (fleet: string): Promise<EventSource> => {
      const span = { fromMs, limit: readMax };
      const { decisions, isCut } = await readDecisionsSince(clients, tables.decisions, fleet, span);
      return { events: decisions.map(decisionEvent), isCut };
    };
    const phasesOf = async (fleet: string): Promise<EventSource> => {
      const changes = await readPhaseChanges(clients, tables.cameraStates, fleet, fromMs);
      return { events: changes.map(phaseEvent), isCut: false };
    };
    const tracksOf = async (cameraId: string): Promise<EventSource> => {
      const span = { fromMs, toMs: clock.nowMs() + lateWritesMs, limit: readMax, after: null, oldestFirst: true };
      const { tracks, next } = await readTracks(clients, tables.detections, cameraId, span);
      return { events: tracks.map(trackEvent), isCut: next !== null };
    };
    const sources = [...fleets.flatMap((fleet) => [decisionsOf(fleet), phasesOf(fleet)]), ...cameras.map(tracksOf)];
    return eventPage(await Promise.all(sources), afterMs);
  }

  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/events',
      summary: 'Decisions, changes of phase, and the tracks of some cameras, as they happen',
      request: {
        query: z.object({
          after: instant.optional().meta({ description: '`after` of the page before; the last 10 minutes without it' }),
          camera: z
            .string()
            .transform((text) => text.split(','))
            .pipe(z.array(z.string().regex(cameraIdPattern)).max(camerasMax))
            .optional()
            .meta({ type: 'string', description: `ids with commas between, ${camerasMax} at most: their tracks too` }),
        }),
      },
      responses: {
        200: {
          content: { 'application/json': { schema: pageSchema }, 'text/event-stream': { schema: z.string() } },
          description:
            'answers 304 to If-None-Match while nothing happens; a stream where one is accepted and there is one',
        },
        ...failures,
      },
    }),
    async (context) => {
      const { camera: cameras = [], after } = context.req.valid('query');
      const place = context.req.header('last-event-id') ?? after;
      const nowMs = clock.nowMs();
      const placeMs = place === undefined ? nowMs - beginsBeforeMs : Date.parse(place);
      if (Number.isNaN(placeMs)) throw new Problem(400, `last-event-id: expected an instant, got "${place}"`);
      const afterMs = Math.max(placeMs, nowMs - spanMaxMs);
      if (streamsEvents && (context.req.header('accept') ?? '').includes('text/event-stream')) {
        if (streams >= streamsMax) {
          throw new Problem(503, `${streamsMax} streams are open: close one, or ask for pages`, {
            headers: { 'retry-after': '30' },
          });
        }
        streams += 1;
        return streamSSE(context, async (stream) => {
          try {
            await tell(stream, cameras, afterMs);
          } finally {
            streams -= 1;
          }
        }) as never;
      }
      return unlessKnown(context, await readPage(cameras, afterMs));
    },
  );

  async function tell(stream: SSEStreamingApi, cameras: readonly string[], fromMs: number): Promise<void> {
    const told = new Map<string, number>();
    let wake = () => {};
    stream.onAbort(() => wake());
    let afterMs = fromMs;
    await stream.write(': the beginning\n\n');
    for (let quietSinceMs = clock.monotonicMs(); !stream.aborted && !stream.closed; ) {
      const page = await readPage(cameras, afterMs).catch((error: unknown) => {
        telemetry.logger.warn('events were not read', { failure: error instanceof Error ? error.message : error });
        return null;
      });
      for (const event of page?.events ?? []) {
        if (told.has(event.id)) continue;
        told.set(event.id, Date.parse(event.at));
        await stream.writeSSE({ id: event.at, event: event.kind, data: JSON.stringify(event) });
        quietSinceMs = clock.monotonicMs();
      }
      if (page !== null) afterMs = Date.parse(page.after);
      for (const [id, atMs] of told) if (atMs <= afterMs - lateWritesMs) told.delete(id);
      if (page?.more) continue;
      if (clock.monotonicMs() - quietSinceMs >= heartbeatMs) {
        await stream.write(': still here\n\n');
        quietSinceMs = clock.monotonicMs();
      }
      await new Promise<void>((resolve) => {
        const cancel = clock.setTimer(pollMs, resolve);
        wake = () => {
          cancel();
          resolve();
        };
        if (stream.aborted) wake();
      });
    }
  }
}
