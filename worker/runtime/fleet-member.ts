/**
 * A worker as a member of its fleet: joins the lease (pure) and the control link (network) with the supervisor.
 * Invariant: cameras change only by an answer of control, by the loss of their epoch, or by draining; operations on one
 * camera happen one after the other; after a loss of the lease no camera that control took meanwhile publishes again;
 * its task stays protected until what it gave up has been published and control knows of it.
 */
import type { ControlLink, HeartbeatAnswer, HeartbeatFields, WorkerEvent } from '../../aws/heartbeat.ts';
import type { Clock } from '../../core/clock.ts';
import type { Assignment, StandbyOrder, WorkerItem } from '../../core/fleet-state.ts';
import { type AssignmentChanges, assignmentChanges } from './assignment-changes.ts';
import { CameraOperations } from './camera-operations.ts';
import { CameraReleases } from './camera-releases.ts';
import type { CameraSupervisor } from './camera-supervisor.ts';
import { Checkpoints, progressOf } from './checkpoints.ts';
import { Heartbeats } from './heartbeats.ts';
import type { Log } from './log.ts';
import type { TaskProtection } from './task-protection.ts';

export type MemberDependencies = {
  clock: Clock;
  log: Log;
  control: ControlLink;
  supervisor: CameraSupervisor;
  protection: TaskProtection;
  /** What the heartbeat says beside lifecycle and cameras. */
  describe(): Omit<HeartbeatFields, 'lifecycle' | 'running' | 'standingBy' | 'models' | 'heartbeatAtMs' | 'expiresAt'>;
  onHeartbeat(outcome: 'succeeded' | 'failed' | 'fenced'): void;
  /** The lease was lost: whatever is buffered must go. */
  onFenced(): void;
};

/** Dead workers' items go by themselves a day later. */
const itemSeconds = 86_400;

export class FleetMember {
  readonly #dependencies: MemberDependencies;
  readonly #heartbeats: Heartbeats;
  readonly #operations: CameraOperations;
  readonly #releases: CameraReleases;
  #lifecycle: HeartbeatFields['lifecycle'] = 'starting';
  readonly #checkpoints: Checkpoints;
  #isReadyTold = false;
  #isDrainedTold = false;
  /** SIGTERM or a lost cause: draining that nobody can call off. */
  #isLeaving = false;
  #cancelHandover = () => {};
  /** Of the drain, or of the run that wrote the lists. */
  #orderTraceId: string | undefined;
  readonly #end = Promise.withResolvers<void>();
  readonly drained = this.#end.promise;

