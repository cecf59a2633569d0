/**
 * What `cost` and `simulate` are asked about: the cameras of a file or of a stage's registry, and the prices that count.
 * Invariant: a row that cannot be used is left out with its reason, and never silently.
 */
import { readFile } from 'node:fs/promises';
import { InvalidArgumentError } from 'commander';
import type { Camera } from '../core/camera.ts';
import { overridePrices, type PriceTable } from '../core/cost/price-table.ts';
import { priceTable } from '../core/cost/prices.ts';
import { KvsInferError } from '../core/errors.ts';
import { parseCameraRow } from '../core/parse-camera-row.ts';
import { onStage, type StageOptions } from './stage.ts';

/** Where the original's table said that it was; its figures are of the other one. */
const priceRegionDefault = 'ap-southeast-1';
/** Longer than any calendar is kept up to date; more is a typing error. */
export const forecastDaysMax = 366;

export type SkippedRow = { cameraId: string; reason: string };

export function usableCameras(rows: readonly unknown[]): { cameras: Camera[]; skipped: SkippedRow[] } {
  const cameras = new Map<string, Camera>();
  const skipped: SkippedRow[] = [];
  for (const [index, row] of rows.entries()) {
    const { camera, issues } = parseCameraRow(row);
    if (camera !== null && !cameras.has(camera.cameraId)) {
      cameras.set(camera.cameraId, camera);
      continue;
    }
    const typedId = (row as { cameraId?: unknown } | null)?.cameraId;
    const error = issues.find((issue) => issue.severity === 'error');
    skipped.push({
      cameraId: typeof typedId === 'string' ? typedId : `row ${index + 1}`,
      reason:
        camera !== null
          ? 'listed twice; the first row counts here'
          : error === undefined
            ? 'invalid'
            : `${error.path === '' ? '' : `${error.path}: `}${error.message}`,
    });
  }
  return { cameras: [...cameras.values()], skipped };
}

export const regionOption = [
  '--region <region>',
  `whose prices, and where the stage is (default: AWS_REGION, else prices of ${priceRegionDefault})`,
] as const;

/** Whose prices count. */
export function priceRegion(region: string | undefined): string {
  return region ?? (process.env.AWS_REGION || process.env.AWS_DEFAULT_REGION || priceRegionDefault);
}

/** The rows of a stage's registry, as they were typed. */
export function registeredRows(options: StageOptions): Promise<unknown[]> {
  return onStage(options, async ({ clients, tables }) => {
    const { listCameraRows } = await import('../aws/camera-registry.ts');
    return listCameraRows(clients, tables.cameras);
  });
}

/** The table's prices, under those of the file when there is one. @throws KvsInferError PRICES_INVALID */
export async function pricesFrom(file: string | undefined): Promise<PriceTable> {
  if (file === undefined) return priceTable;
  let value: unknown;
  try {
    value = JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    throw new KvsInferError(
      'PRICES_INVALID',
      `cannot read ${file}: ${cause instanceof Error ? cause.message : String(cause)}`,
      { hint: 'give the path of a JSON file', cause },
    );
  }
  return overridePrices(priceTable, value, file);
}

export function numberIn(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (!(value >= min && value <= max)) throw new InvalidArgumentError(`expected a number from ${min} to ${max}.`);
    return value;
  };
}
