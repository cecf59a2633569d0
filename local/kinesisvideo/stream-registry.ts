/**
 * The streams of the account: their definitions, kept in one file so that they outlive the process, and beside each its
 * media, which does not. Names and ARNs are looked up here alone.
 * Invariant: a definition that a client was told of is on disk; a write that fails undoes the change it was for.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KvsInferError } from '../../core/errors.ts';
import { AwsError } from '../http/aws-error.ts';
import { refusingDiskFull } from '../http/disk-full.ts';
import type { CloudContext } from '../service.ts';
import { FragmentStore } from './fragment-store.ts';

export type StreamDefinition = {
  streamName: string;
  streamArn: string;
  version: string;
  createdAtMs: number;
  retentionHours: number;
  deviceName: string | null;
  mediaType: string | null;
  kmsKeyId: string | null;
  tags: Record<string, string>;
};

export type Stream = { definition: StreamDefinition; readonly media: FragmentStore };

type RegistryContext = Pick<CloudContext, 'clock' | 'region' | 'accountId' | 'dataFolder'>;

/** Inside the data folder, which all services share. */
const FOLDER_NAME = 'kinesisvideo';
const FILE_NAME = 'streams.json';
const FILE_VERSION = 1;
const HOUR_MS = 3_600_000;

export class StreamRegistry {
  readonly #context: RegistryContext;
  readonly #folder: string | null;
  readonly #streamBytesMax: number;
  readonly #streams = new Map<string, Stream>();
  #writing: Promise<void> = Promise.resolve();

  private constructor(context: RegistryContext, streamBytesMax: number) {
    this.#context = context;
    this.#folder = context.dataFolder === null ? null : join(context.dataFolder, FOLDER_NAME);
    this.#streamBytesMax = streamBytesMax;
  }

  /** Reads what an earlier run left in the data folder. Throws KvsInferError LOCAL_STATE_UNREADABLE. */
  static async open(context: RegistryContext, streamBytesMax: number): Promise<StreamRegistry> {
    const registry = new StreamRegistry(context, streamBytesMax);
    if (registry.#folder === null) return registry;
    await mkdir(registry.#folder, { recursive: true });
    for (const definition of await readDefinitions(join(registry.#folder, FILE_NAME))) registry.#place(definition);
    return registry;
  }

  /** All streams in the order of their names. */
  all(): Stream[] {
    return [...this.#streams.values()].sort((a, b) => (a.definition.streamName < b.definition.streamName ? -1 : 1));
  }

  get(streamName: string): Stream | null {
    return this.#streams.get(streamName) ?? null;
  }

  get size(): number {
    return this.#streams.size;
  }

  /** A stream by its name or its ARN, exactly one of which must be given. Throws what AWS answers. */
  require(streamName: unknown, streamArn: unknown): Stream {
    if ((streamName === undefined) === (streamArn === undefined)) {
      throw new AwsError(400, 'InvalidArgumentException', 'Specify exactly one of StreamName and StreamARN.');
    }
    const name = streamName ?? /:stream\/([a-zA-Z0-9_.-]+)\/\d+$/.exec(String(streamArn))?.[1];
    const stream = this.#streams.get(String(name));
    if (stream === undefined || (streamArn !== undefined && stream.definition.streamArn !== streamArn)) {
      throw new AwsError(
        404,
        'ResourceNotFoundException',
        `The requested stream is not found or not active: ${String(streamName ?? streamArn)}`,
      );
    }
    return stream;
  }

  async create(
    wanted: Pick<StreamDefinition, 'streamName' | 'retentionHours' | 'deviceName' | 'mediaType' | 'kmsKeyId' | 'tags'>,
  ): Promise<Stream> {
    const createdAtMs = this.#context.clock.nowMs();
    const { region, accountId } = this.#context;
    const stream = this.#place({
      ...wanted,
      streamArn: `arn:aws:kinesisvideo:${region}:${accountId}:stream/${wanted.streamName}/${createdAtMs}`,
      version: newVersion(),
      createdAtMs,
    });
    await this.#saveOr(() => this.#streams.delete(wanted.streamName));
    return stream;
  }

  async update(stream: Stream, change: Partial<StreamDefinition>, changesVersion = true): Promise<void> {
    const before = stream.definition;
    stream.definition = { ...before, ...change, ...(changesVersion ? { version: newVersion() } : {}) };
    await this.#saveOr(() => {
      stream.definition = before;
    });
  }

  async remove(stream: Stream): Promise<void> {
    const { streamName } = stream.definition;
    this.#streams.delete(streamName);
    await this.#saveOr(() => this.#streams.set(streamName, stream));
    stream.media.clear();
  }

  /** Resolves when everything that was changed is on disk. */
  async settled(): Promise<void> {
    await this.#writing.catch(() => {});
  }

  #place(definition: StreamDefinition): Stream {
    const stream = { definition, media: new FragmentStore(this.#context.clock, this.#streamBytesMax) };
    this.#streams.set(definition.streamName, stream);
    return stream;
  }

  async #saveOr(undo: () => void): Promise<void> {
    try {
      await refusingDiskFull('Kinesis Video Streams', () => this.#save());
    } catch (cause) {
      undo();
      if (cause instanceof AwsError) throw cause;
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new AwsError(500, 'InternalFailure', `The local cloud could not store its streams: ${reason}`);
    }
  }

  /** One write at a time, each of the newest state; the file is replaced whole, never left half written. */
  #save(): Promise<void> {
    const folder = this.#folder;
    if (folder === null) return Promise.resolve();
    const next = this.#writing
      .catch(() => {})
      .then(async () => {
        const path = join(folder, FILE_NAME);
        const streams = this.all().map((stream) => stream.definition);
        await writeFile(`${path}.new`, `${JSON.stringify({ version: FILE_VERSION, streams }, null, 1)}\n`);
        await rename(`${path}.new`, path);
      });
    this.#writing = next;
    return next;
  }
}

/** For how long the media of a stream is kept. */
export function retentionMsOf(definition: StreamDefinition, hostBufferMs: number): number {
  return definition.retentionHours === 0 ? hostBufferMs : definition.retentionHours * HOUR_MS;
}

async function readDefinitions(path: string): Promise<StreamDefinition[]> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  try {
    const stored = JSON.parse(text) as { version: number; streams: StreamDefinition[] };
    if (stored.version !== FILE_VERSION) throw new Error(`expected version ${FILE_VERSION}, got ${stored.version}`);
    if (!stored.streams.every((stream) => typeof stream.streamName === 'string'))
      throw new Error('a stream has no name');
    return stored.streams;
  } catch (cause) {
    throw new KvsInferError('LOCAL_STATE_UNREADABLE', `${path} does not hold the streams of a local cloud: ${cause}`, {
      hint: 'start with --fresh, or remove the file',
      cause,
    });
  }
}

/** AWS's versions are twenty letters and digits. */
function newVersion(): string {
  return randomBytes(16)
    .toString('base64')
    .replace(/[^a-zA-Z0-9]/g, 'x')
    .slice(0, 20);
}
