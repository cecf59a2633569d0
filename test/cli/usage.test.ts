/** What holds for every command: help, wrong usage, and a reader or a disk that does not take the output. */
import { spawn } from 'node:child_process';
import { existsSync, openSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { commandEnvironment, expectFailure, kvsInfer, program } from './kvs-infer.ts';

const commands = [
  [],
  ['start'],
  ['camera'],
  ['camera', 'check'],
  ['schedule'],
  ['model', 'check'],
  ['clip'],
  ['demux'],
  ['validate'],
  ['preflight'],
  ['cost'],
];

describe.concurrent('help', () => {
  it.each(commands)('kvs-infer %s %s --help explains itself on stdout, exit code 0', async (...words) => {
    const given = words.filter(Boolean);
    const { exitCode, stdout, stderr } = await kvsInfer([...given, '--help']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatch(/^Usage: kvs-infer /);
    const hasSubcommands = ['', 'camera'].includes(given.join(' '));
    if (!hasSubcommands) expect(stdout).toMatch(/Examples?:\n {2}\$ /);
  });
});

describe.concurrent('wrong usage is exit code 2', () => {
  it('a command that does not exist names the one that was meant', async () => {
    expectFailure(await kvsInfer(['schedul']), 2, 'USAGE', "unknown command 'schedul'", /Did you mean schedule\?/);
  });

  it('so does a subcommand', async () => {
    expectFailure(await kvsInfer(['camera', 'chek', 'x.yaml']), 2, 'USAGE', /Did you mean check\?/);
  });

  it('an option that does not exist names the one that was meant', async () => {
    expectFailure(await kvsInfer(['demux', 'x.mkv', '--jsn']), 2, 'USAGE', "unknown option '--jsn'", /--json/);
  });

  it('a missing argument is named', async () => {
    expectFailure(await kvsInfer(['demux']), 2, 'USAGE', "'capture.mkv'");
  });

  it('a missing option is named', async () => {
    expectFailure(await kvsInfer(['clip', 'x.mkv', '--model', 'm.onnx']), 2, 'USAGE', '--out');
  });

  it.each([[[]], [['camera']], [['model']]])('no command at all (%j) shows the choice', async (words) => {
    const { exitCode, stdout, stderr } = await kvsInfer(words);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(/^Usage: kvs-infer [\s\S]*\nkvs-infer: USAGE: a command is missing \(.+\)\n$/);
  });
});

describe.concurrent('output', () => {
  it.each([[['schedule', '--help']], [['nonsense']]])(
    'a reader that is gone meets no stack trace (%j)',
    async (words) => {
      const child = spawn(process.execPath, [program, ...words], {
        env: commandEnvironment(),
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      // Long before Node is up: the first byte already finds nobody.
      child.stdout.destroy();
      const [stderr, exitCode] = await Promise.all([
        text(child.stderr),
        new Promise((resolve) => child.on('close', resolve)),
      ]);
      expect(stderr).not.toMatch(/EPIPE|\n\s+at /);
      expect(exitCode).toBe(words.includes('--help') ? 0 : 2);
    },
  );

  const full = '/dev/full';
  it.skipIf(!existsSync(full))('that a full disk does not take is exit code 1', async () => {
    const stdio = ['ignore', openSync(full, 'w'), 'pipe'] as const;
    const child = spawn(process.execPath, [program, 'demux', '--help'], {
      env: commandEnvironment(),
      stdio: [...stdio],
    });
    const [stderr, exitCode] = await Promise.all([
      child.stderr === null ? '' : text(child.stderr),
      new Promise((resolve) => child.on('close', resolve)),
    ]);
    expect(stderr).toMatch(/^kvs-infer: OUTPUT_UNWRITABLE: standard output: ENOSPC.+ \(.+\)\n$/);
    expect(exitCode).toBe(1);
  });
});
