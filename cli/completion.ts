/**
 * `kvs-infer completion bash|zsh|fish` prints the script for a shell; the hidden `kvs-infer complete` answers it.
 * Invariant: an answer comes within a second or two or is empty, says nothing but candidates, and never fails: a person is in the
 * middle of a line. Ids of cameras and fleets are those of the stage that the line names.
 */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Argument, type Command } from 'commander';
import type { AwsOptions } from './aws-options.ts';
import { type Candidate, type Completion, completeWords } from './complete-words.ts';
import { completionScript, filesLine, type Shell, shells } from './completion-scripts.ts';
import { localStage } from './local-endpoint.ts';
import { onStage, type Stage } from './stage.ts';

/** Of each fleet. */
const tracesMax = 10;
/** Longer, and people have typed it. */
const lookUpMaxMs = 1_500;

export function completionCommand(program: Command): void {
  program
    .command('completion')
    .description('print the script that lets a shell complete commands, options and ids')
    .addArgument(new Argument('<shell>').choices(shells))
    .addHelpText(
      'after',
      `
bash: add  source <(npx kvs-infer completion bash)  to ~/.bashrc
zsh:  add  source <(npx kvs-infer completion zsh)  to ~/.zshrc, after compinit
fish: npx kvs-infer completion fish > ~/.config/fish/completions/kvs-infer.fish

It completes the command kvs-infer: npm link, or alias kvs-infer="npx kvs-infer".

Example:
  $ source <(npx kvs-infer completion bash)`,
    )
    .action((shell: Shell) => {
      console.log(completionScript(shell, fileURLToPath(new URL('./kvs-infer.mjs', import.meta.url))));
    });

  program
    .command('complete', { hidden: true })
    .description('answer a completion script')
    .argument('[words...]')
    .action(async (words: string[]) => {
      const lines = await answer(program, words).catch(() => []);
      // What is still being looked up is not waited for.
      process.stdout.write(lines.map((line) => `${line}\n`).join(''), () => process.exit(0));
    });
}

async function answer(program: Command, words: readonly string[]): Promise<string[]> {
  const completion = completeWords(program, words);
  if (completion.kind === 'files') return [filesLine];
  const candidates = completion.kind === 'words' ? completion.candidates : await lookUp(completion.kind, words);
  const typed = (words.at(-1) ?? '').replace(/^--[^=]*=/, '');
  const shown = candidates.filter(({ word }) => word.startsWith(typed === '=' ? '' : typed));
  return shown.map(({ word, about }) => `${word}\t${about.replaceAll(/\s+/g, ' ')}`);
}

async function lookUp(
  kind: Exclude<Completion['kind'], 'files' | 'words'>,
  words: readonly string[],
): Promise<Candidate[]> {
  if (kind === 'profiles') return profiles();
  if (kind === 'stages') {
    const known = new Set([localStage, 'production', process.env.KVS_INFER_STAGE ?? localStage]);
    return [...known].map((word) => ({ word, about: word === localStage ? 'the npm start that runs here' : '' }));
  }
  const limit = new Promise<Candidate[]>((resolve) => setTimeout(() => resolve([]), lookUpMaxMs).unref());
  return Promise.race([limit, onStage(placeOf(words), { cameras, fleets, traces }[kind])]);
}

async function cameras({ clients, tables }: Stage): Promise<Candidate[]> {
  const { listCameraRows } = await import('../aws/camera-registry.ts');
  const rows = await listCameraRows(clients, tables.cameras);
  return rows
    .map(({ cameraId, streamName }) => ({ word: String(cameraId), about: `stream ${String(streamName)}` }))
    .sort((a, b) => (a.word < b.word ? -1 : 1));
}

async function fleets({ clients, tables }: Stage): Promise<Candidate[]> {
  const { listFleets } = await import('../aws/fleet-list.ts');
  return (await listFleets(clients, tables.fleets)).map(({ fleet }) => ({ word: fleet, about: 'fleet' }));
}

/** Of the newest decisions. */
async function traces({ clients, tables }: Stage): Promise<Candidate[]> {
  const [{ listFleets }, { readDecisions }] = await Promise.all([
    import('../aws/fleet-list.ts'),
    import('../aws/decisions.ts'),
  ]);
  const all = await listFleets(clients, tables.fleets);
  const newest = await Promise.all(
    all.map(({ fleet }) => readDecisions(clients, tables.decisions, fleet, { limit: tracesMax })),
  );
  return newest
    .flat()
    .flatMap(({ traceId, at, trigger }) =>
      traceId === undefined ? [] : [{ word: traceId, about: `${at} ${trigger}` }],
    );
}

/** Where the line that is being typed looks. */
function placeOf(words: readonly string[]): AwsOptions & { stage?: string } {
  const plain = words.slice(0, -1).flatMap((word) => (word === '=' ? [] : word.split(/(?<=^--[a-z-]+)=/)));
  const given = (name: string) => {
    const at = plain.lastIndexOf(name);
    return at < 0 ? undefined : plain[at + 1];
  };
  const found = {
    ...{ stage: given('--stage'), profile: given('--profile') },
    ...{ region: given('--region'), endpointUrl: given('--endpoint-url') },
  };
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined));
}

/** Their names in the shared config files; what is in them is nobody's business here. */
async function profiles(): Promise<Candidate[]> {
  const files = [
    process.env.AWS_CONFIG_FILE ?? join(homedir(), '.aws', 'config'),
    process.env.AWS_SHARED_CREDENTIALS_FILE ?? join(homedir(), '.aws', 'credentials'),
  ];
  const texts = await Promise.all(files.map((file) => readFile(file, 'utf8').catch(() => '')));
  const names = texts.flatMap((text) =>
    [...text.matchAll(/^\[(?:profile\s+)?([^\]\s]+)\s*\]/gm)].map(([, name]) => name ?? ''),
  );
  return [...new Set(names)].sort().map((word) => ({ word, about: 'profile' }));
}
