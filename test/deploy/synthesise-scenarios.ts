/**
 * Vitest global setup of the deployment tests: puts every scenario together once, in one child process, and hands the
 * graphs to all test files. Where the SST platform cannot be installed the suite says so and is skipped, except in CI.
 * Invariant: only who asks for the graphs waits for them; other tests run meanwhile, as to install the platform takes a minute.
 */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { formatError, KvsInferError } from '../../core/errors.ts';
import type { GraphData } from '../../stacks/synthesis/graph.ts';
import { synthesise } from '../../stacks/synthesis/synthesise.ts';
import { scenarios } from './scenarios.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Where the graphs are answered once they are made: by scenario name, or null when the platform is not there. */
    graphsAt: string;
  }
}

/** By scenario name; null when the platform is not there. */
export type Graphs = Record<string, GraphData> | null;

export default async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const made = graphsOf();
  const server = createServer((_request, response) => {
    made.then(
      (graphs) => response.end(JSON.stringify(graphs)),
      (error: unknown) => response.writeHead(500).end(formatError(error)),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  provide('graphsAt', `http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  return async () => {
    server.close();
    server.closeAllConnections();
    await made.catch(() => {});
  };
}

async function graphsOf(): Promise<Graphs> {
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
    return Object.fromEntries(entries.map(([name], index) => [name, graphs[index] as GraphData]));
  } catch (error) {
    if (!(error instanceof KvsInferError) || error.code !== 'PLATFORM_UNAVAILABLE' || process.env.CI) throw error;
    say(`SKIPPED: ${error.message} (${error.hint})`);
    return null;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
