/**
 * Looks at the system from outside, all the time: the result stream as a consumer, the tables and the machines as an
 * operator. It knows nothing that a user of the system could not know, and writes down what must never be.
 * Invariants that it holds (design: leases): see `rules`. What a fault excuses, it excuses by name.
 */
import { readCameraStates } from '../../aws/camera-states.ts';
import { ResultStreamReader } from '../../aws/result-reader.ts';
import { readWorkers } from '../../aws/workers.ts';
import { systemClock } from '../../core/clock.ts';
import { type CameraState, heartbeatIntervalMs, type RunningCamera, type WorkerItem } from '../../core/fleet-state.ts';
import type { HeldStore } from '../../local/service.ts';
import { type ChaosWorld, chaosPolicy, pause, workersMax, workersUsual } from './chaos-world.ts';

const lookEveryMs = 250;
/** A repeat comes with a handover, minutes later at most; eight cameras and their tracks send so many in eight minutes. */
const idsMax = 4_000;
/** What V8 takes for a frame that was seen, its place in an array included, and for an id with who published it; its worker's name is one text for all. */
const frameObjectBytes = 100;
const idBytes = 400;
/** A tick, a heartbeat, and a second for the run itself. */
const ownedWithinMs = chaosPolicy.reconcileIntervalMs + heartbeatIntervalMs + 1_000;

export const rules = {
  'id-twice': 'no id is published twice',
  'two-publishers': 'one publisher per camera and epoch, and none of an older epoch once a newer one publishes',
  'size-out-of-bounds': 'the desired sizes stay within the policy',
  'terminated-with-cameras': 'no worker that owns cameras is terminated by us',
  unowned: 'no camera is without a living owner for longer than a tick and a heartbeat while nothing is wrong',
  'not-recovered': 'after a fault all is as before, by itself',
  'row-lost': 'every row has its verdict',
  ledger: 'scheduled = inferred + blind, to the second, and no second is left out',
  orphan: 'no process and no instance is left over',
  growth: 'no process needs more and more memory, threads or handles',
  alarm: 'the alarms of a fault ring, and cease once it is over',
  'frame-lost': 'no frame is lost while nothing is wrong, nor by a fault that need not lose any',
} as const;
export type Rule = keyof typeof rules;
export type Violation = { rule: Rule; what: string; during: string | null; atMs: number };

export type SeenFrame = { capturedAtMs: number; seenAtMs: number; epoch: number; workerId: string };
type Published = {
  id: string;
  cameraId: string;
  epoch: number;
  workerId: string;
  capturedAt?: string;
  inferredAt?: string;
};

export class Watch {
  readonly violations: Violation[] = [];
  /** Frames of each camera, in the order in which they were read. */
  readonly frames = new Map<string, SeenFrame[]>();
  records = 0;
  states: CameraState[] = [];
  workers: WorkerItem[] = [];
  /** By camera and epoch (`camera-1#3`): frames that its owner says it left out, by reason. */
  readonly dropped = new Map<string, RunningCamera['dropped']>();
  /** How the first version of each row that was seen is dated. */
  readonly rowDatedAtMs = new Map<string, number>();
  /** Names of the faults that are on, or not yet recovered from. */
  readonly during = new Set<string>();
  /** A clock is wrong: times in records say nothing. */
  areTimesWrong = false;
  failedLooks = 0;
  readonly #world: ChaosWorld;
  readonly #results: ResultStreamReader;
  /** Who published each id first. */
  readonly #ids = new Map<string, string>();
  /** Each record brings its worker's name anew. */
  readonly #workerNames = new Map<string, string>();
  readonly #publisher = new Map<string, string>();
  readonly #newest = new Map<string, { epoch: number; sinceMs: number }>();
  readonly #unownedSince = new Map<string, number>();
  readonly #judgedTasks = new Set<string>();
  /** Tasks that were told to stop since the last look. */
  readonly #told: string[] = [];
  #isOver = false;
  #looking: Promise<void> = Promise.resolve();

  constructor(world: ChaosWorld) {
    this.#world = world;
    this.#results = new ResultStreamReader(world.clients, world.names.resultStream);
  }

  async start(): Promise<void> {
    await this.#results.open();
    this.#looking = this.#lookOn();
  }

