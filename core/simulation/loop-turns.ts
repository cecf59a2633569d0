/**
 * When runs of the control loop begin in virtual time: the minute and urgent news start one at once, all other news takes
 * turns, as functions/reconcile-fleet.ts does with the fleet's lock and claims.
 * Invariant: one run at a time; news is left to another run only where that run still has to look.
 */
import { type RunState, runsInARowMax, turnOf } from '../control/run-spacing.ts';
import type { EventQueue } from './event-queue.ts';

/** `urgent`: cameras are blind or will be. */
export type News = 'urgent' | 'soon';

type TurnsInput = {
  queue: EventQueue;
  clock: { readonly nowMs: number };
  /** Plays one run, and tells at its end whether a step failed. */
  run: (ended: (hasFailedSteps: boolean) => void) => void;
};

export class LoopTurns {
  readonly #input: TurnsInput;
  #state: RunState = {};
  #claims = 0;

  constructor(input: TurnsInput) {
    this.#input = input;
  }

  hear(news: News): void {
    if (news === 'soon') this.#inTurn(null, true);
    else if (this.#state.lock === undefined) this.#begin(true);
    else this.#state.lock.rerunRequested = true;
  }

  /** @param claim with which this news claimed its turn. @param mayFollow whoever still asks after the last run gets a turn too. */
  #inTurn(claim: string | null, mayFollow: boolean): void {
    const { queue, clock } = this.#input;
    const turn = turnOf(this.#state, claim, clock.nowMs);
    if (turn.kind === 'shared') return;
    if (turn.kind === 'wait') {
      this.#claims += 1;
      const holder = String(this.#claims);
      this.#state.dueRun = { holder, atMs: turn.atMs };
      queue.at(turn.atMs, () => this.#inTurn(holder, mayFollow));
      return;
    }
    this.#state.spacedThroughMs = turn.spacedThroughMs;
    if (turn.kind === 'run') this.#begin(mayFollow);
    else if (this.#state.lock !== undefined) {
      this.#state.lock.rerunRequested = true;
      delete this.#state.dueRun;
    }
  }

  #begin(mayFollow: boolean): void {
    this.#state.lock = { holder: 'loop', expiresAtMs: Number.POSITIVE_INFINITY, rerunRequested: false };
    this.#run(1, true, mayFollow);
  }

  /** @param mayRepeat whether a failed step may still be tried again at once. */
  #run(inARow: number, mayRepeat: boolean, mayFollow: boolean): void {
    delete this.#state.dueRun;
    this.#input.run((hasFailedSteps) => {
      const { lock } = this.#state;
      const isLast = inARow >= runsInARowMax;
      const isRepeated = hasFailedSteps && mayRepeat;
      const isAsked = lock?.rerunRequested === true;
      if (lock !== undefined && !isLast && (isAsked || isRepeated)) {
        lock.rerunRequested = false;
        this.#run(inARow + 1, mayRepeat && !isRepeated, mayFollow);
        return;
      }
      delete this.#state.lock;
      if (!isAsked) return;
      delete this.#state.dueRun;
      if (mayFollow) this.#inTurn(null, false);
    });
  }
}
