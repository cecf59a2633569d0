/**
 * What a camera saw, in the API: its tracks by time, and links to its snapshots.
 * Invariant: a link is given only for a picture that a track of this camera names, so that no key reaches beyond it.
 */
import { createRoute, z } from '@hono/zod-openapi';
import type { DetectionItem } from '../../aws/results.ts';
import { readPictureRecord, readTracks, signedPictureUrl } from '../../aws/tracks.ts';
import type { ControlDeps } from '../handler-deps.ts';
import type { Api } from './app.ts';
import { cameraIdParam, failures } from './cameras.ts';
import { Problem } from './problem.ts';

const dayMs = 86_400_000;
const limitMax = 200;
/** A page that shows a picture asks for its link anew when it is looked at again. */
const linkSeconds = 300;
/** Looked through for the newest track with a picture. */
const newestMax = 50;

const instant = z.iso.datetime({ offset: true }).meta({ example: '2026-11-24T08:00:00Z' });
const trackSchema = z
  .object({
    ...{ cameraId: z.string(), trackId: z.string(), epoch: z.int(), workerId: z.string(), model: z.string() },
    ...{ label: z.string(), classId: z.int(), score: z.number(), box: z.array(z.number()) },
    ...{ firstSeenAt: z.string(), lastSeenAt: z.string(), ended: z.boolean() },
    regions: z.array(z.string()),
    regionDwellMs: z.record(z.string(), z.number()),
    text: z.object({ value: z.string(), score: z.number() }).nullable(),
    snapshotKey: z.string().nullable(),
  })
  .meta({ id: 'Track', description: 'box is [x1, y1, x2, y2] in fractions of the frame, at the best score' });

/** Of the record beside a picture, what a page draws over it. */
const pictureSchema = z
  .object({
    ...{ capturedAt: z.string(), width: z.int().positive(), height: z.int().positive() },
    detections: z
      .array(
        z.object({
          ...{ label: z.string(), score: z.number(), box: z.array(z.number()).length(4) },
          ...{ trackId: z.string().optional(), text: z.object({ value: z.string() }).optional() },
        }),
      )
      .max(300),
  })
  .meta({ id: 'Picture', description: 'what was detected in the frame of the picture; boxes in fractions of it' });

/** The item without what only the table needs. */
function trackView(item: DetectionItem): z.output<typeof trackSchema> {
  const { expiresAt: _, 'at#trackId': _key, regions = [], regionDwellMs = {}, text, snapshotKey, ...track } = item;
  return { ...track, regions, regionDwellMs, text: text ?? null, snapshotKey: snapshotKey ?? null };
}

export function addResultRoutes(app: Api, { clients, clock, environment: { names } }: ControlDeps): void {
  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/cameras/{cameraId}/tracks',
      summary: 'Tracks of a camera, newest first, page by page',
      request: {
        params: cameraIdParam,
        query: z.object({
          from: instant.optional(),
          to: instant.optional(),
          limit: z.coerce.number().int().min(1).max(limitMax).default(50),
          after: z.string().max(200).optional().meta({ description: '`next` of the page before' }),
        }),
      },
      responses: {
        200: {
          content: {
            'application/json': { schema: z.object({ tracks: z.array(trackSchema), next: z.string().nullable() }) },
          },
          description: 'first seen within the span; the last day when none is given',
        },
        ...failures,
      },
    }),
    async (context) => {
      const { cameraId } = context.req.valid('param');
      const { from, to, limit, after = null } = context.req.valid('query');
      const toMs = to === undefined ? clock.nowMs() : Date.parse(to);
      const fromMs = from === undefined ? toMs - dayMs : Date.parse(from);
      if (fromMs >= toMs) throw new Problem(400, `from: expected an instant before ${new Date(toMs).toISOString()}`);
      const { tracks, next } = await readTracks(clients, names.tables.detections, cameraId, {
        fromMs,
        toMs,
        limit,
        after,
      });
      return context.json({ tracks: tracks.map(trackView), next }, 200);
    },
  );

  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/cameras/{cameraId}/snapshot',
      summary: 'A link to the picture of a track, or to the newest one',
      request: {
        params: cameraIdParam,
        query: z.object({ trackId: z.string().max(128).optional(), firstSeenAt: instant.optional() }),
      },
      responses: {
        200: {
          content: {
            'application/json': {
              schema: z.object({
                ...{ url: z.string(), validSeconds: z.int(), track: trackSchema, picture: pictureSchema.nullable() },
              }),
            },
          },
          description: 'the link opens for some minutes; picture is null when what lay beside it is gone',
        },
        ...failures,
      },
    }),
    async (context) => {
      const { cameraId } = context.req.valid('param');
      const { trackId, firstSeenAt } = context.req.valid('query');
      if ((trackId === undefined) !== (firstSeenAt === undefined)) {
        throw new Problem(400, 'give trackId and firstSeenAt of a track, or neither for the newest picture');
      }
      const toMs = firstSeenAt === undefined ? clock.nowMs() : Date.parse(firstSeenAt) + 1_000;
      const fromMs = firstSeenAt === undefined ? toMs - 7 * dayMs : Date.parse(firstSeenAt) - 1_000;
      const span = { fromMs, toMs, limit: newestMax, after: null };
      const { tracks } = await readTracks(clients, names.tables.detections, cameraId, span);
      const track = tracks.find(
        (one) => one.snapshotKey !== undefined && (trackId === undefined || one.trackId === trackId),
      );
      if (track?.snapshotKey === undefined) throw new Problem(404, `camera "${cameraId}" has no such picture`);
      const url = await signedPictureUrl(clients, names.resultBucket, track.snapshotKey, linkSeconds);
      const record = await readPictureRecord(clients, names.resultBucket, track.snapshotKey);
      const picture = pictureSchema.safeParse(record).data ?? null;
      return context.json({ url, validSeconds: linkSeconds, track: trackView(track), picture }, 200);
    },
  );
}
