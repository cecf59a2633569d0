import { describe, expect, it } from 'vitest';
import { type Completion, completeWords } from './complete-words.ts';
import { buildProgram } from './main.ts';

const program = buildProgram();
const complete = (...words: string[]) => completeWords(program, words);
const wordsOf = (completion: Completion) =>
  completion.kind === 'words' ? completion.candidates.map(({ word }) => word) : completion.kind;

describe('a command line goes on with', () => {
  it('commands and their subcommands, but none that is hidden', () => {
    const commands = wordsOf(complete(''));
    expect(commands).toEqual(expect.arrayContaining(['start', 'status', 'camera', 'completion', 'help']));
    expect(commands).not.toContain('complete');
    expect(wordsOf(complete('camera', 'l'))).toEqual(expect.arrayContaining(['list', 'show', 'put', 'import']));
  });

  it('options that are not there yet, with what they are for', () => {
    const options = wordsOf(complete('status', '--stage', 'local', '--'));
    expect(options).toEqual(expect.arrayContaining(['--json', '--watch', '--profile', '--help']));
    expect(options).not.toContain('--stage');
  });

  it('what an option takes', () => {
    expect(wordsOf(complete('camera', 'list', '--phase', ''))).toContain('waiting-capacity');
    expect(wordsOf(complete('camera', 'list', '--phase=run'))).toContain('running');
    expect(wordsOf(complete('camera', 'list', '--phase', '=', 'run'))).toContain('running');
    expect(complete('status', '--stage', '').kind).toBe('stages');
    expect(complete('status', '--profile', '').kind).toBe('profiles');
    expect(complete('plan', 'explain', '--fleet', '').kind).toBe('fleets');
    expect(complete('trace', '').kind).toBe('traces');
    expect(complete('trace', '--log', '').kind).toBe('files');
    expect(complete('start', '--model', '').kind).toBe('files');
    expect(wordsOf(complete('start', '--port', ''))).toEqual([]);
  });

  it('what an argument takes: ids, fleets, files, shells', () => {
    expect(complete('camera', 'show', '--stage', 'local', '').kind).toBe('cameras');
    expect(complete('camera', 'remove', 'gate', '').kind).toBe('cameras');
    expect(complete('fleet', 'pause', '').kind).toBe('fleets');
    expect(complete('camera', 'put', 'a.yaml', '').kind).toBe('files');
    expect(complete('clip', '').kind).toBe('files');
    expect(wordsOf(complete('completion', ''))).toEqual(['bash', 'zsh', 'fish']);
    expect(wordsOf(complete('camera', 'override', 'gate', ''))).toEqual(['on', 'off', 'none']);
    expect(wordsOf(complete('status', ''))).toEqual([]);
  });
});
