import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { positionOf, ShardLog, sequenceNumber } from './shard-log.ts';

const put = (log: ShardLog, key: string, data: string, nowMs: number) => {
  const record = log.assign(key, data, null, nowMs);
  log.add(record);
  return record;
};

describe('ShardLog', () => {
  it('gives each reader every kept record once, in order, whatever its page sizes', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.string({ minLength: 1 }), fc.base64String({ maxLength: 40 })), { maxLength: 60 }),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 1, max: 4 }),
        (records, pages, shardCount) => {
          const log = new ShardLog(shardCount, 1_000_000);
          const expected = log.shards.map(() => [] as string[]);
          for (const [key, data] of records) expected[put(log, key, data, 0).shard]?.push(data);
          for (const [shard, data] of expected.entries()) {
            const found: string[] = [];
            for (let after = 0, turn = 0; ; turn++) {
              const page = log.read(shard, after, pages[turn % pages.length] ?? 1, 1_000_000);
              if (page.records.length === 0) break;
              found.push(...page.records.map((record) => record.data));
              after = page.records.at(-1)?.position ?? after;
            }
            expect(found).toEqual(data);
          }
        },
      ),
    );
  });

  it('sends one key to one shard, and covers the whole hash space', () => {
    const log = new ShardLog(3, 1_000_000);
    expect(put(log, 'dock-1', '', 0).shard).toBe(put(log, 'dock-1', '', 0).shard);
    expect(log.assign('x', '', 0n, 0).shard).toBe(0);
    expect(log.assign('x', '', 2n ** 128n - 1n, 0).shard).toBe(2);
    const ends = log.shards.map(({ endingHashKey }) => endingHashKey + 1n);
    expect(log.shards.map(({ startingHashKey }) => startingHashKey)).toEqual([0n, ...ends.slice(0, -1)]);
  });

  it('forgets what is older than its retention', () => {
    const log = new ShardLog(1, 1_000_000);
    put(log, 'k', 'b2xk', 1_000);
    put(log, 'k', 'bmV3', 2_000);
    log.trim(1_500);
    expect(log.read(0, 0, 10, 1_000).records.map(({ data }) => data)).toEqual(['bmV3']);
    expect(log.recordsEvicted).toBe(0);
    expect(log.positionBefore(0, 1_500)).toBe(1);
  });

  it('drops the oldest, and counts them, when it is full', () => {
    const log = new ShardLog(1, 1_000);
    for (let index = 0; index < 100; index++) {
      put(log, 'k', 'x'.repeat(99), index);
      log.trim(0);
    }
    expect(log.bytes).toBeLessThanOrEqual(1_000);
    expect(log.recordsEvicted + log.all().length).toBe(100);
    expect(log.all().at(-1)?.arrivedAtMs).toBe(99);
  });

  it('writes sequence numbers that sort as text and read back', () => {
    expect(positionOf(sequenceNumber(41))).toBe(41);
    expect(sequenceNumber(9) < sequenceNumber(10)).toBe(true);
    expect(positionOf('12')).toBeNull();
    expect(positionOf('not a number')).toBeNull();
  });
});
