/**
 * The rules of the tree, checked: core/ is pure, aws/ alone imports the AWS SDK, and no file grows past what one reads in
 * a sitting. The layout is the architecture, so breaking it is a failing test and not a matter of taste.
 */
import { readdir, readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';

const root = new URL('../', import.meta.url);
const folders = ['core', 'aws', 'functions', 'worker', 'local', 'cli', 'models', 'bench', 'stacks', 'test', 'web'];
const linesMax = 300;

const files = (
  await Promise.all(
    folders.map(async (folder) => {
      const entries = await readdir(new URL(folder, root), { recursive: true }).catch(() => []);
      return entries
        .filter((entry) => /\.tsx?$/.test(entry) && !entry.startsWith('dist'))
        .map((entry) => `${folder}/${entry}`);
    }),
  )
).flat();
const sources = new Map(
  await Promise.all(files.map(async (file) => [file, await readFile(new URL(file, root), 'utf8')] as const)),
);
const isTest = (file: string) =>
  /\.test(-\w+)?\.ts$/.test(file) || file.startsWith('test/') || file.startsWith('bench/');
const importsOf = (text: string) =>
  [...text.matchAll(/^(?:import|export)[^'"]*?from '([^']+)'|^import '([^']+)'|import\('([^']+)'\)/gm)].map(
    (match) => match[1] ?? match[2] ?? match[3] ?? '',
  );
const product = [...sources].filter(([file]) => !isTest(file));

describe('the tree', () => {
  it('core/ imports nothing but core/ and three pure packages, and reads neither clock nor environment nor chance', () => {
    for (const [file, text] of product.filter(([name]) => name.startsWith('core/'))) {
      const outside = importsOf(text).filter(
        (name) =>
          !(name.startsWith('.') && !name.includes('../../')) && !['zod', 'temporal-polyfill', 're2js'].includes(name),
      );
      // core/control reaches its parent folder, which is core/ too.
      expect(
        outside.filter((name) => !/^\.\.\/[^.]/.test(name)),
        file,
      ).toEqual([]);
      if (file === 'core/clock.ts') continue;
      expect(text.match(/\bDate\.now\(|\bperformance\.|\bprocess\.|\bMath\.random\(|new Date\(\)/g), file).toBeNull();
    }
  });

  it('aws/ alone imports the AWS SDK', () => {
    for (const [file, text] of product.filter(([name]) => !name.startsWith('aws/'))) {
      expect(
        importsOf(text).filter((name) => /^@(aws-sdk|smithy)\//.test(name)),
        file,
      ).toEqual([]);
    }
  });

  it('what is deployed does not import what is local', () => {
    for (const [file, text] of product.filter(([name]) => /^(core|aws|functions|worker)\//.test(name))) {
      expect(
        importsOf(text).filter((name) => name.includes('/local/')),
        file,
      ).toEqual([]);
    }
  });

  it(`no file is longer than ${linesMax} lines, and each opens by saying what it is`, () => {
    const long = [...sources].filter(([, text]) => text.split('\n').length > linesMax + 1).map(([file]) => file);
    expect(long).toEqual([]);
    const silent = product.filter(([, text]) => !/^(#!.*\n)?\/\*\*/.test(text)).map(([file]) => file);
    expect(silent).toEqual([]);
  });

  it('no folder is a drawer', () => {
    expect(files.filter((file) => /\/(utils?|helpers?|common|services|managers|index)(\/|\.ts$)/.test(file))).toEqual(
      [],
    );
  });
});
