/**
 * Gives every camera the model that it is to run: its row's, or the version that control ordered instead. A version is changed
 * in place: what ran before watches until the other is loaded, and goes on when it cannot be.
 * Invariants: a camera that runs is never without a model for the sake of another; a version that failed in a trial is not
 * tried again in it; each camera's changes happen one after the other.
 */
import type { Clock } from '../../core/clock.ts';
import type { ModelOrder, ModelReport } from '../../core/control/model-evidence.ts';
import { modelFault, noCounts } from '../../core/control/model-evidence.ts';
import { KvsInferError } from '../../core/errors.ts';
import type { Assignment } from '../../core/fleet-state.ts';
import type { CameraResults } from '../publish/camera-results.ts';
import type { CameraRun } from './camera-run.ts';
import type { Log } from './log.ts';
import type { LoadedModel, ModelPool } from './model-pool.ts';
import { ModelTrial, TrialCounts } from './model-trial.ts';

const modelRetryMs = 60_000;
/** A detector whose thread died is started anew after this; its health check fails meanwhile. */
const modelRestoreMs = 5_000;

export type FollowerDependencies = {
  models: Pick<ModelPool, 'use' | 'release'>;
  clock: Clock;
  log: Log;
  resultsOf(run: CameraRun, model: LoadedModel): CameraResults;
};

type Entry = {
  order: ModelOrder;
  state: ModelReport['state'];
  reason: string;
  failedAtMs: number;
  tally: TrialCounts | null;
  isTold: boolean;
};

export class ModelFollower {
  readonly #dependencies: FollowerDependencies;
  /** By the name of the model that was ordered. */
  readonly #entries = new Map<string, Entry>();
  readonly #busy = new Set<CameraRun>();
  #tasks = 0;

  constructor(dependencies: FollowerDependencies) {
    this.#dependencies = dependencies;
  }

  /** Something is being changed. */
  get isBusy(): boolean {
    return this.#tasks > 0;
  }

  /** The first model of a run. */
  async begin(run: CameraRun): Promise<void> {
    const { log, clock } = this.#dependencies;
    try {
      const { name, model } = await this.#firstModel(run);
      if (run.isStopping) return;
      run.begin(name, model, this.#dependencies.resultsOf(run, model));
      await this.#compare(run);
    } catch (error) {
      run.failure = error instanceof KvsInferError ? error : unexpected(error);
      log.error('a camera cannot run', { cameraId: run.cameraId, error });
      // The file may be put right meanwhile.
      clock.setTimer(modelRetryMs, () => {
        if (!run.isStopping) void this.begin(run);
      });
    }
  }

  /** What control says now: nothing is done when the camera runs just that. */
  follow(run: CameraRun, { modelOrder }: Assignment): void {
    run.order = modelOrder;
    if (run.isStopping || run.modelName === null || this.#busy.has(run)) return;
    const wanted = modelOrder?.name ?? run.assignment.camera.detect.model;
    if (wanted === run.modelName && run.trial === null && modelOrder?.trial === undefined) return;
    this.#busy.add(run);
    this.#tasks += 1;
    void this.#change(run, wanted, modelOrder).finally(() => {
      this.#busy.delete(run);
      this.#tasks -= 1;
    });
  }

  /** The inference thread of its model has died. */
  lost(run: CameraRun): void {
    const { clock, models } = this.#dependencies;
    const { order, modelName } = run;
    if (order?.trial !== undefined && order.name === modelName) {
      const error = run.failure ?? unexpected('its thread has died');
      this.#failed(this.#entryOf(order), run, error);
      this.#tasks += 1;
      void this.#useInstead(run, order.fallback)
        .catch(() => {
          // Not at once: a file that cannot be used would be read without end.
          clock.setTimer(modelRestoreMs, () => run.isStopping || this.lost(run));
        })
        .finally(() => {
          this.#tasks -= 1;
        });
      return;
    }
    clock.setTimer(modelRestoreMs, () => {
      if (run.isStopping) return;
      models.use(run.modelName ?? run.assignment.camera.detect.model, run.name).then(
        (model) => run.useModel(model),
        () => this.lost(run),
      );
    });
  }

  /** The run has ended. */
  release(run: CameraRun): void {
    for (const user of [run.name, nextOf(run), formerOf(run)]) this.#dependencies.models.release(user);
  }

  heartbeat(): Record<string, ModelReport> {
    const reports: Record<string, ModelReport> = {};
    for (const [name, { order, state, reason, tally }] of this.#entries) {
      const trial = order.trial === undefined ? {} : { trial: order.trial.id };
      reports[name] = { ...trial, state, reason, counts: tally?.counts ?? noCounts };
    }
    return reports;
  }

