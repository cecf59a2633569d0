/** Silence, streams, pauses and windows: what makes a camera wanted, and the words when it is not. */
import { describe, expect, it } from 'vitest';
import type { CameraState, WorkerItem } from '../fleet-state.ts';
import { cameraDemands, type DemandInput, streamsToAskAbout } from './demand.ts';
import { noonMs, policy, report, state, worker } from './fleet-factories.ts';
import { ownersOf } from './owners.ts';

const minuteMs = 60_000;

function demandOf(
  item: CameraState,
  { workers = [], ...given }: Partial<DemandInput> & { workers?: readonly WorkerItem[] } = {},
) {
  const [demand] = cameraDemands({
    nowMs: noonMs,
    policy: policy(),
    leadTimeMs: 420_000,
    cameras: [item],
    owners: ownersOf(workers, noonMs, policy().workerDeadAfterMs),
    streams: { statusByName: new Map([['cam', 'ACTIVE']]), activeAtMs: new Map(), periodMs: minuteMs },
    pause: null,
    ...given,
  });
  if (demand === undefined) throw new Error('no demand');
  return demand;
}

function streams(activeAgoMs: number | null | undefined, status = 'ACTIVE') {
  const activeAtMs =
    activeAgoMs === undefined ? new Map() : new Map([['cam', activeAgoMs === null ? null : noonMs - activeAgoMs]]);
  return { statusByName: new Map([['cam', status]]), activeAtMs, periodMs: minuteMs };
}

const owned = (ownedAgoMs: number) =>
  state('cam', { ownerWorkerId: 'w1', epoch: 1, ownedSinceMs: noonMs - ownedAgoMs });
const reporting = (mediaAgoMs: number | null, given: Parameters<typeof report>[0] = {}): WorkerItem[] => {
  const { lastMediaAtMs: _, ...rest } = report(given);
  return [
    worker('w1', {
      running: { cam: { ...rest, ...(mediaAgoMs === null ? {} : { lastMediaAtMs: noonMs - mediaAgoMs }) } },
    }),
  ];
};

describe('cost', () => {
  it('is the rate times what the model costs against the default one', () => {
    expect(demandOf(state('cam', {}, { detect: { fps: 4 } })).load).toBe(4);
    expect(demandOf(state('cam', {}, { detect: { fps: 4, model: 'yolov8s' } })).load).toBeCloseTo(13.2);
    expect(demandOf(state('cam', {}, { detect: { fps: 4, model: 'my-own' } })).load).toBe(4);
  });
});

describe('windows', () => {
  const windowed = (start: string, end: string) =>
    state('cam', {}, { schedule: { timeZone: 'UTC', windows: [{ start, end }] } });

  it('is wanted inside one, warm within the lead time and a tick, and off otherwise', () => {
    expect(demandOf(windowed('11:00', '13:00'))).toMatchObject({ wantedNow: true, assignNow: true });
    expect(demandOf(windowed('12:07', '13:00'))).toMatchObject({
      wantedNow: false,
      assignNow: false,
      idle: { phase: 'warming' },
    });
    // Ticks and windows fall on the same instants: 12:08 is exactly a lead time and a tick away.
    expect(demandOf(windowed('12:08', '13:00'))).toMatchObject({ idle: { phase: 'warming' } });
    expect(demandOf(windowed('12:09', '13:00'))).toMatchObject({ nextStartMs: null, idle: { phase: 'off-schedule' } });
    expect(demandOf(windowed('11:00', '12:00'))).toMatchObject({ wantedNow: false, idle: { phase: 'off-schedule' } });
  });

  it('is given to a worker one tick before its window opens', () => {
    expect(demandOf(windowed('12:01', '13:00'))).toMatchObject({ wantedNow: false, assignNow: true });
    expect(demandOf(windowed('12:02', '13:00'))).toMatchObject({ assignNow: false });
  });

  it('does not wait for media at the start of a window', () => {
    expect(demandOf(windowed('11:58', '13:00'), { streams: streams(null) })).toMatchObject({ wantedNow: true });
  });

  it('is not wanted during a pause, and warms up towards its end', () => {
    const paused = (untilMs: number) => demandOf(windowed('11:00', '13:00'), { pause: { untilMs, reason: 'works' } });
    expect(paused(noonMs + 30 * minuteMs)).toMatchObject({ wantedNow: false, idle: { phase: 'off-schedule' } });
    expect(paused(noonMs + 5 * minuteMs)).toMatchObject({
      wantedNow: false,
      nextStartMs: noonMs + 5 * minuteMs,
      idle: { phase: 'warming' },
    });
  });

  it('is not wanted when its row is wrong, disabled or leaving', () => {
    const wrong = state('cam', {
      camera: null,
      issues: [{ severity: 'error', path: 'detect.fps', message: 'too big' }],
    });
    expect(demandOf(wrong)).toMatchObject({ idle: { phase: 'invalid', reason: 'detect.fps: too big' } });
    expect(demandOf(state('cam', {}, { enabled: false }))).toMatchObject({
      wantedNow: false,
      idle: { phase: 'disabled' },
    });
    expect(demandOf(state('cam', { leaving: { toFleet: 'b', sinceMs: 0 } }))).toMatchObject({ wantedNow: false });
  });
});

