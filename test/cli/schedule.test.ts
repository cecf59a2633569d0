/** `kvs-infer schedule --json`: `[{ start, end }]`, UTC instants, ordered, merged, half-open, clipped to what was asked. */
import { describe, expect, it } from 'vitest';
import { documentOf, expectFailure, kvsInfer, temporaryFolder } from './kvs-infer.ts';

const folder = temporaryFolder();
const row = (schedule: unknown, more: Record<string, unknown> = {}) =>
  JSON.stringify({ cameraId: 'dock-1', streamName: 'dock-1', schedule, ...more });
const weekly = (timeZone: string, ...windows: [start: string, end: string][]) => ({
  timeZone,
  windows: windows.map(([start, end]) => ({ start, end })),
});

/** `start/end` of each interval. */
async function intervals(
  name: string,
  content: string,
  from: string,
  to: string,
  ...more: string[]
): Promise<string[]> {
  const file = await folder.write(name, content);
  const document = documentOf(await kvsInfer(['schedule', file, '--from', from, '--to', to, '--json', ...more]));
  return (document as { start: string; end: string }[]).map((interval) => {
    expect(Object.keys(interval)).toEqual(['start', 'end']);
    return `${interval.start}/${interval.end}`;
  });
}

describe.concurrent('intervals', () => {
  it('windows that touch or overlap are one', async () => {
    const schedule = weekly('UTC', ['08:00', '12:00'], ['12:00', '14:00'], ['13:00', '18:00'], ['20:00', '21:00']);
    expect(await intervals('touch.yaml', row(schedule), '2026-11-24T00:00:00Z', '2026-11-25T00:00:00Z')).toEqual([
      '2026-11-24T08:00:00.000Z/2026-11-24T18:00:00.000Z',
      '2026-11-24T20:00:00.000Z/2026-11-24T21:00:00.000Z',
    ]);
  });

  it('the end is not included: the instant at which a window ends has none', async () => {
    const content = row(weekly('UTC', ['08:00', '18:00']));
    const before = await intervals('end.yaml', content, '2026-11-24T17:59:59.999Z', '2026-11-24T18:00:00Z');
    expect(before).toEqual(['2026-11-24T17:59:59.999Z/2026-11-24T18:00:00.000Z']);
    expect(await intervals('ended.yaml', content, '2026-11-24T18:00:00Z', '2026-11-24T18:00:01Z')).toEqual([]);
  });

  it('a window that ends before it starts ends the next day; offsets are understood', async () => {
    const content = row({ timeZone: 'Asia/Singapore', windows: [{ days: ['fri'], start: '22:00', end: '06:00' }] });
    expect(await intervals('night.yaml', content, '2026-11-23T00:00:00+08:00', '2026-11-30T00:00:00+08:00')).toEqual([
      '2026-11-27T14:00:00.000Z/2026-11-27T22:00:00.000Z',
    ]);
  });

  it('spring forward: a start that does not exist is the first instant after the gap', async () => {
    const content = row(weekly('Europe/Berlin', ['02:30', '04:00']));
    expect(await intervals('spring.yaml', content, '2026-03-29T00:00:00Z', '2026-03-29T12:00:00Z')).toEqual([
      '2026-03-29T01:00:00.000Z/2026-03-29T02:00:00.000Z',
    ]);
  });

  it('fall back: the first occurrence of a start, the second of an end', async () => {
    const content = row(weekly('Europe/Berlin', ['02:15', '02:45']));
    expect(await intervals('autumn.yaml', content, '2026-10-25T00:00:00Z', '2026-10-25T12:00:00Z')).toEqual([
      '2026-10-25T00:15:00.000Z/2026-10-25T01:45:00.000Z',
    ]);
  });

  it('exceptions replace, overrides expire, and a disabled camera has none', async () => {
    const holiday = { ...weekly('UTC', ['08:00', '18:00']), exceptions: [{ date: '2026-12-25', windows: [] }] };
    const span = ['2026-12-25T00:00:00Z', '2026-12-27T00:00:00Z'] as const;
    const saturday = '2026-12-26T08:00:00.000Z/2026-12-26T18:00:00.000Z';
    expect(await intervals('holiday.yaml', row(holiday), ...span)).toEqual([saturday]);
    const override = { state: 'on', until: '2026-12-25T02:00:00Z' };
    expect(await intervals('override.yaml', row(holiday, { override }), ...span)).toEqual([
      '2026-12-25T00:00:00.000Z/2026-12-25T02:00:00.000Z',
      saturday,
    ]);
    expect(await intervals('disabled.yaml', row(holiday, { enabled: false }), ...span)).toEqual([]);
  });

  it('of a file with several cameras, the one that --camera names', async () => {
    const cameras = `cameras:\n  - { cameraId: a, streamName: a }\n  - ${row(weekly('UTC', ['08:00', '09:00']))}\n`;
    const day = ['2026-11-24T00:00:00Z', '2026-11-25T00:00:00Z'] as const;
    expect(await intervals('several.yaml', cameras, ...day, '--camera', 'dock-1')).toEqual([
      '2026-11-24T08:00:00.000Z/2026-11-24T09:00:00.000Z',
    ]);
    const unnamed = await kvsInfer(['schedule', folder.path('several.yaml'), '--from', day[0], '--to', day[1]]);
    expectFailure(unnamed, 1, 'CAMERA_NOT_CHOSEN', 'holds 2 cameras', '--camera: a, dock-1');
  });

  it('without --json, a line per interval in local time, and the total', async () => {
    const file = await folder.write('text.yaml', row(weekly('Asia/Singapore', ['08:00', '18:00'])));
    const span = ['--from', '2026-11-24T00:00:00Z', '--to', '2026-11-25T00:00:00Z'];
    const { exitCode, stdout } = await kvsInfer(['schedule', file, ...span]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('dock-1, times in Asia/Singapore');
    expect(stdout).toContain('2026-11-24T00:00:00.000Z .. 2026-11-24T10:00:00.000Z');
    expect(stdout).toMatch(/1 intervals?, 10\.00 h\n$/);
  });
});

describe.concurrent('what cannot be answered', () => {
  const ask = async (file: string, from: string, to: string) =>
    kvsInfer(['schedule', file, '--from', from, '--to', to]);
  const always = () => folder.write('always.yaml', row('always'));

  it.each(['2026-11-24T08:00:00', '2026-11-24', 'tomorrow', '2026-02-30T00:00:00Z', '2026-11-24T25:00:00Z'])(
    'the instant %s is wrong usage',
    async (from) => {
      expectFailure(await ask(await always(), from, '2026-12-01T00:00:00Z'), 2, 'WRONG_INSTANT', '--from', from);
    },
  );

  it.each([
    ['backwards', '2026-11-25T00:00:00Z', '2026-11-24T00:00:00Z'],
    ['empty', '2026-11-24T00:00:00Z', '2026-11-24T00:00:00Z'],
    ['of a century', '2026-11-24T00:00:00Z', '2126-11-24T00:00:00Z'],
  ])('a span that is %s is wrong usage', async (_, from, to) => {
    expectFailure(await ask(await always(), from, to), 2, 'WRONG_SPAN', from, to);
  });

  it('a row with errors says which', async () => {
    const file = await folder.write('wrong.yaml', row(weekly('Mars/Olympus', ['08:00', '18:00'])));
    const answer = await ask(file, '2026-11-24T00:00:00Z', '2026-11-25T00:00:00Z');
    expectFailure(answer, 1, 'CAMERA_INVALID', 'schedule.timeZone', 'Mars/Olympus');
  });

  it('a file that is not there is named', async () => {
    const answer = await ask(folder.path('none.yaml'), '2026-11-24T00:00:00Z', '2026-11-25T00:00:00Z');
    expectFailure(answer, 1, 'CAMERA_FILE_UNREADABLE', 'none.yaml');
  });
});
