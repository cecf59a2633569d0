/**
 * The command line's table of contents: every command registers itself here, and errors become exit codes here alone.
 * Contract: 0 done, 1 failed, 2 wrong usage; results on stdout, errors on stderr as `kvs-infer: CODE: …`.
 */
import { Command, CommanderError } from 'commander';
import { formatError, KvsInferError } from '../core/errors.ts';
import { cameraCommand } from './camera.ts';
import { clipCommand } from './clip.ts';
import { costCommand } from './cost.ts';
import { demuxCommand } from './demux.ts';
import { fleetCommand } from './fleet.ts';
import { modelCommand } from './model.ts';
import { planCommand } from './plan.ts';
import { preflightCommand } from './preflight.ts';
import { scheduleCommand } from './schedule.ts';
import { simulateCommand } from './simulate.ts';
import { startCommand } from './start.ts';
import { statusCommand } from './status.ts';
import { validateCommand } from './validate.ts';

/** Options whose values can only be judged together, so that a command says it and not the parser of options. */
const wrongUsage: ReadonlySet<string> = new Set([
  'WRONG_INSTANT',
  'WRONG_SPAN',
  'MODEL_NAME_INVALID',
  'CAMERAS_NOT_CHOSEN',
]);

export function buildProgram(): Command {
  const program = new Command('kvs-infer')
    .description('Watches Kinesis Video Streams cameras with a detector during their hours, at the lowest GPU bill.')
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({
      outputError: (text, write) => write(usageLine(text)),
    });
  startCommand(program);
  statusCommand(program);
  cameraCommand(program);
  fleetCommand(program);
  scheduleCommand(program);
  costCommand(program);
  simulateCommand(program);
  preflightCommand(program);
  validateCommand(program);
  planCommand(program);
  modelCommand(program);
  clipCommand(program);
  demuxCommand(program);
  // Subcommands do not inherit these two.
  for (const command of allCommands(program)) command.exitOverride().configureOutput(program.configureOutput());
  return program;
}

/** Commander's words on one line, as all errors are: `error: unknown command 'x'\n(Did you mean y?)` and the like. */
function usageLine(text: string): string {
  // A command without its subcommand gets its whole help, which stays as it is.
  if (!text.startsWith('error: ')) return text;
  const [what = '', ...suggestions] = text
    .trim()
    .replace(/^error: /, '')
    .split('\n');
  const hint = suggestions.map((line) => line.replace(/^\((.*)\)$/, '$1')).join(' ');
  return `kvs-infer: USAGE: ${what.replace(/\.$/, '')} (${hint === '' ? '' : `${hint} `}run with --help for usage and examples)\n`;
}

function allCommands(command: Command): Command[] {
  return command.commands.flatMap((child) => [child, ...allCommands(child)]);
}

/** Runs one command line and sets the process's exit code; never rejects. */
export async function runCommandLine(argv: readonly string[]): Promise<void> {
  watchOutput();
  try {
    await buildProgram().parseAsync([...argv]);
  } catch (error) {
    if (error instanceof CommanderError) {
      // Commander has printed the message; help that was asked for is no failure, a missing subcommand is.
      process.exitCode = error.exitCode === 0 ? 0 : 2;
      if (error.code === 'commander.help')
        console.error('kvs-infer: USAGE: a command is missing (choose one of those above)');
      return;
    }
    console.error(formatError(error));
    process.exitCode = error instanceof KvsInferError && wrongUsage.has(error.code) ? 2 : 1;
  }
}

/**
 * A reader that went away (`| head -1`) is no failure of ours: the command ends as it would have. Output that cannot be
 * kept, as on a full disk, is one: a script must not take half a document for the whole.
 */
function watchOutput(): void {
  process.stdout.on('error', (cause: NodeJS.ErrnoException) => {
    // Told once: a command that runs for hours would repeat it with every line.
    if (cause.code === 'EPIPE' || process.exitCode === 1) return;
    process.exitCode = 1;
    const error = new KvsInferError('OUTPUT_UNWRITABLE', `standard output: ${cause.message}`, {
      hint: 'make room, or send the output elsewhere',
      cause,
    });
    console.error(formatError(error));
  });
  // Nobody is left to be told of it.
  process.stderr.on('error', () => {});
}
