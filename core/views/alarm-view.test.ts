/** Which alarms are a stage's own, in which order, and with which words. */
import { expect, it } from 'vitest';
import { alarmDescription } from '../alarms.ts';
import { fleetAlarms } from '../fleet-alarms.ts';
import { alarmReport, alarmViews, type StoredAlarm } from './alarm-view.ts';

const atMs = Date.parse('2026-11-24T12:00:00Z');
const stored = (name: string, given: Partial<StoredAlarm> = {}): StoredAlarm => ({
  ...{ name, description: 'It is so.\nDo that.', state: 'OK', sinceMs: atMs },
  ...given,
});

it('are its own by their exact names, whatever begins alike', () => {
  const names = [
    ...['kvs-infer-prod-no-reconcile', 'kvs-infer-prod-docks-camera-blind', 'kvs-infer-prod-nat-bytes-high-2'],
    ...['kvs-infer-prod-2-no-reconcile', 'kvs-infer-prod-2-docks-camera-blind', 'kvs-infer-production-no-reconcile'],
    ...['kvs-infer-prod-other-camera-blind', 'kvs-infer-prod-docks-made-by-hand', 'unrelated'],
  ];
  const seen = alarmViews(
    names.map((name) => stored(name)),
    'prod',
    ['default', 'docks'],
  );
  expect(seen.map(({ alarm, fleet }) => [alarm, fleet])).toEqual([
    ['docks-camera-blind', 'docks'],
    ['nat-bytes-high-2', null],
    ['no-reconcile', null],
  ]);
});

it('tell what rings first, of these the newest, in the words that were deployed', () => {
  const [blind] = fleetAlarms('default', '', {}, { cluster: '', service: '' }).filter(
    ({ name }) => name === 'default-camera-blind',
  );
  if (blind === undefined) throw new Error('there is no such alarm');
  const views = alarmViews(
    [
      stored('kvs-infer-prod-iterator-age'),
      stored('kvs-infer-prod-no-reconcile', { state: 'ALARM', sinceMs: atMs - 60_000 }),
      stored('kvs-infer-prod-default-camera-blind', { state: 'ALARM', description: alarmDescription(blind) }),
      stored('kvs-infer-prod-default-cpu-high', { state: 'INSUFFICIENT_DATA', description: '', sinceMs: null }),
    ],
    'prod',
    ['default'],
  );
  expect(views.map(({ alarm }) => alarm)).toEqual([
    ...['default-camera-blind', 'no-reconcile', 'default-cpu-high', 'iterator-age'],
  ]);
  const { meaning, action } = blind;
  expect(views[0]).toMatchObject({ state: 'ALARM', since: '2026-11-24T12:00:00.000Z', meaning, action });
  expect(views[2]).toMatchObject({ since: null, meaning: '', action: '' });
  expect(alarmReport(views)).toEqual({ ringing: views.slice(0, 2), unreadable: null });
});
