/**
 * The six cameras of `npm start`, chosen so that a newcomer sees the whole loop within two minutes: two always on, one
 * whose weekly window opens and closes, one held open by a dated override, one whose camera goes silent and returns,
 * and one whose row is wrong. Invariant: rows are exactly what a person could have typed.
 */

/** Inferences per second and camera: six of them, and two workers, fit two cores (see docs/local-cloud.md). */
const DEMO_FPS = 3;
/** A window opens at a full minute; nearer than this the pre-warming before it could not be seen. */
const OPENS_AT_LEAST_AHEAD_MS = 12_000;
const MINUTE_MS = 60_000;

export type DemoCamera = {
  row: Record<string, unknown>;
  /** Which bundled scene its camera films, or null when it has none. */
  sceneIndex: number | null;
  /** When the camera sends nothing, from the start of the run. */
  silent: { fromMs: number; toMs: number } | null;
  story: string;
};

/** A stream that films a scene but belongs to no camera, so that one can be added from another terminal. */
export const spareStreamName = 'kvs-infer-spare';

export function demoCameras(nowMs: number): DemoCamera[] {
  const opensMs = Math.ceil((nowMs + OPENS_AT_LEAST_AHEAD_MS) / MINUTE_MS) * MINUTE_MS;
  const everyDay = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];
  const row = (cameraId: string, more: Record<string, unknown>) => ({
    cameraId,
    streamName: `kvs-infer-${cameraId}`,
    detect: { fps: DEMO_FPS },
    ...more,
  });
  const window = (startMs: number, minutes: number) => ({
    days: everyDay,
    start: timeOfDay(startMs),
    end: timeOfDay(startMs + minutes * MINUTE_MS),
  });
  const plates = { enabled: true, classes: ['car', 'truck', 'bus'], pattern: '[A-Z0-9-]{6,9}' };
  return [
    {
      row: row('gate', { priority: 80, text: plates }),
      sceneIndex: 0,
      silent: null,
      story: 'always on, reads number plates',
    },
    { row: row('crossing', { priority: 70 }), sceneIndex: 1, silent: null, story: 'always on' },
    {
      row: row('dock', { schedule: { timeZone: 'UTC', windows: [window(opensMs, 1)] } }),
      sceneIndex: 2,
      silent: null,
      story: `window ${timeOfDay(opensMs)} to ${timeOfDay(opensMs + MINUTE_MS)} UTC`,
    },
    {
      row: row('yard', {
        schedule: { timeZone: 'UTC', windows: [window(opensMs + 2 * MINUTE_MS, 2)] },
        override: { state: 'on', until: new Date(nowMs + 45_000).toISOString() },
      }),
      sceneIndex: 0,
      silent: null,
      story: `held open for 45 s, then window ${timeOfDay(opensMs + 2 * MINUTE_MS)} to ${timeOfDay(opensMs + 4 * MINUTE_MS)} UTC`,
    },
    {
      row: row('alley', { priority: 40 }),
      sceneIndex: 1,
      silent: { fromMs: 30_000, toMs: 62_000 },
      story: 'goes silent after 30 s, returns after 62 s',
    },
    {
      row: row('back-door', {
        schedule: { timeZone: 'Asia/Singapura', windows: [{ days: everyDay, start: '8:00', end: '18:00' }] },
      }),
      sceneIndex: null,
      silent: null,
      story: 'its row is wrong',
    },
  ];
}

/** HH:MM in UTC. */
function timeOfDay(ms: number): string {
  return new Date(ms).toISOString().slice(11, 16);
}
