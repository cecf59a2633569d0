/**
 * The command line's table of contents: every command registers itself here, and errors become exit codes here alone.
 * Contract: 0 done, 1 failed, 2 wrong usage; results on stdout, errors on stderr as `kvs-infer: CODE: …`.
 */
import { readFileSync } from 'node:fs';
import { styleText } from 'node:util';
import { Command, CommanderError } from 'commander';
import { formatError, KvsInferError } from '../core/errors.ts';
import { cameraCommand } from './camera.ts';
import { clipCommand } from './clip.ts';
import { completionCommand } from './completion.ts';
import { costCommand } from './cost.ts';
import { demuxCommand } from './demux.ts';
import { fleetCommand } from './fleet.ts';
import { modelCommand } from './model.ts';
import { planCommand } from './plan.ts';
import { preflightCommand } from './preflight.ts';
import { backupCommand } from './registry/backup.ts';
import { restoreCommand } from './registry/restore.ts';
import { scheduleCommand } from './schedule.ts';
import { simulateCommand } from './simulate.ts';
import { startCommand } from './start.ts';
import { statusCommand } from './status.ts';
import { traceCommand } from './trace.ts';
import { validateCommand } from './validate.ts';

/** Options whose values can only be judged together, so that a command says it and not the parser of options. */
const wrongUsage: ReadonlySet<string> = new Set([
  'WRONG_INSTANT',
  'WRONG_SPAN',
  'MODEL_NAME_INVALID',
  'CAMERAS_NOT_CHOSEN',
  'NOT_CONFIRMED',
]);

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

const surroundings = `
Examples:
  $ npm start                   the whole system here, with drawn cameras
  $ kvs-infer status            the npm start that runs here, at one glance
  $ kvs-infer status --stage production --profile ops --watch
  $ kvs-infer camera put dock-1.yaml --stage production --dry-run

Environment: KVS_INFER_STAGE, NO_COLOR, and as for the AWS CLI AWS_PROFILE,
AWS_REGION, AWS_ENDPOINT_URL and its others.
Exit codes: 0 done, 1 failed, 2 wrong usage. Guide: docs/quick-start.md`;

export function buildProgram(): Command {
  const program = new Command('kvs-infer')
    .description('Watches Kinesis Video Streams cameras with a detector during their hours, at the lowest GPU bill.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .addHelpCommand(helpCommand().helpGroup('Help:'))
    .showSuggestionAfterError()
    .exitOverride()
    .configureHelp({ styleTitle: (title) => styleText('bold', title, { validateStream: false }) })
    .configureOutput({
      outputError: (text, write) => write(usageLine(text)),
    })
    .addHelpText('after', surroundings);
  program.commandsGroup('On this machine:');
  startCommand(program);
  program.commandsGroup('Cameras and fleets:');
  statusCommand(program);
  cameraCommand(program);
  fleetCommand(program);
  backupCommand(program);
  restoreCommand(program);
  planCommand(program);
  traceCommand(program);
  program.commandsGroup('Before a schedule is saved:');
  scheduleCommand(program);
  simulateCommand(program);
  costCommand(program);
  program.commandsGroup('Models and media:');
  modelCommand(program);
  clipCommand(program);
  demuxCommand(program);
  program.commandsGroup('Deployment:');
  preflightCommand(program);
  validateCommand(program);
  program.commandsGroup('Help:');
  completionCommand(program);
  for (const command of allCommands(program)) {
    // Subcommands do not inherit these.
    command.exitOverride().configureOutput(program.configureOutput()).configureHelp(program.configureHelp());
    command.helpOption('-h, --help', 'print help');
    if (command.commands.length > 0) command.addHelpCommand(helpCommand());
  }
  return program;
}

function helpCommand(): Command {
  return new Command('help').argument('[command]').helpOption(false).description('print help for a command');
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
