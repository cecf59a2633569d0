/**
 * The steps of carrying out one decision: what was done, what was left undone and what failed, one sentence each.
 * Invariant: a step that fails stops no other; none begins once the run may have lost its lock.
 */

/** In which order they are told. */
export const order = {
  instances: 0,
  tasks: 1,
  terminate: 2,
  drain: 3,
  disarm: 4,
  cameras: 5,
  lists: 6,
  models: 7,
  tidy: 8,
};

/** Sentences in the order of a fixed list of kinds, whichever call answered first. */
export class ApplySteps {
  readonly failures: string[] = [];
  readonly #done: { order: number; sentence: string }[] = [];
  readonly mayAct: () => boolean;

  constructor(mayAct: () => boolean) {
    this.mayAct = mayAct;
  }

  done(order: number, sentence: string): void {
    this.#done.push({ order, sentence });
  }

  /** @returns whether the step succeeded. */
  async try(order: number, sentence: string, step: () => Promise<unknown>): Promise<boolean> {
    if (!this.mayAct()) {
      this.done(order, `left undone, another run may have begun: ${sentence}`);
      return false;
    }
    try {
      const happened = await step();
      if (happened === false) this.done(order, `left undone, the world had moved: ${sentence}`);
      else this.done(order, sentence);
      return happened !== false;
    } catch (error) {
      this.fail(order, sentence, error);
      return false;
    }
  }

  fail(order: number, sentence: string, error: unknown): void {
    const failure = `failed: ${sentence}: ${error instanceof Error ? error.message : String(error)}`;
    this.failures.push(failure);
    this.done(order, failure);
  }

  sentences(): string[] {
    return [...this.#done]
      .sort((a, b) => a.order - b.order || (a.sentence < b.sentence ? -1 : a.sentence > b.sentence ? 1 : 0))
      .map((step) => step.sentence);
  }
}
