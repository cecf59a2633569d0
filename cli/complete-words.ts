/**
 * What a command line can go on with, from commander's own tree, so that a command or option is known here the moment it
 * exists. Invariant: words that are wrong complete to nothing; what only a stage knows is named, and looked up elsewhere.
 */
import type { Argument, Command, Option } from 'commander';

export type Candidate = { word: string; about: string };
export type Completion =
  | { kind: 'words'; candidates: Candidate[] }
  | { kind: 'files' }
  | { kind: 'cameras' | 'fleets' | 'stages' | 'traces' | 'profiles' };

const nothing: Completion = { kind: 'words', candidates: [] };
const lookedUp: Readonly<
  Record<string, Completion['kind'] & ('cameras' | 'fleets' | 'stages' | 'traces' | 'profiles')>
> = {
  cameraId: 'cameras',
  fleet: 'fleets',
  stage: 'stages',
  traceId: 'traces',
};

/** @param words what follows the program's name; the last is the one being typed, and may be empty. */
export function completeWords(program: Command, words: readonly string[]): Completion {
  const typed = words.at(-1) ?? '';
  let command = program;
  let positionals = 0;
  let awaited: Option | null = null;
  let isLiteral = false;
  const given = new Set<string>();
  // Bash takes `--stage=x` apart at its equals sign.
  for (const word of words.slice(0, -1).filter((each) => each !== '=')) {
    if (awaited !== null) {
      awaited = null;
      continue;
    }
    if (word === '--') isLiteral = true;
    else if (word.startsWith('-') && !isLiteral) {
      const option = optionOf(command, word);
      if (option !== undefined) given.add(option.attributeName());
      awaited = option?.required && !word.includes('=') ? option : null;
    } else {
      const child = subcommandOf(command, word);
      if (child === undefined) positionals += 1;
      else command = child;
    }
  }
  if (awaited !== null) return ofOption(awaited);
  if (typed.startsWith('-') && !isLiteral) {
    const [name = '', value] = typed.split('=', 2);
    const option = value === undefined ? undefined : optionOf(command, name);
    if (option !== undefined) return ofOption(option);
    return { kind: 'words', candidates: optionsOf(command, given) };
  }
  const children = command.createHelp().visibleCommands(command);
  if (children.length > 0) {
    // A word that is no command leads nowhere.
    if (positionals > 0) return nothing;
    const candidates = children.map((child) => ({ word: child.name(), about: child.description() }));
    return { kind: 'words', candidates };
  }
  const argument =
    command.registeredArguments[positionals] ?? command.registeredArguments.find((each) => each.variadic);
  return argument === undefined ? nothing : ofArgument(argument);
}

function subcommandOf(command: Command, word: string): Command | undefined {
  return command
    .createHelp()
    .visibleCommands(command)
    .find((child) => child.name() === word);
}

function optionOf(command: Command, word: string): Option | undefined {
  const [name] = word.split('=', 1);
  return command.options.find((option) => option.long === name || option.short === name);
}

/** Each once. */
function optionsOf(command: Command, given: ReadonlySet<string>): Candidate[] {
  return command
    .createHelp()
    .visibleOptions(command)
    .filter((option) => option.long != null && !given.has(option.attributeName()))
    .map((option) => ({ word: option.long ?? '', about: option.description }));
}

function ofOption(option: Option): Completion {
  if (option.argChoices !== undefined) return choices(option.argChoices);
  if (option.long === '--profile') return { kind: 'profiles' };
  const [, name = ''] = option.flags.match(/[<[]([^>\]]+)/) ?? [];
  return byName(name);
}

function ofArgument(argument: Argument): Completion {
  return argument.argChoices === undefined ? byName(argument.name()) : choices(argument.argChoices);
}

/** By what help calls it: a file has a dot in its name, or is called one. */
function byName(name: string): Completion {
  const kind = lookedUp[name];
  if (kind !== undefined) return { kind };
  return /[.]|^(file|folder|camera|model)$/.test(name) ? { kind: 'files' } : nothing;
}

function choices(words: readonly string[]): Completion {
  return { kind: 'words', candidates: words.map((word) => ({ word, about: '' })) };
}
