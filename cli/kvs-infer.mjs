#!/usr/bin/env node
/**
 * The `kvs-infer` command. Plain JavaScript on purpose: it must start on any Node >= 20, and hands over to the Node 24
 * that the package `node` brings when the Node at hand cannot run TypeScript by itself (before 22.18).
 * Invariant: arguments, standard streams, signals and the exit code pass through unchanged.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import module from 'node:module';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const main = new URL('./main.ts', import.meta.url);

if (major > 22 || (major === 22 && minor >= 18)) {
  // Kept in the temporary folder, compiled code halves the time to the first line; Node 22.8 brought it.
  module.enableCompileCache?.();
  const { runCommandLine } = await import(main.href);
  await runCommandLine(process.argv);
} else {
  const bundled = fileURLToPath(new URL('../node_modules/node/bin/node', import.meta.url));
  if (!existsSync(bundled)) {
    console.error(
      `kvs-infer: NODE_TOO_OLD: Node ${process.versions.node} cannot run TypeScript and the bundled Node 24 is missing (run "npm ci" here, or use Node >= 22.18)`,
    );
    process.exit(1);
  }
  const child = spawn(bundled, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => {
    process.exitCode = signal === null ? (code ?? 1) : 128 + (constants.signals[signal] ?? 1);
  });
}
