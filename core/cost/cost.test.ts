import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isScheduled } from '../calendar.ts';
import type { Camera, Weekday } from '../camera.ts';
import { weekdays } from '../camera.ts';
import { modelCostRatio } from '../control/demand.ts';
import { headcount } from '../control/headcount.ts';
import { defaultPolicy } from '../control/policy.ts';
import type { FleetPolicy } from '../fleet-state.ts';
import { billOf, hoursPerMonth } from './bill.ts';
import { forecast } from './forecast.ts';
import { type CostedCamera, gpuHours, workerSteps } from './gpu-hours.ts';
import { originalDeployment, originalTotalUsd } from './original-deployment.ts';
import { overridePrices, priceNames, priceOf } from './price-table.ts';
import { priceTable } from './prices.ts';

const mondayMs = Date.parse('2026-11-23T00:00:00Z');
const dayMs = 86_400_000;
/** 100 inferences a second at 75 %: 15 cameras of 5 fps. No lead, no delay: the windows alone. */
const policy: FleetPolicy = { ...defaultPolicy, leadTimeDefaultMs: 0, scaleInDelayMs: 0 };

function camera(windows: { days?: Weekday[]; start: string; end: string }[], fps = 5): CostedCamera {
  const schedule: Camera['schedule'] = {
    timeZone: 'UTC',
    windows: windows.map((window) => ({ days: [...weekdays], ...window })),
    exceptions: [],
  };
  return {
    enabled: true,
    schedule,
    detect: {
      model: 'default',
      fps,
      confidence: 0.35,
      iou: 0.5,
      classes: [],
      motionGate: { enabled: false, maxSkipMs: 5_000, sensitivity: 0.5 },
    },
  };
}
const always = (fps = 5): CostedCamera => ({ ...camera([], fps), schedule: 'always' });

describe('the replaced deployment', () => {
  it('gives its printed total within 1 % and each line within a dollar, at the prices that its figures are of', () => {
    const bill = billOf(originalDeployment, priceTable, 'us-east-1');
    expect(Math.abs(bill.totalUsd - originalTotalUsd) / originalTotalUsd).toBeLessThan(0.01);
    for (const [index, line] of bill.lines.entries()) {
      expect(Math.abs(line.usd - (originalDeployment[index]?.publishedUsd ?? 0)), line.name).toBeLessThan(1.3);
    }
  });

  it('prints figures that add up to its printed total', () => {
    const printed = originalDeployment.reduce((sum, line) => sum + line.publishedUsd, 0);
    expect(Math.round(printed)).toBe(originalTotalUsd + 1);
  });

  it('costs more in the region that it names', () => {
    expect(billOf(originalDeployment, priceTable, 'ap-southeast-1').totalUsd).toBeGreaterThan(800);
  });
});

describe('the price table', () => {
  it('holds every price of every region, each with a source and a date', () => {
    for (const [region, prices] of Object.entries(priceTable)) {
      for (const name of priceNames) expect(prices[name], `${region} ${name}`).toBeDefined();
      for (const [name, price] of Object.entries(prices)) {
        expect(price.source.length, name).toBeGreaterThan(3);
        expect(price.asOf, name).toMatch(/^20\d\d-\d\d-\d\d$/);
        expect(price.usd, name).toBeGreaterThan(0);
      }
    }
  });

  it('takes prices of a file before its own, and leaves the others', () => {
    const own = { asOf: '2026-12-01', source: 'our contract', regions: { 'eu-west-1': { 'nat.hour': 0.048 } } };
    const table = overridePrices(priceTable, own, 'prices.json');
    expect(priceOf(table, 'eu-west-1', 'nat.hour')).toEqual({
      usd: 0.048,
      asOf: '2026-12-01',
      source: 'our contract',
      verified: true,
    });
    expect(priceOf(table, 'us-east-1', 'nat.hour').usd).toBe(0.045);
  });

  it('names every wrong entry of a file', () => {
    const wrong = {
      asOf: '2026-12-01',
      source: 'x',
      regions: { 'us-east-1': { 'nat.hours': 1, 'ec2.x.onDemandHour': 1 } },
    };
    expect(() => overridePrices(priceTable, wrong, 'prices.json')).toThrow(/nat\.hours.*ec2\.x\.onDemandHour/);
    expect(() => overridePrices(priceTable, { regions: { a: { 'nat.hour': -1 } } }, 'p')).toThrow(
      /asOf.*source.*nat.hour/,
    );
  });

  it('never takes a missing price for nothing', () => {
    expect(() => priceOf(priceTable, 'mars-north-1', 'nat.hour')).toThrow('no price "nat.hour" for mars-north-1');
  });
});

