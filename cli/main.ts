/**
 * The command line's table of contents: every command registers itself here, and errors become exit codes here alone.
 * Contract: 0 done, 1 failed, 2 wrong usage; results on stdout, errors on stderr as `kvs-infer: CODE: …`.
 */
import { Command, CommanderError } from 'commander';
import { formatError } from '../core/errors.ts';
import { cameraCommand } from './camera.ts';
import { clipCommand } from './clip.ts';
import { demuxCommand } from './demux.ts';
import { modelCommand } from './model.ts';
import { scheduleCommand } from './schedule.ts';
import { startCommand } from './start.ts';

export function buildProgram(): Command {
  const program = new Command('kvs-infer')
    .description('Watches Kinesis Video Streams cameras with a detector during their hours, at the lowest GPU bill.')
    .showSuggestionAfterError()
    .showHelpAfterError('(run with --help for usage and examples)')
    .exitOverride()
    .configureOutput({
      outputError: (text, write) => write(text.replace(/^error: /, 'kvs-infer: USAGE: ')),
    });
  startCommand(program);
  cameraCommand(program);
  scheduleCommand(program);
  modelCommand(program);
  clipCommand(program);
  demuxCommand(program);
  // Subcommands do not inherit these two.
  for (const command of allCommands(program)) command.exitOverride().configureOutput(program.configureOutput());
  return program;
}

function allCommands(command: Command): Command[] {
  return command.commands.flatMap((child) => [child, ...allCommands(child)]);
}

/** Runs one command line and sets the process's exit code; never rejects. */
export async function runCommandLine(argv: readonly string[]): Promise<void> {
  try {
    await buildProgram().parseAsync([...argv]);
  } catch (error) {
    if (error instanceof CommanderError) {
      // Commander has printed the message; help and version are not failures.
      process.exitCode = error.exitCode === 0 || error.code === 'commander.help' ? 0 : 2;
      return;
    }
    console.error(formatError(error));
    process.exitCode = 1;
  }
}
