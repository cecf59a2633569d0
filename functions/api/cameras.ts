/**
 * Cameras in the API: the registry's rows as they were typed, and what the system makes of each.
 * Invariants: a row is written only over the version that the caller knows; a row with errors is not written; the system's
 * own writes never touch the registry.
 */
import { createRoute, z } from '@hono/zod-openapi';
import { deleteCameraRow, readCameraRow, replaceCameraRow } from '../../aws/camera-row.ts';
import { readCameraState, readCameraStates } from '../../aws/camera-states.ts';
import { readLedger } from '../../aws/ledger.ts';
import { cameraIdPattern, fleetPattern } from '../../core/camera.ts';
import { coverageOf } from '../../core/control/coverage.ts';
import { parseCameraRow } from '../../core/parse-camera-row.ts';
import { cameraView } from '../../core/views/camera-view.ts';
import type { ControlDeps } from '../handler-deps.ts';
import { json, unlessKnown } from './answers.ts';
import type { Api } from './app.ts';
import { Problem, problemSchema } from './problem.ts';
import { entityTag, namesTag } from './row-version.ts';

const dayMs = 86_400_000;
const daysMax = 92;

export const cameraIdParam = z.object({
  cameraId: z.string().regex(cameraIdPattern).meta({ description: 'id of a registered camera', example: 'dock-1' }),
});
export const failures = {
  401: { content: { 'application/problem+json': { schema: problemSchema } }, description: 'no valid token' },
  404: { content: { 'application/problem+json': { schema: problemSchema } }, description: 'there is none' },
};
const conflict = {
  412: {
    content: { 'application/problem+json': { schema: problemSchema } },
    description: 'changed meanwhile; `current` is what is stored',
  },
  428: {
    content: { 'application/problem+json': { schema: problemSchema } },
    description: 'If-Match or If-None-Match is missing',
  },
};
const issueSchema = z.object({ severity: z.enum(['error', 'warning']), path: z.string(), message: z.string() });
const viewSchema = z
  .object({
    cameraId: z.string(),
    fleet: z.string(),
    phase: z.string(),
    reason: z.string(),
    issues: z.array(issueSchema),
  })
  .loose()
  .meta({ id: 'CameraState' });
export const rowSchema = z.record(z.string(), z.unknown()).meta({
  id: 'CameraRow',
  description: 'as docs/cameras.md describes it; judged as a whole, and refused with every issue',
});
const verdictSchema = z
  .object({
    ...{ cameraId: z.string(), fleet: z.string(), isUsable: z.boolean(), issues: z.array(issueSchema) },
    rowSeenAt: z.string(),
  })
  .meta({ id: 'Verdict', description: 'isUsable false: the camera does nothing until its row is put right' });
const cameraSchema = z
  .object({ row: rowSchema, state: viewSchema.nullable() })
  .meta({ id: 'Camera', description: 'state is null until the system has seen the row' });

