/**
 * The text thread as main sees it.
 * Invariant: every `read` settles, also when the thread dies; the cut-outs handed over are gone.
 */
import { Worker } from 'node:worker_threads';
import { KvsInferError } from '../../core/errors.ts';
import { fromPlainError } from '../detect/inference-messages.ts';
import type { LineReading, TextCutOut } from './text-engine.ts';
import type { FromTextThread, ToTextThread } from './text-messages.ts';

export type TextAnswer = { readings: LineReading[][]; readMs: number };
type Pending = { resolve: (answer: TextAnswer) => void; reject: (error: KvsInferError) => void };

const textThread = new URL('./text-thread.ts', import.meta.url);

export class TextClient {
  /** Settles when the thread has ended: null after `close`, else why it died. Never rejects. */
  readonly ended: Promise<KvsInferError | null>;
  readonly #thread: Worker;
  readonly #pending = new Map<number, Pending>();
  #nextId = 0;
  #isClosing = false;
  #death: KvsInferError | null = null;

  private constructor(thread: Worker) {
    this.#thread = thread;
    thread.on('message', (message: FromTextThread) => this.#receive(message));
    this.ended = new Promise((resolve) => {
      thread.once('error', (cause) => this.#die(String(cause), cause));
      thread.once('exit', (code) => {
        if (!this.#isClosing || this.#pending.size > 0) this.#die(`exit code ${code}`);
        resolve(this.#death);
      });
    });
  }

  /** @param threadEntry for tests of threads that fail. @throws KvsInferError TEXT_MODELS_UNUSABLE, TEXT_THREAD_DIED */
  static async start(threadEntry: URL = textThread): Promise<TextClient> {
    const thread = new Worker(threadEntry, { name: 'text' });
    const first = await new Promise<FromTextThread>((resolve, reject) => {
      const died = (cause: unknown) => reject(threadDied(`at start: ${String(cause)}`, cause));
      thread.once('message', resolve);
      thread.once('error', died);
      thread.once('exit', died);
    });
    if (first.type === 'ready') return new TextClient(thread);
    await thread.terminate();
    throw first.type === 'failed' ? fromPlainError(first.error) : threadDied(`at start: said ${first.type}`);
  }

  /** @throws KvsInferError TEXT_FAILED, TEXT_THREAD_DIED */
  read(cutOuts: TextCutOut[]): Promise<TextAnswer> {
    if (this.#death !== null) return Promise.reject(this.#death);
    if (this.#isClosing) return Promise.reject(threadDied('it was closed'));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const message: ToTextThread = { type: 'read', id, cutOuts };
      this.#thread.postMessage(
        message,
        cutOuts.map(({ picture }) => picture.data.buffer as ArrayBuffer),
      );
      this.#pending.set(id, { resolve, reject });
    });
  }

  /** Ends a thread that does not answer; what it owes is rejected. */
  abort(): void {
    void this.#thread.terminate();
  }

  async close(): Promise<void> {
    if (!this.#isClosing && this.#death === null) {
      this.#isClosing = true;
      this.#thread.postMessage({ type: 'close' } satisfies ToTextThread);
    }
    await this.ended;
  }

  #receive(message: FromTextThread): void {
    if (message.type !== 'read' && message.type !== 'read-failed') return;
    const pending = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    if (message.type === 'read-failed') pending?.reject(fromPlainError(message.error));
    else pending?.resolve({ readings: message.readings, readMs: message.readMs });
  }

  #die(why: string, cause?: unknown): void {
    this.#death ??= threadDied(why, cause);
    for (const { reject } of this.#pending.values()) reject(this.#death);
    this.#pending.clear();
  }
}

function threadDied(why: string, cause?: unknown): KvsInferError {
  return new KvsInferError('TEXT_THREAD_DIED', `the text thread ended: ${why}`, {
    hint: 'it is started again; detection goes on without text meanwhile',
    retryable: true,
    ...(cause === undefined ? {} : { cause }),
  });
}