describe('GPU hours', () => {
  const week = (cameras: CostedCamera[], own = policy, leadTimeMs = 0) =>
    gpuHours(cameras, own, leadTimeMs, mondayMs, mondayMs + 7 * dayMs);

  it('are the hours of the window, once for all cameras that fit on one worker', () => {
    const cameras = Array.from({ length: 15 }, () => camera([{ start: '08:00', end: '18:00' }]));
    expect(week(cameras)).toEqual({ instanceHours: 70, peakInstances: 1, missingInstanceHours: 0, cameraHours: 1_050 });
    expect(week([...cameras, camera([{ start: '08:00', end: '09:00' }])]).instanceHours).toBe(77);
  });

  it('begin the lead time before a window and end the delay after it', () => {
    const half = { ...policy, scaleInDelayMs: 900_000 };
    expect(week([camera([{ start: '08:00', end: '18:00' }])], half, 1_800_000).instanceHours).toBe(7 * 10.75);
    // A worker that would go and come again within both stays.
    const twice = camera([
      { start: '08:00', end: '09:00' },
      { start: '09:30', end: '10:00' },
    ]);
    expect(week([twice], half, 1_800_000).instanceHours).toBe(7 * 2.75);
  });

  it('stay within the minimum and the maximum, and say what the maximum keeps back', () => {
    const cameras = Array.from({ length: 31 }, () => always());
    expect(week(cameras, { ...policy, maxWorkers: 2 })).toMatchObject({
      instanceHours: 336,
      missingInstanceHours: 168,
    });
    expect(week([], { ...policy, minWorkers: 1 })).toMatchObject({ instanceHours: 168, peakInstances: 1 });
  });

  it('count a window that lasts past the span only up to its end', () => {
    const night = camera([{ days: ['sun'], start: '20:00', end: '06:00' }]);
    // Sunday before the span until Monday 06:00, and Sunday 20:00 until its end.
    expect(week([night]).instanceHours).toBe(10);
  });

  const window = fc
    .record({ start: fc.integer({ min: 0, max: 23 }), hours: fc.integer({ min: 1, max: 23 }) })
    .map(({ start, hours }) => ({ start: hour(start), end: hour((start + hours) % 24) }));
  const cameras = fc.array(
    fc.record({ windows: fc.array(window, { minLength: 1, maxLength: 2 }), fps: fc.integer({ min: 1, max: 60 }) }),
    { maxLength: 8 },
  );

  it('never fall when a camera is added, nor below the load over what a worker takes, and never pass always-on', () => {
    fc.assert(
      fc.property(cameras, (drawn) => {
        const all = drawn.map(({ windows, fps }) => camera(windows, fps));
        const wide = { ...policy, maxWorkers: 500 };
        const hours = week(all, wide);
        if (all.length > 0) {
          expect(hours.instanceHours).toBeGreaterThanOrEqual(week(all.slice(1), wide).instanceHours - 1e-9);
        }
        expect(hours.instanceHours).toBeLessThanOrEqual(hours.peakInstances * 168 + 1e-9);
        const load = all.reduce((sum, one) => sum + one.detect.fps * (week([one], wide).cameraHours / 75), 0);
        expect(hours.instanceHours).toBeGreaterThanOrEqual(load - 1e-6);
      }),
      { numRuns: 60 },
    );
  });
});

describe('the workers that calendars need', () => {
  const schedules: CostedCamera['schedule'][] = [
    'always',
    ...['08:00', '08:30', '20:00'].map((start) => camera([{ start, end: '17:00' }]).schedule),
  ];
  const drawn = fc.array(
    fc.record({
      schedule: fc.constantFrom(...schedules),
      isOwnObject: fc.boolean(),
      fps: fc.constantFrom(0.1, 0.2, 5, 15, 30),
      model: fc.constantFrom('default', 'yolo11n', 'yolov8s'),
      enabled: fc.constantFrom(true, true, true, false),
      override: fc.constantFrom(
        undefined,
        undefined,
        { state: 'on', until: '2026-11-23T12:00:00Z' } as const,
        { state: 'off', until: '2026-11-23T09:00:00Z' } as const,
      ),
    }),
    { maxLength: 60 },
  );

  it('are those of packing each camera by itself, at every instant', () => {
    fc.assert(
      fc.property(drawn, fc.constantFrom(0, 420_000), fc.constantFrom(0, 300_000), (all, leadMs, scaleInDelayMs) => {
        const cameras = all.map(({ schedule, isOwnObject, fps, model, enabled, override }): CostedCamera => {
          const { detect } = camera([], fps);
          const own = isOwnObject ? structuredClone(schedule) : schedule;
          return {
            schedule: own,
            enabled,
            detect: { ...detect, model },
            ...(override === undefined ? {} : { override }),
          };
        });
        const steps = workerSteps(cameras, { ...policy, scaleInDelayMs }, leadMs, mondayMs, mondayMs + dayMs);
        const needed = (atMs: number) => {
          const loads = cameras.flatMap((one, index) =>
            isScheduled(one, atMs) ? [{ ...loadOf(one), cameraId: String(index), priority: 50, binId: null }] : [],
          );
          return headcount(loads, [], { capacity: 100, target: 75 }).missing;
        };
        const minuteMs = 60_000;
        // Hours begin and end at whole minutes; what is ahead is launched, and what has just ended is kept.
        for (let atMs = mondayMs + 30_000; atMs < mondayMs + dayMs; atMs += 37 * minuteMs) {
          let most = 0;
          for (let look = atMs - scaleInDelayMs; look <= atMs + leadMs; look += minuteMs) {
            most = Math.max(most, needed(look));
          }
          expect(steps.find(({ startMs, endMs }) => startMs <= atMs && atMs < endMs)?.workers).toBe(most);
        }
      }),
      { numRuns: 40 },
    );
  });

  const loadOf = ({ detect }: CostedCamera) => ({ load: detect.fps * modelCostRatio(detect.model) });
});