export function addCameraRoutes(app: Api, deps: ControlDeps): void {
  const { clients, clock, environment } = deps;
  const { names, fleets } = environment;
  const { cameras: registry, cameraStates, ledger } = names.tables;

  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/cameras',
      summary: 'Cameras with their phases, by fleet and id',
      request: { query: z.object({ fleet: z.string().regex(fleetPattern).optional() }) },
      responses: { 200: json(z.object({ cameras: z.array(viewSchema) }), 'all of them'), ...failures },
    }),
    async (context) => {
      const { fleet } = context.req.valid('query');
      if (fleet !== undefined && !fleets.includes(fleet)) throw noFleet(fleet);
      const asked = fleet === undefined ? fleets : [fleet];
      const states = await Promise.all(asked.map((one) => readCameraStates(clients, cameraStates, one)));
      return unlessKnown(context, { cameras: states.flat().map(cameraView) });
    },
  );

  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/verdicts',
      summary: 'What is wrong with the rows: every camera whose row has errors or warnings',
      responses: {
        200: json(z.object({ verdicts: z.array(verdictSchema), judged: z.int() }), 'errors first; `judged`: all rows'),
        ...failures,
      },
    }),
    async (context) => {
      const states = (await Promise.all(fleets.map((one) => readCameraStates(clients, cameraStates, one)))).flat();
      const verdicts = states
        .filter(({ issues }) => issues.length > 0)
        .sort((a, b) => Number(b.camera === null) - Number(a.camera === null))
        .map(({ cameraId, fleet, camera, issues, rowChangedAtMs }) => ({
          ...{ cameraId, fleet, isUsable: camera !== null, issues },
          rowSeenAt: new Date(rowChangedAtMs).toISOString(),
        }));
      return context.json({ verdicts, judged: states.length }, 200);
    },
  );

  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/cameras/{cameraId}',
      summary: 'One camera: its row as typed, and its state',
      request: { params: cameraIdParam },
      responses: { 200: json(cameraSchema, 'the ETag is the version of the row'), ...failures },
    }),
    async (context) => {
      const { cameraId } = context.req.valid('param');
      const row = await readCameraRow(clients, registry, cameraId);
      if (row === null) throw noCamera(cameraId);
      const state = await stateOf(cameraId, row);
      return context.json({ row, state }, 200, { etag: entityTag(row) });
    },
  );

  app.openapi(
    createRoute({
      method: 'put',
      path: '/api/cameras/{cameraId}',
      summary: 'Register a camera (If-None-Match: *) or replace its row (If-Match: its ETag)',
      request: {
        params: cameraIdParam,
        query: z.object({ dryRun: z.enum(['true', 'false']).default('false') }),
        body: { content: { 'application/json': { schema: rowSchema } }, required: true },
      },
      responses: {
        200: json(z.object({ row: rowSchema, issues: z.array(issueSchema) }), 'written, or with dryRun only judged'),
        ...{
          422: {
            content: { 'application/problem+json': { schema: problemSchema } },
            description: 'the row has errors',
          },
        },
        ...failures,
        ...conflict,
      },
    }),
    async (context) => {
      const { cameraId } = context.req.valid('param');
      const row = { cameraId, ...context.req.valid('json') };
      if (row.cameraId !== cameraId) {
        const issue = {
          severity: 'error' as const,
          path: 'cameraId',
          message: `expected "${cameraId}", as in the path`,
        };
        throw new Problem(422, 'the row is of another camera', { issues: [issue] });
      }
      const { camera, issues } = parseCameraRow(row);
      if (camera === null) throw new Problem(422, 'the row has errors', { issues });
      if (!fleets.includes(camera.fleet)) {
        const message = `expected one of ${fleets.join(', ')}, got "${camera.fleet}"`;
        throw new Problem(422, 'the row has errors', {
          issues: [...issues, { severity: 'error', path: 'fleet', message }],
        });
      }
      if (context.req.valid('query').dryRun === 'true') return context.json({ row, issues }, 200);
      const before = await known(context.req.header('if-match'), context.req.header('if-none-match'), cameraId);
      if (!(await replaceCameraRow(clients, registry, row, before))) throw await changed(cameraId);
      deps.telemetry.logger.info('camera row written', { cameraId, by: context.get('principal').name });
      return context.json({ row, issues }, 200, { etag: entityTag(row) });
    },
  );

  app.openapi(
    createRoute({
      method: 'delete',
      path: '/api/cameras/{cameraId}',
      summary: 'Remove a camera (If-Match: its ETag)',
      request: { params: cameraIdParam },
      responses: { 204: { description: 'removed; its worker lets it go within a minute' }, ...failures, ...conflict },
    }),
    async (context) => {
      const { cameraId } = context.req.valid('param');
      const before = await known(context.req.header('if-match'), undefined, cameraId);
      if (before === null || !(await deleteCameraRow(clients, registry, before))) throw await changed(cameraId);
      deps.telemetry.logger.info('camera row removed', { cameraId, by: context.get('principal').name });
      return context.body(null, 204);
    },
  );

  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/cameras/{cameraId}/coverage',
      summary: 'How well a camera was watched: by hour and day, with the causes, and its windows',
      request: {
        params: cameraIdParam,
        query: z.object({ days: z.coerce.number().int().min(1).max(daysMax).default(7) }),
      },
      responses: {
        200: json(z.object({ coverage: z.unknown(), hours: z.array(z.unknown()) }), 'the ledger'),
        ...failures,
      },
    }),
    async (context) => {
      const { cameraId } = context.req.valid('param');
      const nowMs = clock.nowMs();
      const fromMs = nowMs - context.req.valid('query').days * dayMs;
      const { hours, windows } = await readLedger(clients, ledger, cameraId, fromMs, nowMs);
      if (hours.length === 0 && (await readCameraRow(clients, registry, cameraId)) === null) throw noCamera(cameraId);
      return context.json({ coverage: coverageOf(hours, windows), hours }, 200);
    },
  );

  /** Of the fleet that its row names, or of any while it moves. */
  async function stateOf(cameraId: string, row: Record<string, unknown>) {
    const named = typeof row.fleet === 'string' ? row.fleet : 'default';
    for (const fleet of new Set([named, ...fleets])) {
      const state = await readCameraState(clients, cameraStates, fleet, cameraId);
      if (state !== null) return cameraView(state);
    }
    return null;
  }

  /** The version that the caller wants to replace; null: it is to be new. */
  async function known(ifMatch: string | undefined, ifNoneMatch: string | undefined, cameraId: string) {
    if (ifMatch === undefined && ifNoneMatch !== '*') {
      throw new Problem(428, 'send If-Match with the ETag that you read, or If-None-Match: * for a new camera');
    }
    if (ifMatch === undefined) return null;
    const row = await readCameraRow(clients, registry, cameraId);
    if (row === null) throw noCamera(cameraId);
    if (!namesTag(ifMatch, entityTag(row))) throw await changed(cameraId);
    return row;
  }

  async function changed(cameraId: string): Promise<Problem> {
    const row = await readCameraRow(clients, registry, cameraId);
    const what = row === null ? 'it was removed' : 'somebody else has written it';
    return new Problem(412, `camera "${cameraId}" changed meanwhile: ${what}`, {
      current: row,
      ...(row === null ? {} : { headers: { etag: entityTag(row) } }),
    });
  }
}

export function noCamera(cameraId: string): Problem {
  return new Problem(404, `no camera "${cameraId}" is registered`);
}

export function noFleet(fleet: string): Problem {
  return new Problem(404, `this stage has no fleet "${fleet}"`);
}
