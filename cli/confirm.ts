/**
 * The question before something is written, asked where a person sits at a terminal. Invariant: only `y` or `yes` is a yes;
 * Ctrl-C and the end of the input are a no.
 */
import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';

export type ConfirmOptions = { yes?: true };

export function withConfirmOption(command: Command): Command {
  return command.option('-y, --yes', 'do not ask');
}

/** Can somebody be asked? */
export function isInteractive(): boolean {
  return process.stdin.isTTY === true && process.stderr.isTTY === true;
}

export async function isConfirmed(question: string): Promise<boolean> {
  // On stderr, so that what was asked for on stdout stays clean.
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const ended = new Promise<string>((resolve) => {
    terminal.once('close', () => resolve(''));
    terminal.once('SIGINT', () => resolve(''));
  });
  const answer = await Promise.race([terminal.question(`${question} [y/N] `), ended]);
  terminal.close();
  return /^y(es)?$/i.test(answer.trim());
}
