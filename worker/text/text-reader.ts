/**
 * All cameras' readings on their way to the one text thread: started when the first camera needs it, fed a few cut-outs
 * at a time, started again after it died.
 * Invariant: nothing waits for text: at most `cutsMax` cut-outs are being made and `waitingMax` wait; a newer one of a
 * track takes the place of its older one, and when all places are taken the oldest of the camera that holds most goes.
 * Every request ends in exactly one counted outcome.
 */
import type { Clock } from '../../core/clock.ts';
import { KvsInferError } from '../../core/errors.ts';
import { parseCharset } from '../../core/text-rules.ts';
import type { GreyPicture } from './grey-picture.ts';
import { TextClient } from './text-client.ts';
import type { LineReading, TextCutOut } from './text-engine.ts';
import { charsetOf, loadAlphabet } from './text-recognizer.ts';

/** Cut-outs of a car are about 100 kB: all that wait are a few MB. */
const waitingMax = 32;
const cutsMax = 32;
/** Cut-outs of one call: few, so that a new one is not behind many. */
const perCallMax = 4;
const charactersNamedMax = 10;
/** A call takes a tenth of a second; a thread that is silent for so long hangs. */
const answerTimeoutMs = 20_000;
const restartAfterMs = 5_000;
/** Files that cannot be loaded may be put right meanwhile. */
const reloadAfterMs = 60_000;

export type TextOutcome = 'read' | 'nothing' | 'superseded' | 'overload' | 'picture-gone' | 'failed';

export type TextRequest = {
  cameraId: string;
  trackId: string;
  charset: string;
  foreign: TextCutOut['foreign'];
  /** Fetches the pixels; null when the picture is gone. */
  cutOut(): Promise<GreyPicture | null>;
};

type Waiting = { request: TextRequest; picture: GreyPicture; settle: (outcome: Settled) => void };
type Settled = { outcome: TextOutcome; lines: LineReading[] };

export type TextReaderPorts = {
  clock: Clock;
  onOutcome(outcome: TextOutcome): void;
  /** @param milliseconds of the thread per cut-out. */
  onRead(milliseconds: number): void;
  onFault(error: KvsInferError): void;
  start?: () => Promise<TextClient>;
};

export class TextReader {
  readonly #ports: TextReaderPorts;
  readonly #start: () => Promise<TextClient>;
  #waiting: Waiting[] = [];
  #cutting = 0;
  #client: TextClient | null = null;
  #isStarting = false;
  #isRunning = false;
  #isClosed = false;
  /** The start or the reading that was begun last. */
  #atThread: Promise<void> = Promise.resolve();
  #startAgainAtMs = 0;
  /** Why text is not read now; null when it is, or nobody has asked yet. */
  fault: KvsInferError | null = null;

  constructor(ports: TextReaderPorts) {
    this.#ports = ports;
    this.#start = ports.start ?? (() => TextClient.start());
  }

  /** Cut-outs that wait for the thread. */
  get queued(): number {
    return this.#waiting.length;
  }

  get isBusy(): boolean {
    return this.#isStarting || this.#isRunning || this.#cutting > 0;
  }

