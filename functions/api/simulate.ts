/**
 * A change of schedules played before it is saved: what the coming days cost and miss as the rows are, and as they would
 * be. Invariants: nothing is written; what is too large to be played within a request is answered by the calendar alone,
 * and the answer says so; one question is played at a time, and no longer than `playMaxMs`.
 */
import { createRoute, z } from '@hono/zod-openapi';
import { readCameraStates } from '../../aws/camera-states.ts';
import { readFleet } from '../../aws/fleets.ts';
import { type Camera, cameraIdPattern, type Issue } from '../../core/camera.ts';
import { fleetPolicy } from '../../core/control/policy.ts';
import { parseCameraRow } from '../../core/parse-camera-row.ts';
import { calendarFigures, cameraChanges, fleetChanges } from '../../core/simulation/schedule-change.ts';
import { defaultSettings } from '../../core/simulation/settings.ts';
import type { FleetRun, RunOrder } from '../../core/simulation/simulate.ts';
import { playedChange, type Simulation } from '../../core/views/simulation-view.ts';
import type { ControlDeps } from '../handler-deps.ts';
import type { Api } from './app.ts';
import { failures, rowSchema } from './cameras.ts';
import { hourPrices } from './hour-prices.ts';
import type { PlayRuns } from './play-in-turn.ts';
import { Problem, problemSchema } from './problem.ts';

const dayMs = 86_400_000;
const rowsMax = 100;
const daysMax = 14;
/** A run takes about 5 ms a camera and day on one core of a laptop, and grows faster beyond some hundred cameras. */
const camerasPlayedMax = 250;
const cameraDaysPlayedMax = 500;
/** API Gateway ends a request after 30 s. */
const playMaxMs = 22_000;

const questionSchema = z
  .strictObject({
    rows: z.array(rowSchema).max(rowsMax).default([]),
    remove: z.array(z.string().regex(cameraIdPattern)).max(rowsMax).default([]),
    from: z.iso.datetime({ offset: true }).optional(),
    days: z.number().min(1).max(daysMax).default(7),
    seed: z.string().min(1).max(64).default('1'),
  })
  .meta({ id: 'SimulationQuestion', description: 'rows as they would be saved; cameras that would be removed' });
const usd = z.number().nullable();
const figuresSchema = z.object({
  ...{ cameras: z.int(), cameraHours: z.number(), instanceHours: z.number(), peakInstances: z.int() },
  ...{ missingInstanceHours: z.number(), costUsd: usd, alwaysOnUsd: usd },
});
const outcomeSchema = z.object({
  ...{ scheduledCameraSeconds: z.number(), inferredCameraSeconds: z.number(), coverage: z.number() },
  ...{ blindSecondsByCause: z.record(z.string(), z.number()), instanceHours: z.number(), costUsd: usd },
  peakInstances: z.int(),
  readyBy: z.object({
    ...{ windows: z.int(), hit: z.int(), missed: z.int(), latenessP95Ms: z.number(), latenessMaxMs: z.number() },
  }),
});
const answerSchema = z
  .object({
    ...{ from: z.string(), to: z.string(), seed: z.string(), fleets: z.array(z.string()) },
    usdPerInstanceHour: usd,
    changes: z.array(
      z.object({
        ...{ cameraId: z.string(), change: z.enum(['added', 'changed', 'removed']) },
        ...{ scheduledHoursBefore: z.number(), scheduledHoursAfter: z.number() },
      }),
    ),
    calendar: z.object({ before: figuresSchema, after: figuresSchema }),
    played: z
      .object({
        ...{ to: z.string(), before: outcomeSchema, after: outcomeSchema },
        instances: z.object({
          ...{ fromMs: z.number(), bucketMs: z.number() },
          ...{ before: z.array(z.number()), after: z.array(z.number()) },
        }),
      })
      .nullable(),
    notSimulated: z.array(z.string()),
  })
  .meta({
    id: 'Simulation',
    description: '`calendar`: what the windows need; `played`: with boots, faults and silences',
  });