  /** What is published last is still read. */
  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#looking;
    await this.look();
  }

  /** What this watch itself remembers, in the process that it watches. */
  held(): HeldStore[] {
    const frames = [...this.frames.values()].reduce((sum, { length }) => sum + length, 0);
    const bound = 'the run';
    return [
      { store: 'this watch: frames seen', items: frames, bytes: frames * frameObjectBytes, bound },
      {
        store: 'this watch: ids seen',
        items: this.#ids.size,
        bytes: this.#ids.size * idBytes,
        bound: `the newest ${idsMax}`,
      },
    ];
  }

  violated(rule: Rule, what: string): void {
    const atMs = systemClock.nowMs();
    this.violations.push({ rule, what, during: [...this.during].join(' + ') || null, atMs });
  }

  /** @returns milliseconds until it was so, or null when it was not within the limit. */
  async until(isSo: () => boolean, limitMs: number): Promise<number | null> {
    const fromMs = systemClock.monotonicMs();
    for (;;) {
      const passedMs = systemClock.monotonicMs() - fromMs;
      if (isSo()) return passedMs;
      if (passedMs > limitMs) return null;
      await pause(lookEveryMs / 2);
    }
  }

  newestFrame(cameraId: string): SeenFrame | undefined {
    return this.frames.get(cameraId)?.at(-1);
  }

  /** Nothing is left of any fault: every camera is watched by a living worker, and the fleet has its usual size. */
  isCalm(): boolean {
    return this.#unrests().next().done === true;
  }

  /** Why it is not calm, in words. */
  unrest(): string {
    return [...this.#unrests()].join(', ');
  }

  *#unrests(): Generator<string> {
    const { world, states } = { world: this.#world, states: this.states };
    const nowMs = systemClock.nowMs();
    const live = new Set(world.liveTasks().map(({ taskId }) => taskId));
    if (live.size !== workersUsual) yield `${live.size} of ${workersUsual} workers run`;
    const instances = world.cloud.compute.listInstances().filter(({ ec2State }) => ec2State !== 'terminated');
    if (instances.length !== workersUsual) {
      const each = instances.map(({ ec2State, groupState }) => `${ec2State} and ${groupState}`);
      yield `${instances.length} instances: ${each.join('; ')}`;
    }
    for (const taskId of live) {
      const worker = this.workers.find(({ workerId }) => workerId === taskId);
      // A worker that was cut off until now has less of its lease left than the others.
      if (worker === undefined || nowMs - worker.heartbeatAtMs >= 2 * heartbeatIntervalMs)
        yield `worker ${taskId.slice(0, 6)} was last heard at ${worker?.heartbeatAtMs ?? 'no time'}`;
    }
    for (const cameraId of world.cameraIds) {
      const state = states.find((other) => other.cameraId === cameraId);
      if (state?.phase !== 'running') yield `${cameraId} is ${state?.phase} (${state?.phaseReason})`;
      else if (!live.has(state.ownerWorkerId ?? '')) yield `${cameraId} runs without a living owner`;
      else if (nowMs - (this.newestFrame(cameraId)?.seenAtMs ?? 0) >= 5_000)
        yield `${cameraId} has published nothing for 5 s`;
    }
  }

  async look(): Promise<void> {
    const { clients, names, fleet } = this.#world;
    try {
      const [states, workers, records] = await Promise.all([
        readCameraStates(clients, names.tables.cameraStates, fleet),
        readWorkers(clients, names.tables.workers, fleet),
        this.#results.read(),
      ]);
      Object.assign(this, { states, workers });
      for (const { running = {} } of workers) {
        for (const [cameraId, { epoch, dropped }] of Object.entries(running))
          this.dropped.set(`${cameraId}#${epoch}`, dropped);
      }
      for (const { cameraId, rowChangedAtMs } of states)
        if (!this.rowDatedAtMs.has(cameraId)) this.rowDatedAtMs.set(cameraId, rowChangedAtMs);
      for (const record of records) this.#seen(record as Published);
    } catch {
      this.failedLooks += 1;
    }
    this.#judgeSizes();
    this.#judgeTerminations();
    this.#judgeOwners();
  }

  async #lookOn(): Promise<void> {
    while (!this.#isOver) {
      await this.look();
      await pause(lookEveryMs);
    }
  }

  #seen({ id, cameraId, epoch, workerId, capturedAt, inferredAt }: Published): void {
    this.records += 1;
    const lease = `${cameraId}#${epoch}`;
    const by = `${workerId.slice(0, 6)} in epoch ${epoch}, inferred at ${inferredAt}`;
    const first = this.#ids.get(id);
    if (first !== undefined) this.violated('id-twice', `${id}: by ${first}, and by ${by}`);
    this.#ids.set(id, by);
    const oldest = this.#ids.keys().next().value;
    if (this.#ids.size > idsMax && oldest !== undefined) this.#ids.delete(oldest);
    const publisher = this.#publisher.get(lease) ?? workerId;
    this.#publisher.set(lease, publisher);
    if (publisher !== workerId)
      this.violated('two-publishers', `${lease} is published by ${publisher} and ${workerId}`);
    if (capturedAt === undefined || inferredAt === undefined) return;
    const inferredAtMs = Date.parse(inferredAt);
    const newest = this.#newest.get(cameraId);
    if (newest === undefined || epoch > newest.epoch) this.#newest.set(cameraId, { epoch, sinceMs: inferredAtMs });
    else if (epoch < newest.epoch && inferredAtMs > newest.sinceMs && !this.areTimesWrong) {
      this.violated('two-publishers', `${lease} is still published after epoch ${newest.epoch} had begun`);
    }
    const frames = this.frames.get(cameraId) ?? [];
    this.frames.set(cameraId, frames);
    const name = this.#workerNames.get(workerId) ?? workerId;
    this.#workerNames.set(name, name);
    frames.push({ capturedAtMs: Date.parse(capturedAt), seenAtMs: systemClock.nowMs(), epoch, workerId: name });
  }

  #judgeSizes(): void {
    const { compute } = this.#world.cloud;
    const instances = compute
      .listInstances()
      .filter(({ groupState }) => groupState === 'Pending' || groupState === 'InService');
    const tasks = compute
      .listTasks()
      .filter(({ desiredStatus, lastStatus }) => desiredStatus === 'RUNNING' && lastStatus !== 'STOPPED');
    for (const [what, size] of [
      ['instances', instances.length],
      ['tasks', tasks.length],
    ] as const) {
      if (size > workersMax) this.violated('size-out-of-bounds', `${size} ${what}, at most ${workersMax} are allowed`);
    }
  }

  /** By states that were read after the task was told to stop. */
  #judgeTerminations(): void {
    for (const taskId of this.#told.splice(0)) {
      const owned = this.states.filter(
        (state) => state.ownerWorkerId === taskId && state.releasedEpoch !== state.epoch,
      );
      // A worker that has been silent for long is replaced although its item still names cameras.
      if (owned.length > 0 && !this.#isSilent(taskId)) {
        this.violated('terminated-with-cameras', `${taskId} with ${owned.map(({ cameraId }) => cameraId).join(', ')}`);
      }
    }
    for (const { taskId, desiredStatus, stopCode } of this.#world.cloud.compute.listTasks()) {
      if (desiredStatus !== 'STOPPED' || this.#judgedTasks.has(taskId)) continue;
      this.#judgedTasks.add(taskId);
      if (stopCode === 'ServiceSchedulerInitiated' || stopCode === 'TerminationNotice') this.#told.push(taskId);
    }
  }

  /** Has it published nothing for as long as it takes to be called dead? */
  #isSilent(taskId: string): boolean {
    const seenAtMs = [...this.frames.values()].flatMap((frames) =>
      frames.slice(-20).flatMap((frame) => (frame.workerId === taskId ? [frame.seenAtMs] : [])),
    );
    return systemClock.nowMs() - Math.max(0, ...seenAtMs) >= 15_000;
  }

  #judgeOwners(): void {
    const nowMs = systemClock.monotonicMs();
    const live = new Set(this.#world.liveTasks().map(({ taskId }) => taskId));
    for (const { cameraId, ownerWorkerId = '' } of this.states) {
      if (live.has(ownerWorkerId) || this.during.size > 0 || !this.#world.cameraIds.includes(cameraId)) {
        this.#unownedSince.delete(cameraId);
        continue;
      }
      const sinceMs = this.#unownedSince.get(cameraId) ?? nowMs;
      this.#unownedSince.set(cameraId, sinceMs);
      if (nowMs - sinceMs <= ownedWithinMs) continue;
      this.violated('unowned', `${cameraId} for ${((nowMs - sinceMs) / 1_000).toFixed(1)} s`);
      this.#unownedSince.set(cameraId, Number.POSITIVE_INFINITY);
    }
  }
}
