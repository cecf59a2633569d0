/**
 * Cameras that this worker is to have next: their streams are opened and their models loaded while another worker watches
 * them still. What is prepared is taken over by the run of the camera, or let go when control no longer asks for it.
 * Invariant: nothing of a camera is published from here; each stream that is opened ends in exactly one take-over or stop;
 * one camera has at most one.
 */
import type { KvsInferError } from '../../core/errors.ts';
import type { StandbyOrder, StandbyReport } from '../../core/fleet-state.ts';
import type { DecodeLink } from '../session/decode-link.ts';
import type { StandbyState } from '../session/messages.ts';
import type { Log } from './log.ts';
import type { ModelPool } from './model-pool.ts';

export type StandbyDependencies = {
  models: Pick<ModelPool, 'use' | 'release'>;
  log: Log;
  /** Where the next stream is to be read. */
  chooseLink(): DecodeLink;
  /** A camera became ready, which control wants to hear at once. */
  onReady(): void;
};

export type Standby = { name: string; link: DecodeLink; order: StandbyOrder };
type Entry = Standby & { model: 'loading' | 'loaded' | KvsInferError; media: StandbyState; isTold: boolean };

export class Standbys {
  readonly #dependencies: StandbyDependencies;
  readonly #entries = new Map<string, Entry>();
  #started = 0;

  constructor(dependencies: StandbyDependencies) {
    this.#dependencies = dependencies;
  }

  get size(): number {
    return this.#entries.size;
  }

  get isAnyReady(): boolean {
    return [...this.#entries.values()].some((entry) => stateOf(entry).state === 'ready');
  }

  /** Cameras whose standby differs from what control asks for. */
  changed(orders: Readonly<Record<string, StandbyOrder>>): string[] {
    const cameraIds = new Set([...this.#entries.keys(), ...Object.keys(orders)]);
    return [...cameraIds].filter(
      (cameraId) => this.#entries.get(cameraId)?.order.sinceMs !== orders[cameraId]?.sinceMs,
    );
  }

  /** @param order undefined: control asks for none, or the camera runs here. */
  follow(cameraId: string, order: StandbyOrder | undefined): void {
    if (this.#entries.get(cameraId)?.order.sinceMs === order?.sinceMs) return;
    this.#stop(cameraId);
    if (order !== undefined) this.#start(cameraId, order);
  }

  /** Was something ready in what control has been told, and not before? */
  isNews(said: Readonly<Record<string, StandbyReport>>): boolean {
    let isNews = false;
    for (const [cameraId, entry] of this.#entries) {
      if (entry.isTold || said[cameraId]?.state !== 'ready' || said[cameraId].sinceMs !== entry.order.sinceMs) continue;
      entry.isTold = true;
      isNews = true;
    }
    return isNews;
  }

  #start(cameraId: string, order: StandbyOrder): void {
    const { models, log, chooseLink } = this.#dependencies;
    const name = `${cameraId}#next#${this.#started++}`;
    const media: StandbyState = { state: 'opening', reason: 'opening the stream' };
    const entry: Entry = { name, link: chooseLink(), order, model: 'loading', media, isTold: false };
    this.#entries.set(cameraId, entry);
    log.info('stands by for a camera', { cameraId, streamName: order.streamName, traceId: order.traceId });
    entry.link.send({ type: 'standby', run: name, streamName: order.streamName });
    const { model, fallbackModel } = order;
    const loading = models.use(model, name);
    const loaded = fallbackModel === undefined ? loading : loading.catch(() => models.use(fallbackModel, name));
    loaded.then(
      () => this.#change(entry, { model: 'loaded' }),
      (error: KvsInferError) => this.#change(entry, { model: error }),
    );
  }

  /** The camera is this worker's now. @returns what was prepared; its model is held until `models.release(name)`. */
  take(cameraId: string, streamName: string): Standby | null {
    const entry = this.#entries.get(cameraId);
    if (entry === undefined) return null;
    if (entry.order.streamName !== streamName) {
      this.#stop(cameraId);
      return null;
    }
    this.#entries.delete(cameraId);
    return entry;
  }

  #stop(cameraId: string): void {
    const entry = this.#entries.get(cameraId);
    if (entry === undefined) return;
    this.#entries.delete(cameraId);
    entry.link.send({ type: 'standby-stop', run: entry.name });
    this.#dependencies.models.release(entry.name);
    this.#dependencies.log.info('no longer stands by for a camera', { cameraId });
  }

  /** What a decode host says of its standbys. */
  reported(states: Record<string, StandbyState>): void {
    for (const entry of this.#entries.values()) {
      const media = states[entry.name];
      if (media !== undefined) this.#change(entry, { media });
    }
  }

  heartbeat(): Record<string, StandbyReport> {
    const reports: Record<string, StandbyReport> = {};
    for (const [cameraId, entry] of this.#entries)
      reports[cameraId] = { sinceMs: entry.order.sinceMs, ...stateOf(entry) };
    return reports;
  }

  #change(entry: Entry, change: Partial<Pick<Entry, 'model' | 'media'>>): void {
    const wasReady = stateOf(entry).state === 'ready';
    Object.assign(entry, change);
    const isHere = [...this.#entries.values()].includes(entry);
    if (isHere && !wasReady && stateOf(entry).state === 'ready') this.#dependencies.onReady();
  }
}

function stateOf({ model, media, order }: Entry): StandbyState {
  if (model === 'loaded') return media;
  if (model === 'loading') return { state: 'opening', reason: `loading the model "${order.model}"` };
  return { state: 'failing', reason: `${model.code}: ${model.message}` };
}
