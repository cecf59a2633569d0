import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCameraRow } from './parse-camera-row.ts';

const minimal = { cameraId: 'dock-1', streamName: 'kvs-infer-dock-1' };

describe('a camera row', () => {
  it('needs two attributes; everything else has a default', () => {
    expect(parseCameraRow(minimal)).toEqual({
      issues: [],
      camera: {
        ...minimal,
        enabled: true,
        fleet: 'default',
        priority: 50,
        stream: { create: false, retentionHours: 24 },
        schedule: 'always',
        detect: {
          model: 'default',
          fps: 5,
          confidence: 0.35,
          iou: 0.5,
          classes: [],
          motionGate: { enabled: false, maxSkipMs: 5_000, sensitivity: 0.5 },
        },
        regions: [],
        smoothing: { window: 5, minHits: 3, maxMissMs: 1000 },
        text: { enabled: false, classes: [], charset: 'A-Z0-9-', pattern: '' },
        snapshots: { on: 'best', annotate: true, maxPerMinute: 12 },
      },
    });
  });

  it('reports every issue at once, each with its path, what was expected and what came', () => {
    const { camera, issues } = parseCameraRow({
      cameraId: 'dock 1',
      priority: 101,
      schedule: { timeZone: 'Asia/Singapura', windows: [{ days: ['monday'], start: '8:00', end: '25:00' }] },
      detect: { fps: '5' },
    });
    expect(camera).toBeNull();
    const byPath = new Map(issues.map((issue) => [issue.path, issue.message]));
    expect([...byPath.keys()].sort()).toEqual([
      'cameraId',
      'detect.fps',
      'priority',
      'schedule.timeZone',
      'schedule.windows[0].days[0]',
      'schedule.windows[0].end',
      'schedule.windows[0].start',
      'streamName',
    ]);
    expect(byPath.get('streamName')).toMatch(/required, but missing/);
    expect(byPath.get('priority')).toMatch(/100, got 101/);
    expect(byPath.get('detect.fps')).toBe('expected number, got "5"');
    expect(byPath.get('schedule.timeZone')).toMatch(/IANA time zone.*got "Asia\/Singapura"/);
    expect(byPath.get('schedule.windows[0].days[0]')).toMatch(/"mon".*got "monday"/);
  });

  it('keeps a camera with unknown attributes and says which they are, at any depth', () => {
    const { camera, issues } = parseCameraRow({
      ...minimal,
      note: 'by the gate',
      detect: { confidense: 0.5 },
      schedule: { timeZone: 'UTC', windows: [{ start: '08:00', end: '18:00', day: ['mon'] }] },
    });
    expect(camera?.detect.confidence).toBe(0.35);
    expect(issues.map((issue) => [issue.severity, issue.path])).toEqual([
      ['warning', 'schedule.windows[0].day'],
      ['warning', 'detect.confidense'],
      ['warning', 'note'],
    ]);
    expect(issues.at(1)?.message).toContain('did you mean "confidence"?');
    expect(issues.at(0)?.message).toContain('did you mean "days"?');
  });

  it('reads a schedule that is neither "always" nor an object as one issue about both', () => {
    const { issues } = parseCameraRow({ ...minimal, schedule: 'nights' });
    expect(issues).toEqual([
      {
        severity: 'error',
        path: 'schedule',
        message: 'expected "always" or { timeZone, windows, exceptions }, got "nights"',
      },
    ]);
  });

  it('takes a DynamoDB string set where a list is expected', () => {
    const { camera } = parseCameraRow({ ...minimal, detect: { classes: new Set(['car', 'bus']) } });
    expect(camera?.detect.classes).toEqual(['car', 'bus']);
  });

  it('finds what spans attributes: repeated regions and dates, patterns that do not compile, windows that never come', () => {
    const polygon = [
      [0, 0],
      [1, 0],
      [1, 1],
    ];
    const { camera, issues } = parseCameraRow({
      ...minimal,
      regions: [
        { name: 'gate', polygon },
        { name: 'gate', polygon },
      ],
      text: { pattern: '(' },
      schedule: {
        timeZone: 'UTC',
        windows: [],
        exceptions: [
          { date: '2026-12-25', windows: [] },
          { date: '2026-12-25', windows: [] },
        ],
      },
    });
    expect(camera).toBeNull();
    expect(issues.map((issue) => issue.path)).toEqual([
      'regions[1].name',
      'schedule.exceptions[1].date',
      'text.pattern',
      'schedule.windows',
    ]);
  });

  it('says of a region what keeps it from holding anything', () => {
    const judged = (region: Record<string, unknown>) =>
      parseCameraRow({ ...minimal, regions: [{ name: 'gate', ...region }] }).issues.map(
        ({ severity, path, message }) => `${severity} ${path} ${message}`,
      );
    const [a, b, c, d] = [
      [0.1, 0.1],
      [0.9, 0.1],
      [0.9, 0.9],
      [0.1, 0.9],
    ];
    expect(judged({ polygon: [a, b, c, d] })).toEqual([]);
    expect(judged({ polygon: [a, c] })).toEqual([]);
    expect(judged({ polygon: [a, a] })[0]).toMatch(/^error regions\[0\]\.polygon expected a line of 0.01/);
    expect(judged({ polygon: [a, c], mode: 'exclude' })[0]).toMatch(
      /^error regions\[0\]\.polygon expected three points/,
    );
    expect(judged({ polygon: [a, [0.5, 0.1], b] })[0]).toMatch(/^error regions\[0\]\.polygon expected an area/);
    expect(judged({ polygon: [a, b, c, d], dwellMs: 60_000 })).toEqual([]);
    for (const region of [{ polygon: [a, c] }, { polygon: [a, b, c], mode: 'exclude' }]) {
      expect(judged({ ...region, dwellMs: 60_000 })[0]).toMatch(/^warning regions\[0\]\.dwellMs nothing dwells/);
    }
    expect(judged({ polygon: [a, c, b, d] })[0]).toMatch(
      /^warning regions\[0\]\.polygon the edges after points 1 and 3 cross/,
    );
  });

  it('gives a verdict on anything at all, without throwing and without changing it', () => {
    fc.assert(
      fc.property(
        fc.anything({
          withBigInt: true,
          withSet: true,
          withDate: true,
          withMap: true,
          withTypedArray: true,
          withNullPrototype: true,
        }),
        (row) => {
          const { camera, issues } = parseCameraRow(row);
          expect(camera === null).toBe(issues.some((issue) => issue.severity === 'error'));
        },
      ),
    );
  });

  it('gives a verdict on rows with one attribute replaced by anything', () => {
    const attribute = fc.constantFrom(
      'cameraId',
      'streamName',
      'enabled',
      'priority',
      'stream',
      'schedule',
      'override',
      'detect',
      'regions',
      'smoothing',
      'text',
      'snapshots',
      '__proto__',
    );
    fc.assert(
      fc.property(attribute, fc.jsonValue(), (name, value) => {
        const row = JSON.parse(`{"cameraId":"a","streamName":"b",${JSON.stringify(name)}:${JSON.stringify(value)}}`);
        const { camera, issues } = parseCameraRow(row);
        expect(camera === null).toBe(issues.some((issue) => issue.severity === 'error'));
        for (const issue of issues) expect(issue.message.length).toBeGreaterThan(5);
      }),
    );
  });

  it('refuses absurd nesting instead of following it', () => {
    let deep: unknown = 1;
    for (let depth = 0; depth < 5_000; depth += 1) deep = { deep };
    expect(parseCameraRow({ ...minimal, deep }).issues[0]?.message).toMatch(/32 levels/);
  });
});

it('a row is at most 64 KiB: the verdict says how large it is and what to do', () => {
  const row = (cameras: number) => ({
    ...{ cameraId: 'gate', streamName: 'gate' },
    regions: Array.from({ length: cameras }, (_, index) => ({
      name: `region-${index}`,
      polygon: [
        [0, 0],
        [1, 0],
        [1, 1],
      ],
      classes: Array.from({ length: 200 }, (_, name) => `class-${name}-${'x'.repeat(40)}`),
    })),
  });
  expect(parseCameraRow(row(5)).issues).toEqual([]);
  const { camera, issues } = parseCameraRow(row(8));
  expect(camera).toBeNull();
  expect(issues).toEqual([
    {
      severity: 'error',
      path: '',
      message: expect.stringMatching(/^expected a row of at most 65536 bytes as JSON, got 8\d{4}; shorten/),
    },
  ]);
});
