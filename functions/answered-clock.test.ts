/** Control's time: the machine's while it is right, however late an answer is read; AWS's where it is wrong. */
import { ScanCommand } from '@aws-sdk/lib-dynamodb';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { onAnswerDates } from '../aws/answer-dates.ts';
import { systemClock } from '../core/clock.ts';
import { AnsweredClock } from './answered-clock.ts';
import { startControlStage } from './control-loop-stage.test-factory.ts';

const trueStartMs = Date.parse('2026-11-24T09:00:00.400Z');

function rig() {
  const world = { trueMs: trueStartMs, aheadMs: 0 };
  const doubts: (number | null)[] = [];
  const machine = { ...systemClock, nowMs: () => world.trueMs + world.aheadMs };
  const clock = new AnsweredClock(machine, (aheadMs) => doubts.push(aheadMs));
  /** A call that takes its time to AWS, and back until it is read. */
  const call = (thereMs: number, backMs: number) => {
    const sentMs = machine.nowMs();
    world.trueMs += thereMs;
    const serverMs = Math.floor(world.trueMs / 1_000) * 1_000;
    world.trueMs += backMs;
    clock.hear({ sentMs, receivedMs: machine.nowMs(), serverMs });
  };
  return { world, clock, call, doubts, offMs: () => clock.nowMs() - world.trueMs };
}

it('a right clock is left alone, however long an answer lies there unread', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(6_000), fc.nat(20_000), fc.integer({ min: -1_500, max: 1_500 })), { maxLength: 20 }),
      (calls) => {
        const { world, call, doubts, offMs } = rig();
        for (const [thereMs, backMs, aheadMs] of calls) {
          world.aheadMs = aheadMs;
          call(thereMs, backMs);
          expect(offMs()).toBe(aheadMs);
        }
        expect(doubts).toEqual([]);
      },
    ),
  );
});

it('a wrong clock is put right by one answer, to what that answer can tell; it is said once', () => {
  fc.assert(
    fc.property(fc.integer({ min: 4_000, max: 600_000 }), fc.boolean(), fc.nat(300), (byMs, isBehind, tripMs) => {
      const { world, call, doubts, offMs } = rig();
      world.aheadMs = isBehind ? -byMs : byMs;
      for (let turn = 0; turn < 3; turn += 1) {
        call(tripMs, tripMs);
        expect(Math.abs(offMs())).toBeLessThanOrEqual(500 + tripMs);
        // As long as the first correction fits, it stays: time does not jump with each answer.
        const before = offMs();
        world.trueMs += 60_000;
        expect(offMs()).toBe(before);
      }
      expect(doubts).toHaveLength(1);
      world.aheadMs = 0;
      call(tripMs, tripMs);
      expect([offMs(), doubts.length, doubts.at(-1)]).toEqual([0, 2, null]);
    }),
  );
});

it('every answer of DynamoDB is heard, one that refuses too', async () => {
  const stage = await startControlStage({ startMs: trueStartMs, policy: {} });
  try {
    const heard: number[] = [];
    onAnswerDates(
      stage.clients,
      () => stage.clock.nowMs(),
      ({ serverMs }) => heard.push(serverMs),
    );
    const scan = (TableName: string) => stage.clients.documents.send(new ScanCommand({ TableName }));
    await scan(stage.names.tables.fleets);
    expect(heard).toEqual([Math.floor(trueStartMs / 1_000) * 1_000]);
    await expect(scan('nowhere')).rejects.toThrow();
    expect(heard.length).toBeGreaterThan(1);
    expect(new Set(heard).size).toBe(1);
  } finally {
    await stage.close();
  }
});