describe('silence', () => {
  it('believes the worker over the lagging metric', () => {
    const seen = demandOf(owned(20 * minuteMs), {
      workers: reporting(6 * minuteMs, { state: 'silent' }),
      streams: streams(minuteMs),
    });
    expect(seen).toMatchObject({ wantedNow: false, silentSinceMs: noonMs - 6 * minuteMs, idle: { phase: 'silent' } });
    expect(demandOf(owned(20 * minuteMs), { workers: reporting(minuteMs), streams: streams(null) }).wantedNow).toBe(
      true,
    );
  });

  it('is listened to within its window, and costs nothing until the next one', () => {
    const seen = demandOf(owned(20 * minuteMs), { workers: reporting(6 * minuteMs, { state: 'silent' }) });
    expect(seen).toMatchObject({ assignNow: true, isListenedTo: true, wantedNow: false, intervals: [] });
    const outside = state('cam', {}, { schedule: { timeZone: 'UTC', windows: [{ start: '01:00', end: '02:00' }] } });
    expect(demandOf(outside, { streams: streams(null) })).toMatchObject({ assignNow: false, isListenedTo: false });
  });

  it('is not silence when it is the worker that has said nothing since', () => {
    const seen = (mediaAgoMs: number, heartbeatAgoMs: number) =>
      demandOf(owned(10 * minuteMs), {
        policy: policy({ silentGraceMs: 10_000 }),
        workers: reporting(mediaAgoMs).map((item) => ({ ...item, heartbeatAtMs: noonMs - heartbeatAgoMs })),
      });
    expect(seen(20_000, 18_000)).toMatchObject({ wantedNow: true, silentSinceMs: null });
    expect(seen(20_000, 8_000)).toMatchObject({ wantedNow: false, silentSinceMs: noonMs - 20_000 });
  });

  it('believes the metric where the worker cannot read', () => {
    const failing = reporting(10 * minuteMs, { state: 'failing' });
    expect(demandOf(owned(20 * minuteMs), { workers: failing, streams: streams(2 * minuteMs) }).wantedNow).toBe(true);
    expect(demandOf(owned(20 * minuteMs), { workers: failing, streams: streams(null) }).wantedNow).toBe(false);
  });

  it('gives a new owner the grace to see media', () => {
    expect(demandOf(owned(4 * minuteMs), { workers: reporting(null, { state: 'starting' }) }).wantedNow).toBe(true);
    expect(demandOf(owned(6 * minuteMs), { workers: reporting(null, { state: 'silent' }) }).wantedNow).toBe(false);
  });

  it('is never declared where nothing is known', () => {
    expect(demandOf(state('cam'), { streams: streams(undefined) }).wantedNow).toBe(true);
    expect(demandOf(state('cam'), { streams: streams(null) }).wantedNow).toBe(false);
  });

  it('does not take the delay of the metric for silence, however short the grace', () => {
    expect(
      demandOf(state('cam'), { policy: policy({ silentGraceMs: 10_000 }), streams: streams(3 * minuteMs) }).wantedNow,
    ).toBe(true);
  });

  it('ends when media came after it began, not with the minute it began in', () => {
    const silent = state('cam', { silentSinceMs: noonMs - 10 * minuteMs - 30_000 });
    expect(demandOf(silent, { streams: streams(11 * minuteMs) })).toMatchObject({
      wantedNow: false,
      idle: { phase: 'silent' },
    });
    expect(demandOf(silent, { streams: streams(2 * minuteMs) })).toMatchObject({
      wantedNow: true,
      silentSinceMs: null,
    });
    expect(demandOf(silent, { streams: streams(undefined) }).wantedNow).toBe(false);
  });

  it('names a stream that does not exist', () => {
    const absent = demandOf(state('cam'), { streams: { ...streams(null), statusByName: new Map() } });
    expect(absent.idle).toEqual({
      phase: 'silent',
      reason: 'KVS stream cam does not exist: create it, or set stream.create to true',
    });
    expect(demandOf(state('cam'), { streams: { ...streams(undefined), statusByName: null } }).wantedNow).toBe(true);
  });

  it('asks the metric only about streams that nobody reads', () => {
    const off = state('off', {}, { schedule: { timeZone: 'UTC', windows: [{ start: '01:00', end: '02:00' }] } });
    const cameras = [owned(minuteMs), off, state('waiting')];
    expect(streamsToAskAbout(cameras, reporting(0), noonMs, policy())).toEqual(['waiting']);
    expect(streamsToAskAbout(cameras, reporting(0, { state: 'failing' }), noonMs, policy())).toEqual([
      'cam',
      'waiting',
    ]);
  });
});
