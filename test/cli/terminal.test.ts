/** What only a terminal shows: a question before writing, tables cut to its width, colour. */
import { spawn, spawnSync } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { putCameraRow } from '../../aws/camera-registry.ts';
import { readCameraRow } from '../../aws/camera-row.ts';
import { cloudStage, tables } from './cloud-stage.ts';
import { commandEnvironment, program, temporaryFolder } from './kvs-infer.ts';

const folder = temporaryFolder();
const cloud = cloudStage();

/** Of util-linux: runs a command on a terminal of its own, whose keyboard is our pipe. */
const hasTerminals = spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout?.includes('util-linux') ?? false;
if (!hasTerminals) console.log('skipped: there is no `script` of util-linux here to open terminals with');

/** @returns the last exit code and what the terminal showed, without what was typed. */
async function onTerminal(typed: string, columns: number, words: readonly string[], colour = false) {
  const { NO_COLOR, ...plain } = commandEnvironment();
  const env = {
    ...{ ...plain, ...cloud.environment, KVS_INFER_STAGE: 'test' },
    ...{ TERM: 'xterm-256color', ...(colour ? {} : { NO_COLOR }) },
  };
  const command = [process.execPath, program, ...words].map((word) => `'${word}'`).join(' ');
  const child = spawn('script', ['-qec', `stty -echo cols ${columns} rows 24; ${command}`, '/dev/null'], { env });
  child.stdin.end(typed);
  const [shown, [exitCode]] = await Promise.all([
    text(child.stdout),
    new Promise<[number]>((resolve) => child.once('close', (code) => resolve([code ?? -1]))),
  ]);
  return { exitCode, shown: shown.replaceAll('\r', '') };
}

describe.skipIf(!hasTerminals)('on a terminal', () => {
  it('a row is written after a yes alone', async () => {
    const file = await folder.write('row.json', '{"cameraId":"a","streamName":"a"}');
    const declined = await onTerminal('n\n', 100, ['camera', 'put', file]);
    expect(declined.shown).toContain('a: new\n');
    expect(declined.shown).toContain('Write 1 row to stage test? [y/N]');
    expect(declined.shown).toMatch(/nothing is written\n$/);
    expect(declined.exitCode).toBe(0);
    expect(await readCameraRow(cloud.clients, tables.cameras, 'a')).toBeNull();
    expect((await onTerminal('y\n', 100, ['camera', 'put', file])).shown).toMatch(/1 written\n$/);
    expect(await readCameraRow(cloud.clients, tables.cameras, 'a')).not.toBeNull();
    expect((await onTerminal('\n', 100, ['camera', 'remove', 'a'])).shown).toMatch(/nothing is removed\n$/);
    expect((await onTerminal('', 100, ['camera', 'remove', 'a', '--yes'])).shown).toMatch(/1 camera is removed\n$/);
  });

  it('tables keep to its width and ids are whole; colour is there unless NO_COLOR is', async () => {
    const cameraId = 'a-camera-with-a-long-name-at-the-gate';
    await putCameraRow(cloud.clients, tables.cameras, { cameraId, streamName: 'a' });
    const { shown } = await onTerminal('', 80, ['camera', 'list']);
    const lines = shown.trimEnd().split('\n');
    expect(lines.at(-1)).toMatch(new RegExp(`^${cameraId}  default  unjudged .*…$`));
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
    const coloured = await onTerminal('', 80, ['camera', 'list'], true);
    expect(coloured.shown).toContain('\u001b[');
    expect(stripVTControlCharacters(coloured.shown)).toBe(shown);
  });
});
