/**
 * Many calls at once, but not too many: a fleet of 2,000 cameras must not open 2,000 sockets or run into throttling.
 * Invariant: results come in the order of the items; the first error is thrown only after all calls have ended.
 */

/** DynamoDB and ECS take this many writes of one client without complaint. */
export const parallelWritesMax = 16;

export async function inParallel<Item, Result>(
  items: readonly Item[],
  limit: number,
  call: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = new Array(items.length);
  const errors: unknown[] = [];
  let next = 0;
  const lane = async () => {
    for (let index = next++; index < items.length; index = next++) {
      try {
        results[index] = await call(items[index] as Item);
      } catch (error) {
        errors.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, lane));
  if (errors.length > 0) throw errors[0];
  return results;
}

/** For calls that come one by one: `limit` of them at once. `after` has ended before, whatever became of it. */
export function takingTurns(limit: number) {
  const lanes: Promise<unknown>[] = Array.from({ length: limit }, () => Promise.resolve());
  let next = 0;
  return <Result>(call: () => Promise<Result>, after?: Promise<unknown>): Promise<Result> => {
    const lane = next++ % limit;
    const result = Promise.allSettled([lanes[lane], after]).then(call);
    lanes[lane] = result;
    return result;
  };
}
