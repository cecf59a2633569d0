import type { DynamoDBRecord } from 'aws-lambda';
import { describe, expect, it } from 'vitest';
import { SteppedClock } from '../clock.ts';
import { LambdaHost } from './host.ts';
import { newestOfEachItem, StreamMapping, type StreamMappingOptions } from './stream-mapping.ts';

type Batch = { Records: DynamoDBRecord[] };
const sequences = ({ Records }: Batch) => Records.map((record) => record.dynamodb?.SequenceNumber ?? '');

function mapped(handler: (batch: Batch) => Promise<unknown>, options: Partial<StreamMappingOptions> = {}) {
  const clock = new SteppedClock(0);
  const metrics: string[] = [];
  const host = new LambdaHost({
    context: {
      clock,
      region: 'us-east-1',
      accountId: '000000000000',
      putMetric: (_namespace, name) => metrics.push(name),
    },
    log: () => {},
  });
  host.register({ name: 'camera-changed', handler: handler as never, timeoutMs: 30_000 });
  const mapping = new StreamMapping(host, {
    functionName: 'camera-changed',
    batchSize: 10,
    bisectBatchOnFunctionError: true,
    maximumRetryAttempts: 2,
    maximumRecordAgeMs: 3_600_000,
    ...options,
  });
  const push = (...numbers: number[]) => {
    for (const number of numbers) mapping.push({ dynamodb: { SequenceNumber: String(number) } });
  };
  /** Until nothing is left but what more time would not change. */
  const run = async () => {
    await host.settled();
    for (let next = clock.nextTimerMs(); next !== null; next = clock.nextTimerMs()) {
      await clock.step(next - clock.nowMs(), () => host.settled());
    }
  };
  return { clock, host, push, run, metrics };
}

describe('a stream mapping', () => {
  it('hands records over in order, one batch at a time', async () => {
    const batches: string[][] = [];
    let running = 0;
    const { push, run } = mapped(
      async (batch) => {
        running += 1;
        expect(running).toBe(1);
        batches.push(sequences(batch));
        await new Promise((resolve) => setImmediate(resolve));
        running -= 1;
      },
      { batchSize: 2 },
    );
    push(1, 2, 3);
    await run();
    expect(batches).toEqual([['1', '2'], ['3']]);
  });

  it('tries again from the record that was reported, and not those before it', async () => {
    const batches: string[][] = [];
    const { push, run, host } = mapped(async (batch) => {
      batches.push(sequences(batch));
      return { batchItemFailures: batches.length === 1 ? [{ itemIdentifier: '2' }] : [] };
    });
    push(1, 2, 3);
    await run();
    expect(batches).toEqual([
      ['1', '2', '3'],
      ['2', '3'],
    ]);
    expect(host.deadLetters).toEqual([]);
  });

  it('bisects a batch whose handler throws, so that one poison record goes to the dead letters and all others get through', async () => {
    const done: string[] = [];
    const { push, run, host, metrics } = mapped(async (batch) => {
      if (sequences(batch).includes('3')) throw new Error('poison');
      done.push(...sequences(batch));
    });
    push(1, 2, 3, 4, 5);
    await run();
    expect(done).toEqual(['1', '2', '4', '5']);
    expect(host.deadLetters.map((letter) => sequences(letter.event as Batch))).toEqual([['3']]);
    expect(host.deadLetters[0]?.error).toBe('poison');
    expect(metrics).toContain('Errors');
  });

  it('gives a record up when it is too old, whatever retries are left', async () => {
    const { push, run, host } = mapped(
      async () => {
        throw new Error('down');
      },
      { maximumRetryAttempts: 1_000, maximumRecordAgeMs: 5_000 },
    );
    push(1);
    await run();
    expect(host.deadLetters).toHaveLength(1);
    expect(host.deadLetters[0]?.attempts).toBeLessThan(6);
  });
});

describe('asynchronous invocation', () => {
  it('is tried three times, a minute and then two minutes apart, and kept as a dead letter after that', async () => {
    const atMs: number[] = [];
    const { host, clock, run } = mapped(async () => {
      atMs.push(clock.nowMs());
      throw new Error('down');
    });
    host.invokeAsync('camera-changed', { tick: 1 });
    await run();
    expect(atMs).toEqual([0, 60_000, 180_000]);
    expect(host.deadLetters).toMatchObject([{ functionName: 'camera-changed', event: { tick: 1 }, attempts: 3 }]);
  });

  it('ends an invocation that outlives its time limit', async () => {
    const { host, clock } = mapped(() => new Promise(() => {}));
    const invoked = host.invoke('camera-changed', {});
    const refused = expect(invoked).rejects.toThrow('Task timed out after 30.00 seconds');
    await clock.step(30_000);
    await refused;
  });

  it('does not let a handler that changes its event change the retry', async () => {
    const seen: unknown[] = [];
    const { host, run } = mapped(async (batch) => {
      seen.push(structuredClone(batch));
      (batch as unknown as { tick: number }).tick = 99;
      throw new Error('down');
    });
    host.invokeAsync('camera-changed', { tick: 1 });
    await run();
    expect(seen).toEqual([{ tick: 1 }, { tick: 1 }, { tick: 1 }]);
  });
});

it('begins a restart with the newest record of each item, in stream order', () => {
  const record = (sequence: number, cameraId: string): DynamoDBRecord => ({
    dynamodb: { SequenceNumber: String(sequence), Keys: { cameraId: { S: cameraId } } },
  });
  const kept = [record(1, 'gate'), record(2, 'gone'), record(3, 'dock'), record(4, 'gate'), record(5, 'gone')];
  expect(sequences({ Records: newestOfEachItem(kept) })).toEqual(['3', '4', '5']);
});
