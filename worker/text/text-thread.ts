/**
 * Entry of the text thread: loads the models, then answers cut-outs one call after the other. It exists because
 * onnxruntime's `run()` blocks its thread, and detection must not wait for text.
 * Invariant: one call's error answers that call; models that cannot be loaded end the thread with their named error.
 */
import { parentPort } from 'node:worker_threads';
import { toPlainError } from '../detect/inference-messages.ts';
import { TextEngine } from './text-engine.ts';
import type { FromTextThread, ToTextThread } from './text-messages.ts';

const port = parentPort;
if (port === null) throw new Error('text-thread.ts is the entry of a worker thread');
const say = (message: FromTextThread) => port.postMessage(message);

/** Calls run in the order in which they came. */
let last: Promise<void> = Promise.resolve();

try {
  const engine = await TextEngine.create();
  port.on('message', (message: ToTextThread) => {
    last = last.then(() => answer(engine, message));
  });
  say({ type: 'ready' });
} catch (error) {
  say({ type: 'failed', error: toPlainError(error) });
}

async function answer(engine: TextEngine, message: ToTextThread): Promise<void> {
  if (message.type === 'close') {
    await engine.close().catch(() => {});
    port?.close();
    return;
  }
  const { id, cutOuts } = message;
  try {
    const startedMs = performance.now();
    const readings = await engine.read(cutOuts);
    say({ type: 'read', id, readings, readMs: performance.now() - startedMs });
  } catch (error) {
    say({ type: 'read-failed', id, error: toPlainError(error) });
  }
}
