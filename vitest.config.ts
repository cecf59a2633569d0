/** Unit tests sit beside their subject; test/ holds what spans files. Any test that sleeps or retries is a bug. */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['{core,aws,functions,worker,local,cli,models,stacks}/**/*.test.ts', 'test/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
