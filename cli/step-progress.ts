/** A bar on stderr for a command of a few long steps: for people only, and only once it has lasted two seconds. */
import { SingleBar } from 'cli-progress';

const SHOWN_AFTER_MS = 2_000;

export class StepProgress {
  readonly #steps: number;
  #done = 0;
  #doing = '';
  #bar: SingleBar | null = null;
  readonly #timer: NodeJS.Timeout | null;

  constructor(steps: number) {
    this.#steps = steps;
    this.#timer = process.stderr.isTTY ? setTimeout(() => this.#show(), SHOWN_AFTER_MS) : null;
  }

  /** The next step begins. */
  begin(doing: string): void {
    if (this.#doing !== '') this.#done += 1;
    this.#doing = doing;
    this.#bar?.update(this.#done, { doing });
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#bar?.stop();
    this.#bar = null;
  }

  #show(): void {
    this.#bar = new SingleBar({
      format: '{bar} {value}/{total} {doing}',
      stream: process.stderr,
      clearOnComplete: true,
    });
    this.#bar.start(this.#steps, this.#done, { doing: this.#doing });
  }
}
