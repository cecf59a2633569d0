/**
 * Vitest global setup of the deployment tests: puts every scenario together once, in one child process, and hands the
 * graphs to all test files. Where the SST platform cannot be installed the suite says so and is skipped, except in CI.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { KvsInferError } from '../../core/errors.ts';
import type { GraphData } from '../../stacks/synthesis/graph.ts';
import { synthesise } from '../../stacks/synthesis/synthesise.ts';
import { scenarios } from './scenarios.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** By scenario name; null when the platform is not there. */
    graphs: Record<string, GraphData> | null;
  }
}

export default async function setup({ provide }: TestProject): Promise<void> {
  const say = (line: string) => void process.stderr.write(`deployment tests: ${line}\n`);
  const folder = mkdtempSync(join(tmpdir(), 'kvs-infer-model-'));
  const model = join(folder, 'model.onnx');
  writeFileSync(model, 'bytes of a model');
  try {
    const entries = Object.entries(scenarios);
    const graphs = await synthesise(
      entries.map(([, { stage, settings }]) => ({ stage, settings: { MODELS: `default=${model}`, ...settings } })),
      say,
    );
    provide('graphs', Object.fromEntries(entries.map(([name], index) => [name, graphs[index] as GraphData])));
  } catch (error) {
    if (!(error instanceof KvsInferError) || error.code !== 'PLATFORM_UNAVAILABLE' || process.env.CI) throw error;
    say(`SKIPPED: ${error.message} (${error.hint})`);
    provide('graphs', null);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
