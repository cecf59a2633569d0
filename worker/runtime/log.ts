/**
 * One JSON line per event, to a stream that is handed in. Invariant: a line is one line, whatever a message holds; what
 * repeats every frame is a metric, never a line.
 */
import type { Clock } from '../../core/clock.ts';
import { KvsInferError } from '../../core/errors.ts';

export const logLevels = ['DEBUG', 'INFO', 'WARN', 'ERROR', 'SILENT'] as const;
export type LogLevel = (typeof logLevels)[number];

export type Log = {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
};

export function jsonLog(
  write: (line: string) => void,
  clock: Clock,
  level: LogLevel,
  always: Record<string, unknown> = {},
): Log {
  const from = logLevels.indexOf(level);
  const at =
    (name: LogLevel) =>
    (message: string, fields: Record<string, unknown> = {}): void => {
      if (logLevels.indexOf(name) < from) return;
      const time = new Date(clock.nowMs()).toISOString();
      write(`${JSON.stringify({ time, level: name, message, ...always, ...plain(fields) })}\n`);
    };
  return { debug: at('DEBUG'), info: at('INFO'), warn: at('WARN'), error: at('ERROR') };
}

function plain(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => {
      if (value instanceof KvsInferError) return [name, { code: value.code, message: value.message, hint: value.hint }];
      if (value instanceof Error) return [name, { message: value.message }];
      return [name, value];
    }),
  );
}
