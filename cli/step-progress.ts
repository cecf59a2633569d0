/** The bar of a command of a few long steps, each under the name of what it does. */
import { LateBar } from './late-bar.ts';

export class StepProgress {
  readonly #bar: LateBar;
  #done = 0;
  #doing = '';

  constructor(steps: number) {
    this.#bar = new LateBar('{bar} {value}/{total} {doing}', steps, { doing: '' });
  }

  /** The next step begins. */
  begin(doing: string): void {
    if (this.#doing !== '') this.#done += 1;
    this.#doing = doing;
    this.#bar.update(this.#done, { doing });
  }

  stop(): void {
    this.#bar.stop();
  }
}
