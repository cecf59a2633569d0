/**
 * When an order ends: `--until` an instant or `--for` a while, one of the two. Invariant: an order without an end, with one
 * that has passed, or with one further away than a month is refused; whatever was ordered in haste ends by itself.
 */
import type { Command } from 'commander';
import { orderDaysMax } from '../core/control/policy.ts';
import { KvsInferError } from '../core/errors.ts';
import { parseInstant } from './schedule.ts';

const unitsMs: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

export type ExpiryOptions = { until?: string; for?: string };

export function withExpiryOptions(command: Command): Command {
  return command
    .option('--until <ISO>', 'instant at which it ends, e.g. 2026-11-24T18:00:00Z')
    .option('--for <duration>', 'or how long it lasts: 30m, 4h, 2d');
}

/** @returns the end as an instant in ISO 8601. @throws KvsInferError WRONG_SPAN, WRONG_INSTANT */
export function parseExpiry({ until, for: lasting }: ExpiryOptions, nowMs: number): string {
  if ((until === undefined) === (lasting === undefined)) {
    throw new KvsInferError(
      'WRONG_SPAN',
      `expected one of --until and --for, got ${until === undefined ? 'none' : 'both'}`,
      {
        hint: 'say when it ends: --for 4h, or --until 2026-11-24T18:00:00Z',
      },
    );
  }
  const untilMs = until === undefined ? nowMs + durationMs('--for', lasting ?? '') : parseInstant('--until', until);
  if (untilMs <= nowMs || untilMs - nowMs > orderDaysMax * 86_400_000) {
    throw new KvsInferError(
      'WRONG_SPAN',
      `expected an end within the next ${orderDaysMax} days, got ${new Date(untilMs).toISOString()}`,
      { hint: 'choose a later or nearer end; what lasts for ever belongs into the schedule or the policy' },
    );
  }
  return new Date(untilMs).toISOString().replace('.000Z', 'Z');
}

/** @throws KvsInferError WRONG_SPAN */
export function durationMs(option: string, text: string): number {
  const [, count, unit] = text.match(/^(\d{1,5})([mhd])$/) ?? [];
  const unitMs = unitsMs[unit ?? ''];
  if (count === undefined || unitMs === undefined) {
    throw new KvsInferError('WRONG_SPAN', `${option}: expected a whole number of m, h or d, got "${text}"`, {
      hint: 'write 30m, 4h or 2d',
    });
  }
  return Number(count) * unitMs;
}
