/** What every command must have, asked of the tree itself, so that a new one cannot forget it. */
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { buildProgram } from './main.ts';

const leaves = (command: Command, path: string[] = []): [string, Command][] =>
  command.commands.length === 0
    ? [[path.join(' '), command]]
    : command
        .createHelp()
        .visibleCommands(command)
        .filter((child) => child.name() !== 'help')
        .flatMap((child) => leaves(child, [...path, child.name()]));

function helpOf(command: Command): string {
  let text = '';
  const writeOut = (part: string) => {
    text += part;
  };
  command.configureOutput({ writeOut, getOutHelpWidth: () => 80 });
  command.outputHelp();
  return text;
}

describe.each(leaves(buildProgram()))('%s', (path, command) => {
  const help = helpOf(command);

  it('says what it does and shows how it is typed', () => {
    expect(command.description()).not.toBe('');
    expect(help).toMatch(/Examples?:\n {2}\$ \S/);
    const examples = help.split(/Examples?:\n/)[1] ?? '';
    for (const line of examples.trim().split('\n')) {
      expect(line.trim()).toMatch(path === 'start' ? /^\$ npm start/ : new RegExp(`^\\$ .*kvs-infer ${path}`));
    }
  });

  it('takes profile, region and endpoint where it speaks to AWS', () => {
    const speaksToAws = command.options.some(({ long }) => long === '--stage') && path !== 'validate';
    const has = ['--profile', '--region', '--endpoint-url'].filter((name) =>
      command.options.some(({ long }) => long === name),
    );
    if (path === 'camera feed') return;
    expect(has).toEqual(speaksToAws ? ['--profile', '--region', '--endpoint-url'] : []);
  });
});

it('groups the commands by what they are for, and fits 80 columns', () => {
  const help = helpOf(buildProgram());
  const headings = [...help.matchAll(/^(\S.*):$/gm)].map(([, heading]) => heading);
  expect(headings).toEqual([
    ...['Options', 'On this machine', 'Cameras and fleets', 'Before a schedule is saved', 'Models and media'],
    ...['Deployment', 'Help', 'Examples'],
  ]);
  for (const line of help.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
});
