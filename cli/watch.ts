/**
 * `--watch`: a view that is looked at again and again until Ctrl-C. On a terminal the newest is drawn in place; into a file
 * or a pipe goes a line for each thing that changed, or with `--json` the whole view on one line.
 * Invariant: Ctrl-C is exit code 0; a call that fails for a while is told and tried again, and ends a watch only when
 * trying again cannot help or nothing has been shown yet.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { createLogUpdate } from 'log-update';
import { formatError, KvsInferError } from '../core/errors.ts';

export type WatchOptions = { watch?: true; interval?: number; json?: true };

const intervalDefaultSeconds = 5;
/** Each look is some queries, and people read no faster. */
const intervalMinSeconds = 1;
const intervalMaxSeconds = 3_600;

export type Watched<View> = {
  read: () => Promise<View>;
  describe: (view: View) => string;
  /** What can change, by what it is about: `camera gate` → `running: …`. */
  facts: (view: View) => ReadonlyMap<string, string>;
  /** Said of what is no longer among the facts, by what it was about. */
  gone: string | ((about: string) => string);
};

export function withWatchOptions(command: Command): Command {
  return command
    .option('-w, --watch', 'look again and again until Ctrl-C')
    .option('--interval <seconds>', `how often, with --watch (default: ${intervalDefaultSeconds})`, intervalSeconds);
}

/** Shows the view once, or with --watch until it is ended. */
export async function showOrWatch<View>(options: WatchOptions, watched: Watched<View>): Promise<void> {
  const view = await watched.read();
  if (options.watch === undefined) {
    console.log(options.json ? JSON.stringify(view, null, 2) : watched.describe(view));
    return;
  }
  const stop = new AbortController();
  const end = () => stop.abort();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, end);
  // Nobody reads any more.
  process.stdout.once('error', end);
  const seconds = options.interval ?? intervalDefaultSeconds;
  const screen = process.stdout.isTTY && !options.json ? new Screen(seconds) : null;
  const show =
    screen === null ? changesOf(watched, options.json === true) : (next: View) => screen.show(watched.describe(next));
  show(view);
  while (await waited(seconds, stop.signal)) {
    try {
      show(await watched.read());
    } catch (error) {
      if (!(error instanceof KvsInferError && error.retryable)) throw error;
      if (screen === null) console.error(formatError(error));
      else screen.say(formatError(error));
    }
  }
  screen?.done();
}

/** @returns false when the watch was ended. */
async function waited(seconds: number, signal: AbortSignal): Promise<boolean> {
  await pause(seconds * 1_000, undefined, { signal }).catch(() => {});
  return !signal.aborted;
}

function changesOf<View>({ facts, gone }: Watched<View>, isJson: boolean): (view: View) => void {
  let shown: ReadonlyMap<string, string> = new Map();
  return (view) => {
    const now = facts(view);
    const lines = [...now]
      .filter(([about, fact]) => shown.get(about) !== fact)
      .map(([about, fact]) => `${about}: ${fact}`);
    for (const about of shown.keys())
      if (!now.has(about)) lines.push(`${about}: ${typeof gone === 'string' ? gone : gone(about)}`);
    shown = now;
    if (lines.length === 0) return;
    const time = new Date().toISOString().slice(11, 19);
    for (const line of isJson ? [JSON.stringify(view)] : lines.map((text) => `${time} ${text}`)) console.log(line);
  };
}

/** The newest view alone, cut to what the terminal shows, with when it was looked at. */
class Screen {
  readonly #update = createLogUpdate(process.stdout);
  readonly #seconds: number;
  #text = '';

  constructor(seconds: number) {
    this.#seconds = seconds;
  }

  show(text: string): void {
    this.#text = text;
    this.say(`${new Date().toISOString().slice(11, 19)} UTC, again every ${this.#seconds} s; Ctrl-C ends`);
  }

  say(note: string): void {
    const lines = this.#text.split('\n');
    const room = Math.max(2, (process.stdout.rows || 24) - 3);
    const hidden = lines.length - room;
    const shown = hidden <= 0 ? lines : [...lines.slice(0, room - 1), `… and ${hidden + 1} more lines`];
    // Drawn anew each time: patches of the former picture leave lines behind when it shrinks.
    this.#update.clear();
    this.#update([...shown, '', note].join('\n'));
  }

  done(): void {
    this.#update.done();
  }
}

function intervalSeconds(text: string): number {
  const value = Number(text);
  if (!(value >= intervalMinSeconds && value <= intervalMaxSeconds)) {
    throw new InvalidArgumentError(`expected ${intervalMinSeconds} to ${intervalMaxSeconds} seconds.`);
  }
  return value;
}
