/**
 * A stream's definition and records on disk: one JSON line each, appended, rewritten when mostly trimmed.
 * Invariant: appends happen one after the other, and a put is answered after its append; a line that a crash cut short is
 * the last one and is ignored.
 */
import { appendFile, readFile, rename, rm, writeFile } from 'node:fs/promises';
import type { StoredRecord } from './shard-log.ts';

/** Rewrite when the file holds this many times what is kept. */
const GARBAGE_FACTOR = 3;
const REWRITE_BYTES_MIN = 1024 * 1024;

export type StreamDefinition = {
  name: string;
  arn: string;
  shardCount: number;
  mode: 'PROVISIONED' | 'ON_DEMAND';
  retentionHours: number;
  createdAtMs: number;
};

export class StreamFile {
  /** null: nothing is written. */
  readonly #path: string | null;
  #bytes = 0;
  #mayEndWithinLine = false;
  #tail: Promise<void> = Promise.resolve();

  constructor(path: string | null) {
    this.#path = path;
  }

  static async read(path: string): Promise<{ definition: StreamDefinition; records: StoredRecord[] } | null> {
    const [first, ...lines] = (await readFile(path, 'utf8')).split('\n');
    const definition = parseLine<StreamDefinition>(first);
    if (definition === null) return null;
    const records = lines.flatMap((line) => parseLine<StoredRecord>(line) ?? []);
    return { definition, records };
  }

  append(records: readonly StoredRecord[]): Promise<void> {
    return this.#queue(async (path) => {
      // After a failed append the file may end within a line: the next one starts on a line of its own.
      const text = `${this.#mayEndWithinLine ? '\n' : ''}${records.map((record) => `${JSON.stringify(record)}\n`).join('')}`;
      this.#mayEndWithinLine = true;
      await appendFile(path, text);
      this.#mayEndWithinLine = false;
      this.#bytes += text.length;
    });
  }

  /** Writes all of it anew when asked to, or when the file is mostly records that were trimmed. */
  rewrite(
    definition: StreamDefinition,
    keptBytes: number,
    records: () => StoredRecord[],
    always = false,
  ): Promise<void> {
    if (!always && this.#bytes < Math.max(REWRITE_BYTES_MIN, keptBytes * GARBAGE_FACTOR)) return this.#tail;
    return this.#queue(async (path) => {
      const text = `${[definition, ...records()].map((line) => JSON.stringify(line)).join('\n')}\n`;
      await writeFile(`${path}.draft`, text);
      await rename(`${path}.draft`, path);
      this.#bytes = text.length;
    });
  }

  remove(): Promise<void> {
    return this.#queue((path) => rm(path, { force: true }));
  }

  #queue(work: (path: string) => Promise<void>): Promise<void> {
    const path = this.#path;
    if (path === null) return this.#tail;
    const done = this.#tail.then(() => work(path));
    // A failed append is its caller's to report; the next one gets its own chance.
    this.#tail = done.catch(() => {});
    return done;
  }
}

function parseLine<Line>(line: string | undefined): Line | null {
  if (line === undefined || line === '') return null;
  try {
    return JSON.parse(line) as Line;
  } catch {
    return null;
  }
}
