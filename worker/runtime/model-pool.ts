/**
 * The detectors of this worker, one inference thread per model, made when the first camera asks.
 * Invariant: a model that cannot be used fails the cameras that name it, with the same named error each, and is tried
 * again when one of them asks later; the number of models is bounded, because each holds memory on the device.
 */
import path from 'node:path';
import type { Clock } from '../../core/clock.ts';
import { KvsInferError } from '../../core/errors.ts';
import type { Provider } from '../detect/detector.ts';
import { InferenceClient } from '../detect/inference-client.ts';
import type { InferenceSettings } from '../detect/inference-messages.ts';
import { DeviceLoad } from './device-load.ts';
import { InferenceScheduler } from './inference-scheduler.ts';

/** A g4dn's 16 GB hold a handful of detectors with their workspaces. */
const modelsMax = 4;

export type LoadedModel = { client: InferenceClient; scheduler: InferenceScheduler };
export type ModelPoolSettings = {
  modelsFolder: string;
  cacheFolder: string;
  providers: readonly Provider[];
  intraOpThreads: number;
  clock: Clock;
  /** Replaces the inference thread. */
  startInference?: (settings: InferenceSettings) => Promise<InferenceClient>;
};

export class ModelPool {
  readonly #settings: ModelPoolSettings;
  /** All models of a worker run on one device. */
  readonly load = new DeviceLoad();
  readonly #models = new Map<string, Promise<LoadedModel>>();
  readonly #loaded = new Map<string, LoadedModel>();
  /** Models whose thread died and has not come back yet, with the reason. */
  readonly #dead = new Map<string, KvsInferError>();
  #isClosed = false;

  constructor(settings: ModelPoolSettings) {
    this.#settings = settings;
  }

  /** @param name as in a camera's `detect.model`: `<modelsFolder>/<name>.onnx`. @throws KvsInferError MODEL_* */
  get(name: string): Promise<LoadedModel> {
    const known = this.#models.get(name);
    if (known !== undefined) return known;
    if (this.#models.size >= modelsMax) {
      return Promise.reject(
        new KvsInferError('MODEL_LIMIT', `a worker holds at most ${modelsMax} models; "${name}" would be one more`, {
          hint: 'use fewer models per fleet, or give these cameras a fleet of their own',
        }),
      );
    }
    const loading = this.#load(name);
    this.#models.set(name, loading);
    loading.catch(() => this.#models.delete(name));
    return loading;
  }

  /** Models in use, by name. */
  get loaded(): ReadonlyMap<string, LoadedModel> {
    return this.#loaded;
  }

  get dead(): ReadonlyMap<string, KvsInferError> {
    return this.#dead;
  }

  /** A batch is in an inference thread. */
  get isBusy(): boolean {
    return [...this.#loaded.values()].some(({ client }) => client.pendingBatches > 0);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const all = await Promise.allSettled(this.#models.values());
    await Promise.all(all.map((result) => (result.status === 'fulfilled' ? result.value.client.close() : null)));
  }

  async #load(name: string): Promise<LoadedModel> {
    const { modelsFolder, clock, startInference = InferenceClient.start, ...settings } = this.#settings;
    const client = await startInference({ modelPath: path.join(modelsFolder, `${name}.onnx`), ...settings });
    const model = { client, scheduler: new InferenceScheduler(client, { clock, load: this.load }) };
    this.#loaded.set(name, model);
    this.#dead.delete(name);
    void client.ended.then((error) => {
      this.#loaded.delete(name);
      this.#models.delete(name);
      if (error !== null && !this.#isClosed) this.#dead.set(name, error);
    });
    return model;
  }
}
