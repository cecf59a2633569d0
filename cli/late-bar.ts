/** A progress bar on stderr: for people only, and only once the work has lasted two seconds. */
import { SingleBar } from 'cli-progress';

const shownAfterMs = 2_000;

export class LateBar {
  readonly #format: string;
  readonly #total: number;
  readonly #timer: NodeJS.Timeout | null;
  #bar: SingleBar | null = null;
  #value = 0;
  #words: Record<string, string>;

  /** @param format of cli-progress, e.g. `{bar} {value}/{total} {doing}`; `words` are its own tokens. */
  constructor(format: string, total: number, words: Record<string, string> = {}) {
    this.#format = format;
    this.#total = total;
    this.#words = words;
    this.#timer = process.stderr.isTTY ? setTimeout(() => this.#show(), shownAfterMs) : null;
  }

  update(value: number, words: Record<string, string> = this.#words): void {
    this.#value = value;
    this.#words = words;
    this.#bar?.update(value, words);
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#bar?.stop();
    this.#bar = null;
  }

  #show(): void {
    this.#bar = new SingleBar({ format: this.#format, stream: process.stderr, clearOnComplete: true });
    this.#bar.start(this.#total, this.#value, this.#words);
  }
}
