/**
 * Unit tests sit beside their subject; test/ holds what spans files. Any test that sleeps or retries is a bug.
 * The deployment tests are a project of their own: they alone put the deployment together first.
 */
import { defineConfig } from 'vitest/config';

// Bounds for what hangs: a machine that is busy with other work takes several times as long as an idle one.
const shared = { pool: 'forks', testTimeout: 90_000, hookTimeout: 120_000 } as const;

export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      {
        test: {
          ...shared,
          name: 'system',
          include: ['{core,aws,functions,worker,local,cli,models,stacks,bench,web}/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: ['test/deploy/**', 'test/browser/**'],
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