  /** Waits for the thread, and for what it is given next. */
  async threadSettled(): Promise<void> {
    while (this.#isStarting || this.#isRunning) await this.#atThread;
  }

  /** @returns the lines that were read; empty also when the request was dropped. Never rejects. */
  async read(request: TextRequest): Promise<LineReading[]> {
    const { outcome, lines } = await this.#settled(request);
    this.#ports.onOutcome(outcome);
    return lines;
  }

  /** @returns TEXT_CHARSET_UNKNOWN when the recogniser lacks some of these characters; the others are read. */
  async charsetProblem(charset: string): Promise<KvsInferError | null> {
    const parsed = parseCharset(charset);
    const alphabet = await loadAlphabet().catch(() => null);
    // Files that cannot be read are told when the thread cannot start.
    if (alphabet === null || 'problem' in parsed) return null;
    const { missing } = charsetOf(alphabet, parsed.characters);
    if (missing.length === 0) return null;
    const which = missing.length === parsed.characters.length ? 'any' : 'all';
    const shown = missing.slice(0, charactersNamedMax).join(' ');
    const more = missing.length > charactersNamedMax ? ` and ${missing.length - charactersNamedMax} more` : '';
    return new KvsInferError(
      'TEXT_CHARSET_UNKNOWN',
      `expected characters that the recogniser knows, it does not know ${which} of "${charset}": ${shown}${more}`,
      { hint: 'take them out of text.charset; the others are read' },
    );
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#failWaiting();
    await this.#client?.close();
  }

  async #settled(request: TextRequest): Promise<Settled> {
    if (this.#isClosed || !this.#mayStart()) return { outcome: 'failed', lines: [] };
    if (this.#cutting >= cutsMax) return { outcome: 'overload', lines: [] };
    this.#cutting += 1;
    const picture = await request.cutOut().finally(() => {
      this.#cutting -= 1;
    });
    if (picture === null) return { outcome: 'picture-gone', lines: [] };
    if (this.#isClosed) return { outcome: 'failed', lines: [] };
    return new Promise((settle) => {
      this.#add({ request, picture, settle });
      this.#pump();
    });
  }

  #add(added: Waiting): void {
    const { cameraId, trackId } = added.request;
    const isOlder = ({ request }: Waiting) => request.cameraId === cameraId && request.trackId === trackId;
    const older = this.#waiting.findIndex(isOlder);
    if (older >= 0) this.#drop(older, 'superseded');
    this.#waiting.push(added);
    if (this.#waiting.length <= waitingMax) return;
    const held = new Map<string, number>();
    for (const { request } of this.#waiting) held.set(request.cameraId, (held.get(request.cameraId) ?? 0) + 1);
    const most = Math.max(...held.values());
    this.#drop(
      this.#waiting.findIndex(({ request }) => held.get(request.cameraId) === most),
      'overload',
    );
  }

  #drop(index: number, outcome: TextOutcome): void {
    const [dropped] = this.#waiting.splice(index, 1);
    dropped?.settle({ outcome, lines: [] });
  }

  #failWaiting(): void {
    while (this.#waiting.length > 0) this.#drop(0, 'failed');
  }

  #mayStart(): boolean {
    return this.#client !== null || this.#isStarting || this.#ports.clock.monotonicMs() >= this.#startAgainAtMs;
  }

  #pump(): void {
    if (this.#isRunning || this.#isStarting || this.#waiting.length === 0) return;
    this.#atThread = this.#client === null ? this.#begin() : this.#run(this.#client);
  }

  async #begin(): Promise<void> {
    this.#isStarting = true;
    try {
      const client = await this.#start();
      if (this.#isClosed) await client.close();
      else this.#use(client);
    } catch (error) {
      this.#failed(error, reloadAfterMs);
    } finally {
      this.#isStarting = false;
      this.#pump();
    }
  }

  #use(client: TextClient): void {
    this.#client = client;
    this.fault = null;
    void client.ended.then((death) => {
      if (this.#client === client) this.#client = null;
      if (death !== null) this.#failed(death, restartAfterMs);
    });
  }

  #failed(error: unknown, againAfterMs: number): void {
    this.fault = error instanceof KvsInferError ? error : unexpected(error);
    this.#startAgainAtMs = this.#ports.clock.monotonicMs() + againAfterMs;
    this.#failWaiting();
    this.#ports.onFault(this.fault);
  }

  async #run(client: TextClient): Promise<void> {
    const batch = this.#waiting.splice(0, perCallMax);
    this.#isRunning = true;
    const cancelTimeout = this.#ports.clock.setTimer(answerTimeoutMs, () => client.abort());
    try {
      const cutOuts = batch.map(({ request: { charset, foreign }, picture }) => ({ picture, charset, foreign }));
      const { readings, readMs } = await client.read(cutOuts);
      this.#ports.onRead(readMs / batch.length);
      for (const [index, { settle }] of batch.entries()) {
        const lines = readings[index] ?? [];
        settle({ outcome: lines.length > 0 ? 'read' : 'nothing', lines });
      }
    } catch (error) {
      if ((error as { code?: string }).code === 'TEXT_FAILED') this.#ports.onFault(error as KvsInferError);
      for (const { settle } of batch) settle({ outcome: 'failed', lines: [] });
    } finally {
      cancelTimeout();
      this.#isRunning = false;
      this.#pump();
    }
  }
}

function unexpected(cause: unknown): KvsInferError {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new KvsInferError('TEXT_FAILED', message, { hint: 'report it with the log', cause });
}