export function addSimulateRoutes(app: Api, deps: ControlDeps, { playRuns }: { playRuns: PlayRuns }): void {
  const { clients, clock, environment } = deps;
  const { names, fleets, policy: deployment, region } = environment;
  let isPlaying = false;

  async function played(orders: readonly RunOrder[], asked: AbortSignal): Promise<FleetRun[]> {
    if (isPlaying) throw new Problem(429, 'another simulation is being played', { headers: { 'retry-after': '5' } });
    isPlaying = true;
    const late = new AbortController();
    const cancel = clock.setTimer(playMaxMs, () => late.abort());
    try {
      return await playRuns(orders, AbortSignal.any([asked, late.signal]));
    } catch (error) {
      if (!late.signal.aborted) throw error;
      throw new Problem(503, `it could not be played within ${playMaxMs / 1_000} s: ask for fewer days`);
    } finally {
      cancel();
      isPlaying = false;
    }
  }

  app.openapi(
    createRoute({
      method: 'post',
      path: '/api/simulate',
      summary: 'What the coming days cost and miss, as the rows are and as they would be; nothing is saved',
      request: { body: { content: { 'application/json': { schema: questionSchema } }, required: true } },
      responses: {
        200: { content: { 'application/json': { schema: answerSchema } }, description: 'before and after' },
        422: { content: { 'application/problem+json': { schema: problemSchema } }, description: 'a row has errors' },
        ...failures,
      },
    }),
    async (context) => {
      const { rows: typed, remove, from, days, seed } = context.req.valid('json');
      const rows = usableRows(typed, fleets);
      const fromMs = from === undefined ? clock.nowMs() : Date.parse(from);
      const span = { fromMs, toMs: fromMs + Math.round(days * dayMs) };
      const states = await Promise.all(
        fleets.map((fleet) => readCameraStates(clients, names.tables.cameraStates, fleet)),
      );
      const present = states.flat().flatMap(({ camera, leaving }) => (camera === null || leaving ? [] : camera));
      const unknown = remove.filter((cameraId) => !present.some((camera) => camera.cameraId === cameraId));
      if (unknown.length > 0) throw new Problem(422, `no camera to remove: ${unknown.join(', ')}`);
      const changed = await Promise.all(
        fleetChanges(present, rows, remove).map(async (change) => {
          const item = await readFleet(clients, names.tables.fleets, change.fleet);
          return { ...change, policy: fleetPolicy(deployment, item).policy };
        }),
      );
      if (changed.length === 0) throw new Problem(422, 'nothing to play: give rows, or cameras to remove');
      const prices = hourPrices(changed[0]?.policy ?? deployment, region);
      const figures = (side: 'before' | 'after') =>
        calendarFigures(
          changed.map((change) => ({ cameras: change[side], policy: change.policy })),
          span,
          prices?.spotUsd ?? null,
        );
      const calendar = { before: figures('before'), after: figures('after') };
      const cameras = Math.max(calendar.before.cameras, calendar.after.cameras);
      const daysPlayed = Math.min(days, Math.floor(cameraDaysPlayedMax / Math.max(1, cameras)));
      const toMs = fromMs + Math.round(daysPlayed * dayMs);
      const isPlayed = cameras <= camerasPlayedMax && daysPlayed >= 1;
      const others = fleets.filter((fleet) => !changed.some((change) => change.fleet === fleet));
      const notSimulated = [
        ...(others.length === 0 ? [] : [`the fleets ${others.join(', ')}: nothing changes there`]),
        ...(isPlayed && daysPlayed < days ? [`days after the first ${daysPlayed}: ${cameras} cameras are many`] : []),
        ...(isPlayed
          ? []
          : [
              `boots, faults and silences: ${cameras} cameras are too many for one request; kvs-infer simulate plays them`,
            ]),
        ...(prices === null ? [`money: no price of the instance type is known in ${region}`] : []),
      ];
      const sides = ['before', 'after'] as const;
      const orders = sides.flatMap((side) =>
        changed.map(
          ({ fleet, policy, [side]: ofFleet }): RunOrder => ({
            runner: 'ours',
            input: {
              ...{ seed: `${seed}/${fleet}`, fleet, policy, fromMs, toMs },
              rows: ofFleet.map((camera) => ({ cameraId: camera.cameraId, camera, issues: [] })),
              settings: { ...defaultSettings, workerInferencesPerSecond: policy.defaultInferencesPerSecond },
            },
          }),
        ),
      );
      const runs = isPlayed ? await played(orders, context.req.raw.signal) : null;
      const answer: Simulation = {
        ...{ from: new Date(fromMs).toISOString(), to: new Date(span.toMs).toISOString(), seed },
        fleets: changed.map(({ fleet }) => fleet),
        usdPerInstanceHour: prices?.spotUsd ?? null,
        changes: cameraChanges(present, rows, remove, span),
        calendar,
        played:
          runs === null
            ? null
            : playedChange(
                runs.slice(0, changed.length),
                runs.slice(changed.length),
                new Date(toMs).toISOString(),
                prices,
              ),
        notSimulated,
      };
      return context.json(answer, 200);
    },
  );
}

function usableRows(typed: readonly Record<string, unknown>[], fleets: readonly string[]): Camera[] {
  const cameras = new Map<string, Camera>();
  const wrong: Issue[] = [];
  for (const [index, row] of typed.entries()) {
    const { camera, issues } = parseCameraRow(row);
    const errors = issues.filter(({ severity }) => severity === 'error');
    const more = (path: string, message: string): Issue => ({ severity: 'error', path, message });
    if (camera !== null && !fleets.includes(camera.fleet))
      errors.push(more('fleet', `expected one of ${fleets.join(', ')}, got "${camera.fleet}"`));
    if (camera !== null && cameras.has(camera.cameraId)) errors.push(more('cameraId', 'is given twice'));
    wrong.push(...errors.map((issue) => ({ ...issue, path: `rows.${index}.${issue.path}` })));
    if (camera !== null) cameras.set(camera.cameraId, camera);
  }
  if (wrong.length > 0) throw new Problem(422, 'a row has errors', { issues: wrong });
  return [...cameras.values()];
}