  constructor(dependencies: MemberDependencies) {
    this.#dependencies = dependencies;
    this.#operations = new CameraOperations(dependencies.log);
    this.#heartbeats = new Heartbeats({
      clock: dependencies.clock,
      beat: (succeeded) => this.#heartbeat(succeeded),
      isAwaiting: () => dependencies.supervisor.standbys.isAnyReady,
      onFenced: () => {
        dependencies.log.error('lease lost: no heartbeat for 15 s, publishing stops');
        dependencies.onHeartbeat('fenced');
        dependencies.onFenced();
      },
    });
    this.#releases = new CameraReleases(dependencies.control, dependencies.log);
    this.#checkpoints = new Checkpoints({
      ...dependencies,
      isFenced: () => this.isFenced(),
      onLost: (cameraId) => this.#release(cameraId, false, 'the epoch was lost'),
    });
  }

  get lifecycle() {
    return this.#lifecycle;
  }

  isFenced(): boolean {
    return this.#heartbeats.isFenced;
  }

  /** True once the worker held the lease and lost it. */
  hasLostLease(): boolean {
    return this.#heartbeats.isLost;
  }

  /** Starts to heartbeat. Call `ready` when cameras can be taken. */
  start(): void {
    this.#heartbeats.start();
    this.#checkpoints.start();
  }

  ready(): void {
    if (this.#lifecycle === 'starting') this.#lifecycle = 'ready';
    this.beatNow();
  }

  /** Without waiting for the interval, unless one is under way. */
  beatNow(): void {
    this.#heartbeats.now();
  }

  /** Gives every camera back. Resolves when none is left. */
  async drain(reason: string): Promise<void> {
    this.#isLeaving = true;
    this.#startDraining(reason, undefined);
    await this.drained;
  }

  /** Last heartbeat, with lifecycle `stopped`; no more after it. */
  async close(): Promise<void> {
    await this.#heartbeats.underWay;
    this.abandon();
    this.#lifecycle = 'stopped';
    await this.#dependencies.control
      .heartbeat(this.#fields())
      .catch((error) => this.#dependencies.log.warn('the last heartbeat failed', { error }));
    await this.#dependencies.protection.set(false);
  }

  /** Ends like a killed process: not another word to anybody. */
  abandon(): void {
    this.#heartbeats.close();
    this.#checkpoints.stop();
    this.#cancelHandover();
  }

  /** Resolves when no heartbeat and no camera operation is under way. */
  async settled(): Promise<void> {
    while (this.#heartbeats.underWay !== null || this.#operations.size > 0)
      await Promise.all([this.#heartbeats.underWay, this.#operations.settled()]);
    await this.#dependencies.protection.settled();
  }

  async #heartbeat(succeeded: () => { wasFenced: boolean; recovered: boolean }): Promise<void> {
    const { control, log, onHeartbeat, supervisor } = this.#dependencies;
    const fields = this.#fields();
    try {
      const answer = await control.heartbeat(fields);
      const { wasFenced, recovered } = succeeded();
      if (recovered) log.info('lease held again');
      onHeartbeat('succeeded');
      this.#follow(answer, wasFenced);
      if (this.#lifecycle === 'ready' && !this.#isReadyTold) this.#tell('Worker Ready');
      this.#isReadyTold ||= this.#lifecycle === 'ready';
      if (supervisor.standbys.isNews(fields.standingBy ?? {})) this.#tell('Standby Ready');
      if (supervisor.versions.isNews(fields.models ?? {})) this.#tell('Model Failed');
    } catch (error) {
      onHeartbeat('failed');
      log.warn('heartbeat failed', { error });
      throw error;
    }
  }

  #fields(): HeartbeatFields {
    const { clock, supervisor, describe } = this.#dependencies;
    const nowMs = clock.nowMs();
    return {
      ...describe(),
      heartbeatAtMs: nowMs,
      lifecycle: this.#lifecycle,
      running: supervisor.heartbeat(),
      standingBy: supervisor.standbys.heartbeat(),
      models: supervisor.versions.heartbeat(),
      expiresAt: Math.floor(nowMs / 1000) + itemSeconds,
    };
  }

  /** @param wasFenced control may have given our cameras away: what it took is stopped without another word. */
  #follow({ assignments, standbys, drain, listsTraceId }: HeartbeatAnswer, wasFenced: boolean): void {
    const { supervisor, protection } = this.#dependencies;
    this.#orderTraceId = drain?.traceId ?? listsTraceId;
    if (drain !== undefined) this.#startDraining(drain.reason, drain.handover);
    else if (this.#lifecycle === 'draining' && !this.#isLeaving) this.#stopDraining();
    for (const assignment of Object.values(assignments)) supervisor.update(assignment);
    const changes = assignmentChanges(supervisor.running(), assignments);
    for (const cameraId of changes.stop) this.#release(cameraId, !wasFenced, 'no longer assigned');
    const isReady = this.#lifecycle === 'ready';
    const running = supervisor.running();
    const isBusy = (cameraId: string) => this.#operations.has(cameraId) || running.has(cameraId);
    if (!isReady) this.#releases.decline(assignments, isBusy);
    for (const cameraId of this.#releases.unwritten()) {
      if (!this.#operations.has(cameraId)) this.#operations.enqueue(cameraId, () => this.#writeRelease(cameraId));
    }
    if (!isReady) void this.#finishDrain();
    const starting = isReady ? this.#start(changes, assignments) : [];
    // After the operations that take cameras over: what these need is not stopped.
    this.#followStandbys(isReady ? standbys : {});
    if (!isReady) return;
    // What it stands by for counts: ECS must not take it for the worker that has just become empty.
    const left = supervisor.running().size - changes.stop.length + Object.keys(standbys).length;
    if (starting.length + left === 0) void this.#unprotectWhenEmpty();
    else void protection.set(true);
  }

  /** @returns the cameras that begin, under this epoch or a newer one. */
  #start({ start, restart }: AssignmentChanges, assignments: Record<string, Assignment>): string[] {
    const { supervisor, protection } = this.#dependencies;
    const starting = [...start, ...restart].filter((cameraId) => {
      const given = assignments[cameraId];
      return given !== undefined && !this.#releases.isOver(cameraId, given);
    });
    if (starting.length > 0) void protection.set(true);
    for (const cameraId of restart) {
      const stop = () => supervisor.stop(cameraId, false, 'a new epoch', assignments[cameraId]?.traceId);
      this.#operations.enqueue(cameraId, async () => void (await stop()));
    }
    for (const cameraId of starting) {
      const assignment = assignments[cameraId];
      if (assignment === undefined) continue;
      this.#operations.enqueue(cameraId, async () => {
        const isOver = this.#releases.isOver(cameraId, assignment);
        if (this.#lifecycle === 'ready' && !isOver && !supervisor.running().has(cameraId)) supervisor.start(assignment);
      });
    }
    return starting;
  }

  #followStandbys(orders: Record<string, StandbyOrder>): void {
    const { supervisor } = this.#dependencies;
    for (const cameraId of supervisor.standbys.changed(orders)) {
      this.#operations.enqueue(cameraId, async () => {
        supervisor.standbys.follow(cameraId, supervisor.running().has(cameraId) ? undefined : orders[cameraId]);
      });
    }
  }

  /** @param handover absent: every camera is given up now. */
  #startDraining(reason: string, handover: NonNullable<WorkerItem['drain']>['handover']): void {
    const { clock, log, supervisor } = this.#dependencies;
    const cameras = supervisor.running().size;
    if (this.#lifecycle !== 'draining') log.info('draining', { reason, cameras, traceId: this.#orderTraceId });
    this.#lifecycle = 'draining';
    this.#cancelHandover();
    const untilMs = this.#isLeaving || handover === undefined ? 0 : (handover.untilMs ?? Number.POSITIVE_INFINITY);
    const leftMs = untilMs - clock.nowMs();
    if (leftMs <= 0) for (const cameraId of supervisor.running().keys()) this.#release(cameraId, true, reason);
    else if (Number.isFinite(leftMs)) {
      this.#cancelHandover = clock.setTimer(leftMs, () => this.#startDraining(reason, handover));
    }
    void this.#finishDrain();
  }

  #stopDraining(): void {
    this.#lifecycle = 'ready';
    this.#cancelHandover();
    this.#isDrainedTold = false;
    this.#dependencies.log.info('the drain was called off');
  }

  async #finishDrain(): Promise<void> {
    await this.#operations.settled();
    if (this.#lifecycle !== 'draining' || !this.#isEmpty()) return;
    if (!this.#isDrainedTold) {
      this.#isDrainedTold = true;
      await this.#dependencies.protection.set(false);
      this.#dependencies.log.info('drained', { traceId: this.#orderTraceId });
      this.#tell('Worker Drained');
      if (!this.#isLeaving) this.beatNow();
    }
    // Control may have drained it long before the SIGTERM that ends it.
    if (this.#isLeaving) this.#end.resolve();
  }

  async #unprotectWhenEmpty(): Promise<void> {
    await this.#operations.settled();
    if (this.#dependencies.supervisor.standbys.size === 0 && this.#isEmpty())
      await this.#dependencies.protection.set(false);
  }

  /** No camera runs or is on its way in or out, and control knows of all that went. Told to go, it does not wait for that. */
  #isEmpty(): boolean {
    if (this.#operations.size + this.#dependencies.supervisor.running().size > 0) return false;
    return this.#isLeaving || this.#releases.unwritten().length === 0;
  }

  #release(cameraId: string, isOurs: boolean, reason: string): void {
    const { supervisor } = this.#dependencies;
    const traceId = this.#orderTraceId;
    const run = [...supervisor.runs()].find((other) => other.cameraId === cameraId);
    if (run === undefined) return;
    this.#operations.enqueue(cameraId, async () => {
      if (!supervisor.running().has(cameraId)) return;
      const checkpoint = await supervisor.stop(cameraId, isOurs, reason, traceId);
      if (!isOurs) this.#releases.lost(cameraId, run.assignment);
      else this.#releases.stopped(cameraId, run.assignment, progressOf(run, checkpoint));
      await this.#writeRelease(cameraId);
    });
  }

  async #writeRelease(cameraId: string): Promise<void> {
    if (await this.#releases.write(cameraId)) this.#tell('Camera Released', cameraId);
  }

  #tell(event: WorkerEvent, cameraId?: string): void {
    const { control, log } = this.#dependencies;
    // Events make control fast; its minute makes up for one that was lost.
    const traceId = event === 'Worker Ready' || event === 'Model Failed' ? undefined : this.#orderTraceId;
    control.putEvent(event, cameraId, traceId).catch((error) => log.warn('an event was not put', { event, error }));
  }
}
