import { writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { KvsInferError } from '../../core/errors.ts';
import { SteppedClock } from '../../local/clock.ts';
import { type TextAnswer, TextClient } from './text-client.ts';
import type { LineReading, TextCutOut } from './text-engine.ts';
import { type TextOutcome, TextReader } from './text-reader.ts';

/** A thread that answers when it is told to; the text of a cut-out is the number in its first pixel. */
function rig(start?: () => Promise<TextClient>) {
  const clock = new SteppedClock(0);
  const outcomes: TextOutcome[] = [];
  const faults: string[] = [];
  const calls: { cutOuts: TextCutOut[]; answer(): void; fail(error: KvsInferError): void }[] = [];
  let die: (error: KvsInferError) => void = () => {};
  const newClient = () => {
    let death: KvsInferError | null = null;
    const ended = new Promise<KvsInferError>((resolve) => {
      die = (error) => {
        death = error;
        resolve(error);
      };
    });
    const read = (cutOuts: TextCutOut[]) => {
      if (death !== null) return Promise.reject(death);
      return new Promise<TextAnswer>((resolve, reject) => {
        const readings = cutOuts.map(({ picture }) => [line(String(picture.data[0]))]);
        calls.push({ cutOuts, answer: () => resolve({ readings, readMs: 1 }), fail: reject });
      });
    };
    return { ended, read, close: async () => {}, abort: () => {} } as unknown as TextClient;
  };
  let starts = 0;
  const reader = new TextReader({
    clock,
    onOutcome: (outcome) => outcomes.push(outcome),
    onRead: () => {},
    onFault: ({ code }) => faults.push(code),
    start: () => {
      starts += 1;
      return start?.() ?? Promise.resolve(newClient());
    },
  });
  const read = (cameraId: string, trackId: string, value: number, isGone = false) =>
    reader.read({
      ...{ cameraId, trackId, charset: '0-9', foreign: [] },
      cutOut: async () => (isGone ? null : { width: 1, height: 1, data: Uint8Array.of(value) }),
    });
  const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
  return {
    clock,
    reader,
    read,
    turn,
    outcomes,
    faults,
    calls,
    die: (e: KvsInferError) => die(e),
    starts: () => starts,
  };
}
function line(value: string): LineReading {
  return { value, score: 1, alternatives: [{ value, probability: 1 }], isCutOff: false, widthPx: 10, heightPx: 10 };
}
const died = new KvsInferError('TEXT_THREAD_DIED', 'gone', { hint: '' });

test('the thread starts with the first reading; a picture that is gone is counted', async () => {
  const { reader, read, turn, calls, outcomes, starts } = rig();
  expect(starts()).toBe(0);
  const first = read('a', '1', 7);
  await turn();
  expect([starts(), calls.length]).toEqual([1, 1]);
  calls[0]?.answer();
  expect((await first).map(({ value }) => value)).toEqual(['7']);
  expect(await read('a', '2', 8, true)).toEqual([]);
  expect(outcomes).toEqual(['read', 'picture-gone']);
  expect(reader.isBusy).toBe(false);
});

test('while the thread is busy the newest of a track waits, and the busiest camera loses its oldest', async () => {
  const { reader, read, turn, calls, outcomes } = rig();
  void read('a', 'first', 0);
  await turn();
  void read('b', 'same', 1);
  void read('b', 'same', 2);
  let isSettled = false;
  const settling = reader.threadSettled().then(() => {
    isSettled = true;
  });
  await turn();
  expect(outcomes).toEqual(['superseded']);
  for (let index = 0; index < 40; index += 1) {
    void read('a', `t${index}`, index);
    await turn();
  }
  expect(reader.queued).toBe(32);
  expect(outcomes.filter((outcome) => outcome === 'overload')).toHaveLength(9);
  calls[0]?.answer();
  await turn();
  const values = calls[1]?.cutOuts.map(({ picture }) => picture.data[0]);
  expect(values).toEqual([2, 9, 10, 11]);
  expect(isSettled).toBe(false);
  for (let answered = 1; !isSettled; answered += 1) {
    calls[answered]?.answer();
    await turn();
  }
  await settling;
  expect([reader.queued, reader.isBusy]).toEqual([0, false]);
});

test('a thread that dies fails its readings by name, rests, and is started again', async () => {
  const { clock, reader, read, turn, calls, outcomes, faults, die, starts } = rig();
  const under = read('a', '1', 1);
  await turn();
  const waiting = read('a', '2', 2);
  await turn();
  die(died);
  calls[0]?.fail(died);
  expect([await under, await waiting]).toEqual([[], []]);
  expect(reader.fault?.code).toBe('TEXT_THREAD_DIED');
  await read('a', '3', 3);
  expect(starts()).toBe(1);
  expect(outcomes).toEqual(['failed', 'failed', 'failed']);
  expect(faults).toEqual(['TEXT_THREAD_DIED']);
  await clock.step(5_000, turn);
  const again = read('a', '4', 4);
  await turn();
  expect(starts()).toBe(2);
  expect(reader.fault).toBeNull();
  calls[1]?.answer();
  await again;
});

test('models that cannot be loaded are a named fault, and tried again after a minute', async () => {
  const failing = new KvsInferError('TEXT_MODELS_UNUSABLE', 'no file', { hint: '' });
  const { clock, read, turn, faults, starts } = rig(() => Promise.reject(failing));
  await read('a', '1', 1);
  expect(faults).toEqual(['TEXT_MODELS_UNUSABLE']);
  await read('a', '2', 2);
  expect(starts()).toBe(1);
  await clock.step(60_000, turn);
  await read('a', '3', 3);
  expect(starts()).toBe(2);
});

test('characters that the recogniser does not know are named', async () => {
  const { reader } = rig();
  expect(await reader.charsetProblem('A-Z0-9-')).toBeNull();
  expect(await reader.charsetProblem('A-Z\u{1F697}')).toMatchObject({
    code: 'TEXT_CHARSET_UNKNOWN',
    message: expect.stringContaining('\u{1F697}'),
  });
});

test('a real thread that throws is told with its cause', async () => {
  const entry = path.join(os.tmpdir(), `kvs-infer-text-thread-${process.pid}.mjs`);
  await writeFile(
    entry,
    `import { parentPort } from 'node:worker_threads';
     parentPort.postMessage({ type: 'ready' });
     parentPort.on('message', () => { throw new Error('out of paper'); });`,
  );
  const client = await TextClient.start(pathToFileURL(entry));
  const picture = { width: 1, height: 1, data: new Uint8Array(1) };
  const reading = client.read([{ picture, charset: 'A', foreign: [] }]);
  await expect(reading).rejects.toMatchObject({ code: 'TEXT_THREAD_DIED', message: expect.stringContaining('paper') });
  expect((await client.ended)?.code).toBe('TEXT_THREAD_DIED');
});
