import { expect, it } from 'vitest';
import { billOf } from './bill.ts';
import { controlPlaneLines } from './control-plane.ts';
import { priceTable } from './prices.ts';

const hours = { spanHours: 720, instanceHours: 0, cameraHours: 0 };

function usd(input: Parameters<typeof controlPlaneLines>[0]): number {
  return billOf(Object.values(controlPlaneLines(input)), priceTable, 'us-east-1').totalUsd;
}

it('costs a little when nothing runs, and under a tenth of a cent for each hour of a camera', () => {
  const idle = usd({ cameras: 10, ...hours });
  expect(idle).toBeGreaterThan(5);
  expect(idle).toBeLessThan(10);
  const fleet = usd({ cameras: 2_000, spanHours: 720, instanceHours: 134 * 720, cameraHours: 2_000 * 720 });
  expect(fleet / (2_000 * 720)).toBeLessThan(0.001);
  // 134 GPUs on demand.
  expect(fleet).toBeLessThan(0.01 * 134 * 720 * 0.526);
});

it('grows with what is watched', () => {
  const some = { cameras: 10, spanHours: 720, instanceHours: 720, cameraHours: 7_200 };
  expect(usd(some)).toBeGreaterThan(usd({ ...some, cameraHours: 0 }));
  expect(usd(some)).toBeGreaterThan(usd({ ...some, instanceHours: 0 }));
  expect(usd({ ...some, cameras: 2_000 })).toBeGreaterThan(usd(some));
});