  /** Was something in what control has been told by which it may take the version back, and not before? */
  isNews(said: Readonly<Record<string, ModelReport>>): boolean {
    let isNews = false;
    for (const [name, entry] of this.#entries) {
      const { trial } = entry.order;
      const report = said[name];
      if (entry.isTold || trial === undefined || report === undefined || report.trial !== trial.id) continue;
      if (report.state !== 'failed' && modelFault(report.counts, trial) === null) continue;
      entry.isTold = true;
      isNews = true;
    }
    return isNews;
  }

  async #firstModel(run: CameraRun): Promise<{ name: string; model: LoadedModel }> {
    const { models } = this.#dependencies;
    const { order } = run;
    if (order === undefined) {
      const name = run.assignment.camera.detect.model;
      return { name, model: await models.use(name, run.name) };
    }
    const entry = this.#entryOf(order);
    if (entry.state !== 'failed') {
      try {
        const model = await models.use(order.name, run.name);
        entry.state = 'running';
        return { name: order.name, model };
      } catch (error) {
        this.#failed(entry, run, error);
      }
    }
    return { name: order.fallback, model: await models.use(order.fallback, run.name) };
  }

  async #change(run: CameraRun, wanted: string, order: ModelOrder | undefined): Promise<void> {
    const entry = order === undefined ? null : this.#entryOf(order);
    const retryAtMs = order?.trial === undefined ? (entry?.failedAtMs ?? 0) + modelRetryMs : Number.POSITIVE_INFINITY;
    const mayTry = entry?.state !== 'failed' || this.#dependencies.clock.nowMs() >= retryAtMs;
    if (wanted !== run.modelName && mayTry) {
      try {
        await this.#useInstead(run, wanted);
        if (entry !== null) Object.assign(entry, { state: 'running', reason: '' });
      } catch (error) {
        if (entry === null)
          this.#dependencies.log.error('a model cannot be changed', { cameraId: run.cameraId, error });
        else this.#failed(entry, run, error);
      }
    }
    await this.#compare(run);
  }

  /** @throws KvsInferError when it cannot be loaded; nothing has changed then. */
  async #useInstead(run: CameraRun, name: string): Promise<void> {
    const { models, log, resultsOf } = this.#dependencies;
    try {
      const model = await models.use(name, nextOf(run));
      if (run.isStopping) return;
      run.switchTo(name, model, resultsOf(run, model));
      // Held under the run's own name from here on; it is loaded.
      await models.use(name, run.name);
      log.info('a camera runs another model', { cameraId: run.cameraId, model: name });
    } finally {
      models.release(nextOf(run));
    }
  }

  /** Begins or ends the comparison with the former version, as the order has it. */
  async #compare(run: CameraRun): Promise<void> {
    const { models } = this.#dependencies;
    const { order } = run;
    const isTrial = order?.trial !== undefined && order.name === run.modelName && !run.isStopping;
    if (!isTrial) {
      run.trial = null;
      models.release(formerOf(run));
      return;
    }
    const { tally } = this.#entryOf(order);
    if (tally === null || run.trial?.tally === tally) return;
    try {
      const former = await models.use(order.fallback, formerOf(run));
      if (run.isStopping) models.release(formerOf(run));
      else run.trial = new ModelTrial(former, run.assignment.camera.detect, tally);
    } catch (error) {
      this.#dependencies.log.warn('a model has nothing to be compared with', { cameraId: run.cameraId, error });
    }
  }

  #entryOf(order: ModelOrder): Entry {
    const known = this.#entries.get(order.name);
    if (known !== undefined && known.order.trial?.id === order.trial?.id) return known;
    const tally = order.trial === undefined ? null : new TrialCounts(order.trial);
    const entry: Entry = { order, state: 'loading', reason: '', failedAtMs: 0, tally, isTold: false };
    this.#entries.set(order.name, entry);
    return entry;
  }

  #failed(entry: Entry, run: CameraRun, cause: unknown): void {
    const { code, message } = cause instanceof KvsInferError ? cause : unexpected(cause);
    const { log, clock } = this.#dependencies;
    Object.assign(entry, { state: 'failed', reason: `${code}: ${message}`, failedAtMs: clock.nowMs() });
    const { name: model, fallback } = entry.order;
    log.error('a version of a model cannot be used', { cameraId: run.cameraId, model, fallback, error: cause });
  }
}

function nextOf({ name }: CameraRun): string {
  return `${name}~next`;
}

function formerOf({ name }: CameraRun): string {
  return `${name}~former`;
}

function unexpected(cause: unknown): KvsInferError {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new KvsInferError('CAMERA_START_FAILED', message, { hint: 'report this with the log', cause });
}
