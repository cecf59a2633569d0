/**
 * Unit tests sit beside their subject; test/ holds what spans files. Any test that sleeps or retries is a bug.
 * The deployment tests are a project of their own: they alone put the deployment together first.
 */
import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/longest-first.ts';

// Bounds for what hangs: a machine that is busy with other work takes several times as long as an idle one.
const shared = { pool: 'forks', testTimeout: 90_000, hookTimeout: 120_000 } as const;
/**
 * One more than there are cores: a third of the time a worker waits for processes, browsers and real seconds (two kept 1.35 of
 * two cores busy). A test of the whole system takes half a gigabyte, so no more than eight.
 */
const maxWorkers = Math.min(8, availableParallelism() + 1);
/**
 * Tests that leave nothing behind in their process run in one process after the other: it costs a quarter of a second to start
 * one, and a whole one to import the AWS SDK. Those that measure memory have a process of their own.
 */
const together = ['{aws,core,functions,web}/**/*.test.ts', 'worker/{decode,pace,publish,runtime,text,track}/*.test.ts'];

export default defineConfig({
  test: {
    maxWorkers,
    sequence: { sequencer: LongestFirst },
    projects: [
      { test: { ...shared, name: 'together', isolate: false, include: together } },
      {
        test: {
          ...shared,
          name: 'system',
          include: ['{worker,local,cli,models,stacks,bench}/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: ['test/deploy/**', 'test/browser/**', ...together],
        },
      },
      {
        // A browser beside it makes everything slower, and nothing in these tests measures how much.
        test: { ...shared, name: 'browser', include: ['test/browser/**/*.test.ts'], testTimeout: 120_000 },
      },
      {
        test: {
          ...shared,
          name: 'deploy',
          include: ['test/deploy/**/*.test.ts'],
          globalSetup: ['test/deploy/synthesise-scenarios.ts'],
        },
      },
    ],
  },
});
