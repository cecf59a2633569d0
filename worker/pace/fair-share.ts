/**
 * How a detector that cannot do everything is shared: every camera keeps frames in proportion to its rate and the weight
 * of its priority, none more than it asked for. As time gets shorter, the lowest priority is below its own rate first,
 * then the next, each evenly.
 * Invariant: the shares cost at most `capacity` together; none is 0 or over 1; of two cameras the one with the higher
 * weight never has the lower share.
 */

/** Priorities 0 and 100 weigh a quarter and four times what the default, 50, does: nobody is starved by priority. */
const WEIGHT_PER_FIFTY = 4;

/** @param priority 0..100, as in a camera's row. @returns 0.25..4. */
export function priorityWeight(priority: number): number {
  return WEIGHT_PER_FIFTY ** ((priority - 50) / 50);
}

export type Demand = {
  /** What the camera would use if it got all its frames, in the unit of `capacity`. */
  cost: number;
  /** As of `priorityWeight`. */
  weight: number;
};

/** @returns for each demand the share of its frames that it gets, above 0 and at most 1. */
export function shareOut(demands: readonly Demand[], capacity: number): number[] {
  const total = demands.reduce((sum, { cost }) => sum + cost, 0);
  if (total <= capacity) return demands.map(() => 1);
  // Water-filling: who gets all it asked for, by weight from the top, until the rest must share what is left.
  const byWeight = [...demands].sort((a, b) => b.weight - a.weight);
  let left = Math.max(0, capacity);
  let weighted = demands.reduce((sum, { cost, weight }) => sum + cost * weight, 0);
  let level = 0;
  for (const { cost, weight } of byWeight) {
    level = weighted > 0 ? left / weighted : 0;
    if (level * weight < 1) break;
    left -= cost;
    weighted -= cost * weight;
  }
  return demands.map(({ weight }) => Math.min(1, Math.max(Number.MIN_VALUE, level * weight)));
}
