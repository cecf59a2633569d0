/**
 * The detectors of this worker, one inference thread per model, made when the first camera asks and kept while memory lasts.
 * Invariant: a model that cannot be used fails the cameras that name it, with the same named error each, and is tried
 * again when one of them asks later; together the models stay within `memoryBytesMax` by estimate (a single one is always
 * let in); a model that somebody uses is never unloaded; loading and unloading happen one after the other.
 */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '../../core/clock.ts';
import { KvsInferError } from '../../core/errors.ts';
import type { Provider } from '../detect/detector.ts';
import { InferenceClient } from '../detect/inference-client.ts';
import type { InferenceSettings } from '../detect/inference-messages.ts';
import { readCatalogue } from '../detect/model-catalogue.ts';
import { DeviceLoad } from './device-load.ts';
import { InferenceScheduler } from './inference-scheduler.ts';
import { assumedModelBytes, estimatedModelBytes } from './model-memory.ts';

export type LoadedModel = { client: InferenceClient; scheduler: InferenceScheduler; bytes: number };
export type ModelPoolSettings = {
  modelsFolder: string;
  cacheFolder: string;
  providers: readonly Provider[];
  intraOpThreads: number;
  memoryBytesMax: number;
  clock: Clock;
  /** Replaces the inference thread. */
  startInference?: (settings: InferenceSettings) => Promise<InferenceClient>;
  /** A model nobody used was unloaded to make room. */
  onUnloaded?: (name: string, bytes: number) => void;
};

export class ModelPool {
  readonly #settings: ModelPoolSettings;
  /** All models of a worker run on one device. */
  readonly load = new DeviceLoad();
  readonly #models = new Map<string, Promise<LoadedModel>>();
  /** Those that were used longest ago first. */
  readonly #loaded = new Map<string, LoadedModel>();
  readonly #users = new Map<string, string>();
  /** Models whose thread died and has not come back yet, with the reason. */
  readonly #dead = new Map<string, KvsInferError>();
  #turn: Promise<unknown> = Promise.resolve();
  #turnsLeft = 0;
  #isClosed = false;

  constructor(settings: ModelPoolSettings) {
    this.#settings = settings;
  }

  /**
   * @param name as in a camera's `detect.model`: `<modelsFolder>/<name>.onnx`.
   * @param user holds the model until `release`, also while it loads and when it fails; a user has one model at a time.
   * @throws KvsInferError MODEL_*, INFERENCE_THREAD_DIED
   */
  use(name: string, user: string): Promise<LoadedModel> {
    this.#users.set(user, name);
    const known = this.#models.get(name);
    if (known !== undefined) return known;
    const loading = this.#inTurn(() => this.#load(name));
    this.#models.set(name, loading);
    loading.catch(() => this.#forget(name, loading));
    return loading;
  }

  /** The user needs its model no longer. The model stays until its memory is needed. */
  release(user: string): void {
    const name = this.#users.get(user);
    this.#users.delete(user);
    if (name === undefined) return;
    const model = this.#loaded.get(name);
    if (model !== undefined) {
      this.#loaded.delete(name);
      this.#loaded.set(name, model);
    }
    // Nobody is left who would start it again.
    if (!this.#isUsed(name)) this.#dead.delete(name);
  }

  /** Loaded models by name. */
  get loaded(): ReadonlyMap<string, LoadedModel> {
    return this.#loaded;
  }

  get dead(): ReadonlyMap<string, KvsInferError> {
    return this.#dead;
  }

  /** By estimate. */
  get memoryBytes(): number {
    return [...this.#loaded.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** A model is being loaded or unloaded, or a batch is in an inference thread. */
  get isBusy(): boolean {
    return this.#turnsLeft > 0 || [...this.#loaded.values()].some(({ client }) => client.pendingBatches > 0);
  }

  /** Waits for what makes it busy. */
  async settled(): Promise<void> {
    while (this.isBusy) {
      await this.#turn;
      await Promise.all([...this.#loaded.values()].map(({ client }) => client.answered()));
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#turn;
    await Promise.all([...this.#loaded.values()].map(({ client }) => client.close()));
  }

  #inTurn<Result>(action: () => Promise<Result>): Promise<Result> {
    this.#turnsLeft += 1;
    const result = this.#turn.then(action).finally(() => {
      this.#turnsLeft -= 1;
    });
    this.#turn = result.catch(() => {});
    return result;
  }

  async #load(name: string): Promise<LoadedModel> {
    if (this.#isClosed) throw closed(name);
    const { modelsFolder, cacheFolder, providers, intraOpThreads, clock } = this.#settings;
    const start = this.#settings.startInference ?? InferenceClient.start;
    const modelPath = path.join(modelsFolder, `${name}.onnx`);
    const entry = (await readCatalogue(modelsFolder))[name];
    // A file that is not there is named by the thread that looks for it.
    const fileBytes = await stat(modelPath).then(
      ({ size }) => size,
      () => 0,
    );
    await this.#makeRoom(name, assumedModelBytes(fileBytes, providers[0] ?? 'cpu'));
    const client = await start({
      ...{ modelPath, cacheFolder, providers, intraOpThreads },
      ...(entry === undefined ? {} : { expectedSha256: entry.sha256 }),
    });
    const pixels = client.model.inputWidth * client.model.inputHeight;
    const batchSizeMax = Math.max(1, ...client.batchTimings.map(({ batchSize }) => batchSize));
    const bytes = estimatedModelBytes({ fileBytes, pixels, batchSizeMax });
    const model = { client, scheduler: new InferenceScheduler(client, { clock, load: this.load }), bytes };
    this.#loaded.set(name, model);
    this.#dead.delete(name);
    void client.ended.then((error) => {
      if (this.#loaded.get(name) !== model) return;
      this.#loaded.delete(name);
      this.#models.delete(name);
      if (error !== null && !this.#isClosed && this.#isUsed(name)) this.#dead.set(name, error);
    });
    return model;
  }

  /** Unloads what nobody uses, longest unused first, until `neededBytes` fit. */
  async #makeRoom(name: string, neededBytes: number): Promise<void> {
    const { memoryBytesMax, onUnloaded } = this.#settings;
    while (this.#loaded.size > 0 && this.memoryBytes + neededBytes > memoryBytesMax) {
      const unused = [...this.#loaded].find(([other]) => !this.#isUsed(other));
      if (unused === undefined) throw this.#limit(name, neededBytes);
      const [other, model] = unused;
      this.#loaded.delete(other);
      this.#models.delete(other);
      await model.client.close();
      onUnloaded?.(other, model.bytes);
    }
  }

  #isUsed(name: string): boolean {
    return [...this.#users.values()].includes(name);
  }

  #forget(name: string, loading: Promise<LoadedModel>): void {
    if (this.#models.get(name) === loading) this.#models.delete(name);
  }

  #limit(name: string, neededBytes: number): KvsInferError {
    const held = [...this.#loaded].map(([other, { bytes }]) => `${other} ${megabytes(bytes)}`).join(', ');
    const max = megabytes(this.#settings.memoryBytesMax);
    return new KvsInferError(
      'MODEL_LIMIT',
      `"${name}" needs about ${megabytes(neededBytes)}, of ${max} for models, in use: ${held}`,
      {
        hint: 'raise MODEL_MEMORY_MB if the device has more, use fewer models per fleet, or give these cameras a fleet of their own',
      },
    );
  }
}

function closed(name: string): KvsInferError {
  return new KvsInferError('WORKER_STOPPING', `"${name}" is not loaded any more`, { hint: 'nothing is to be done' });
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / (1024 * 1024))} MB`;
}