describe('the forecast', () => {
  const input = {
    cameras: [camera([{ days: ['mon', 'tue', 'wed', 'thu', 'fri'], start: '08:00', end: '18:00' }])],
    policy: defaultPolicy,
    fromMs: mondayMs,
    toMs: mondayMs + 7 * dayMs,
    region: 'ap-southeast-1',
    instanceType: 'g4dn.xlarge',
    networkMode: 'nat',
    bitrateMbps: 5,
  } as const;

  it('costs less than always on, less on Spot, and every total is the sum of its charges', () => {
    const { hours, onDemand, spot, alwaysOnGpuUsd } = forecast(input, priceTable);
    // 7 min of lead and 5 min of delay a day.
    expect(hours.instanceHours).toBeCloseTo(5 * (10 + 12 / 60), 6);
    const gpu = onDemand.lines[0]?.usd ?? 0;
    expect(gpu).toBeGreaterThan(hours.instanceHours * 0.736);
    expect(gpu).toBeLessThan(alwaysOnGpuUsd / 3);
    expect(spot?.totalUsd).toBeLessThan(onDemand.totalUsd);
    for (const bill of [onDemand, spot]) {
      const charges = bill?.lines.flatMap((line) => line.charges) ?? [];
      expect(charges.reduce((sum, { quantity, usdPerUnit }) => sum + quantity * usdPerUnit, 0)).toBeCloseTo(
        bill?.totalUsd ?? 0,
        9,
      );
    }
  });

  it('keeps the lines of the replaced deployment, in its order', () => {
    const names = forecast(input, priceTable).onDemand.lines.map((line) => line.name);
    expect(names.slice(0, originalDeployment.length)).toEqual(originalDeployment.map((line) => line.name));
  });

  it('charges the video to the NAT, or to the endpoints where there is no NAT', () => {
    const videoGb = 50 * 2.25;
    const quantity = (networkMode: 'nat' | 'nat-instance' | 'endpoints', price: string) =>
      forecast({ ...input, networkMode }, priceTable)
        .onDemand.lines.flatMap((line) => line.charges)
        .find((charge) => charge.price === price)?.quantity;
    expect(quantity('nat', 'nat.gb')).toBeCloseTo(videoGb, 6);
    expect(quantity('nat-instance', 'nat.gb')).toBeUndefined();
    expect(quantity('endpoints', 'nat.hour')).toBeUndefined();
    expect(quantity('endpoints', 'endpoint.gb')).toBeGreaterThan(videoGb);
    expect(quantity('endpoints', 'endpoint.hour')).toBe(13 * 2 * 168);
  });

  it('has no Spot bill where the table has no Spot price, and no bill for an unknown type', () => {
    expect(forecast({ ...input, instanceType: 'g4dn.2xlarge' }, priceTable).spot).toBeNull();
    expect(() => forecast({ ...input, instanceType: 'p5.48xlarge' }, priceTable)).toThrow(/p5\.48xlarge/);
  });

  it('is nothing but the clock for a fleet without cameras', () => {
    const { hours, onDemand } = forecast({ ...input, cameras: [] }, priceTable);
    expect(hours).toMatchObject({ instanceHours: 0, cameraHours: 0, peakInstances: 0, spanHours: 168 });
    expect(onDemand.lines[0]?.usd).toBe(0);
    expect(hoursPerMonth).toBe(720);
  });
});

function hour(value: number): string {
  return `${String(value).padStart(2, '0')}:00`;
}
