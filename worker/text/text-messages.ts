/** What the text thread and its client say to each other; the pixels of cut-outs travel as transferred ArrayBuffers. */
import type { PlainError } from '../detect/inference-messages.ts';
import type { LineReading, TextCutOut } from './text-engine.ts';

export type ToTextThread = { type: 'read'; id: number; cutOuts: TextCutOut[] } | { type: 'close' };

export type FromTextThread =
  | { type: 'ready' }
  | { type: 'failed'; error: PlainError }
  | { type: 'read'; id: number; readings: LineReading[][]; readMs: number }
  | { type: 'read-failed'; id: number; error: PlainError };
