/**
 * The budget of a fleet: what its instances may cost on one calendar day. What is spent is counted (`meter.ts`); what the
 * rest of the day will cost follows from the calendars, packed as the plan packs them. When the two would pass the budget,
 * the fleet gets the largest size that stays within it until the day ends; the plan sheds by priority what does not fit.
 * Invariants: without a budget, or without a price, nothing is limited; the same day's numbers give the same size.
 */
import { type CostedCamera, workerSteps } from '../cost/gpu-hours.ts';
import type { CameraState, FleetItem, FleetPolicy } from '../fleet-state.ts';
import { dayOf, type Meter, priceOf } from './meter.ts';
import type { FleetObservation } from './observation.ts';

/** Packing a whole day takes longer than packing an instant, and its answer changes slowly. */
const decidedForMs = 300_000;
const hourMs = 3_600_000;

/** In the fleet's item: the last answer, and what it was given for. */
export type BudgetMemory = {
  day: string;
  usdPerDayMax: number;
  /** Inferences per second of a worker that it was reckoned with. */
  workerCapacity: number;
  /** How many rows there were, and when the last of them changed. */
  rows: string;
  decidedAtMs: number;
  /** Null: the whole demand fits. */
  workersMax: number | null;
  /** Of the day under the whole demand. */
  forecastUsd: number;
};

export type BudgetAnswer = {
  workersMax: number | null;
  memory: BudgetMemory | undefined;
  /** Why, when it limits the fleet or cannot be kept. */
  words: string | null;
};

const unlimited: BudgetAnswer = { workersMax: null, memory: undefined, words: null };

export function withinBudget(input: {
  nowMs: number;
  policy: FleetPolicy;
  item: FleetItem;
  meter: Meter;
  observation: Pick<FleetObservation, 'cameras' | 'group' | 'usdPerHour'>;
  leadMs: number;
  /** Inferences per second of a worker. */
  workerCapacity: number;
}): BudgetAnswer {
  const { nowMs, policy, item, meter, observation, workerCapacity } = input;
  const { usdPerDayMax } = policy;
  if (usdPerDayMax === undefined) return unlimited;
  const type = policy.instanceTypes[0] ?? observation.group?.launch?.instanceTypes[0];
  const price = hourPrice(type, policy, observation);
  if (price === null) {
    const what = type === undefined ? 'the types of the group are not known' : `there is no price for ${type}`;
    const words = `the budget of ${usd(usdPerDayMax)} a day is not kept: ${what}; give it in the policy's instanceUsdPerHour`;
    return { ...unlimited, words };
  }
  const { day, endMs } = dayOf(nowMs, policy.dayTimeZone);
  const known = item.budget;
  const { cameras } = observation;
  const rows = `${cameras.length}@${cameras.reduce((newest, { rowChangedAtMs }) => Math.max(newest, rowChangedAtMs), 0)}`;
  const isFresh =
    known !== undefined &&
    known.day === day &&
    known.usdPerDayMax === usdPerDayMax &&
    known.workerCapacity === workerCapacity &&
    known.rows === rows &&
    known.decidedAtMs <= nowMs &&
    nowMs - known.decidedAtMs < decidedForMs;
  const spentUsd = meter.days.find((one) => one.day === day)?.usd ?? 0;
  const memory = isFresh
    ? known
    : { day, usdPerDayMax, workerCapacity, rows, decidedAtMs: nowMs, ...largestSize(input, price, spentUsd, endMs) };
  const { workersMax, forecastUsd } = memory;
  const until = new Date(endMs).toISOString().replace('.000Z', 'Z');
  const words =
    workersMax === null
      ? null
      : `the budget of ${usd(usdPerDayMax)} a day allows ${workersMax} worker${workersMax === 1 ? '' : 's'} until ${until} (${usd(spentUsd)} spent, ${usd(forecastUsd)} forecast)`;
  return { workersMax, memory, words };
}

/** US dollars an hour of one instance of the mix that the group launches; null when it is not known. */
function hourPrice(
  instanceType: string | undefined,
  policy: FleetPolicy,
  { group, usdPerHour }: Pick<FleetObservation, 'group' | 'usdPerHour'>,
): number | null {
  if (instanceType === undefined) return null;
  const onDemand = priceOf({ instanceType, market: 'on-demand' }, usdPerHour);
  const spot = priceOf({ instanceType, market: 'spot' }, usdPerHour);
  if (onDemand === null || spot === null) return null;
  const spotShare = (group?.launch === undefined ? policy.spotPercent : 100 - group.launch.onDemandPercent) / 100;
  return spotShare * spot + (1 - spotShare) * onDemand;
}

function largestSize(
  { nowMs, policy, observation, leadMs, workerCapacity }: Parameters<typeof withinBudget>[0],
  price: number,
  spentUsd: number,
  endMs: number,
): Pick<BudgetMemory, 'workersMax' | 'forecastUsd'> {
  const cameras = observation.cameras.flatMap(costed);
  const measured = { ...policy, defaultInferencesPerSecond: workerCapacity };
  const steps = workerSteps(cameras, measured, leadMs, nowMs, endMs);
  const forecast = (workersMax: number) =>
    steps.reduce((sum, { startMs, endMs: untilMs, workers }) => {
      const paid = Math.min(workersMax, Math.max(policy.minWorkers, workers));
      return sum + (price * paid * (untilMs - startMs)) / hourMs;
    }, spentUsd);
  const forecastUsd = Math.round(100 * forecast(policy.maxWorkers)) / 100;
  const budgetUsd = policy.usdPerDayMax ?? Number.POSITIVE_INFINITY;
  if (forecast(policy.maxWorkers) <= budgetUsd) return { workersMax: null, forecastUsd };
  let low = 0;
  for (let high = policy.maxWorkers; high - low > 1; ) {
    const middle = (low + high) >> 1;
    if (forecast(middle) <= budgetUsd) low = middle;
    else high = middle;
  }
  return { workersMax: low, forecastUsd };
}

function costed({ camera, leaving }: CameraState): CostedCamera[] {
  return camera === null || leaving !== undefined ? [] : [camera];
}

function usd(amount: number): string {
  return `${amount.toFixed(2)} USD`;
}
