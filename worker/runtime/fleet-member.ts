/**
 * A worker as a member of its fleet: heartbeats, follows its assignments, gives cameras back, drains. Joins the lease
 * (pure) and the control link (network) with the supervisor.
 * Invariant: cameras change only by an answer of control, by the loss of their epoch, or by draining; operations on one
 * camera happen one after the other; after a loss of the lease no camera that control took meanwhile publishes again.
 */
import type { ControlLink, HeartbeatFields, WorkerEvent } from '../../aws/heartbeat.ts';
import type { Clock } from '../../core/clock.ts';
import type { Assignment } from '../../core/fleet-state.ts';
import { assignmentChanges } from './assignment-changes.ts';
import { CameraOperations } from './camera-operations.ts';
import { CameraReleases } from './camera-releases.ts';
import type { CameraSupervisor } from './camera-supervisor.ts';
import { Checkpoints, progressOf } from './checkpoints.ts';
import { Lease } from './lease.ts';
import type { Log } from './log.ts';
import type { TaskProtection } from './task-protection.ts';

export type MemberDependencies = {
  clock: Clock;
  log: Log;
  control: ControlLink;
  supervisor: CameraSupervisor;
  protection: TaskProtection;
  /** What the heartbeat says beside lifecycle and cameras. */
  describe(): Omit<HeartbeatFields, 'lifecycle' | 'running' | 'heartbeatAtMs' | 'expiresAt'>;
  onHeartbeat(outcome: 'succeeded' | 'failed' | 'fenced'): void;
  /** The lease was lost: whatever is buffered must go. */
  onFenced(): void;
};

/** Dead workers' items go by themselves a day later. */
const itemSeconds = 86_400;

export class FleetMember {
  readonly #dependencies: MemberDependencies;
  readonly #lease = new Lease();
  readonly #operations: CameraOperations;
  readonly #releases: CameraReleases;
  #lifecycle: HeartbeatFields['lifecycle'] = 'starting';
  #cancelTimer = () => {};
  readonly #checkpoints: Checkpoints;
  #beating: Promise<void> | null = null;
  #isReadyTold = false;
  #isDrainedTold = false;
  /** SIGTERM or a lost cause: draining that nobody can call off. */
  #isLeaving = false;
  #isClosed = false;
  readonly drained: Promise<void>;
  #resolveDrained: () => void = () => {};

  constructor(dependencies: MemberDependencies) {
    this.#dependencies = dependencies;
    this.#operations = new CameraOperations(dependencies.log);
    this.#releases = new CameraReleases(dependencies.control, dependencies.log);
    this.#checkpoints = new Checkpoints({
      ...dependencies,
      isFenced: () => this.isFenced(),
      onLost: (cameraId) => this.#release(cameraId, false, 'the epoch was lost'),
    });
    this.drained = new Promise((resolve) => {
      this.#resolveDrained = resolve;
    });
  }

  get lifecycle() {
    return this.#lifecycle;
  }

  isFenced(): boolean {
    return this.#lease.isFenced(this.#dependencies.clock.monotonicMs());
  }

  /** True once the worker held the lease and lost it. */
  hasLostLease(): boolean {
    return this.#lease.isLost(this.#dependencies.clock.monotonicMs());
  }

  /** Starts to heartbeat. Call `ready` when cameras can be taken. */
  start(): void {
    this.#schedule();
    this.#checkpoints.start();
  }

  ready(): void {
    if (this.#lifecycle === 'starting') this.#lifecycle = 'ready';
    this.beatNow();
  }

  /** Heartbeats without waiting for the interval, unless one is under way. */
  beatNow(): void {
    if (this.#beating === null && !this.#isClosed) this.#beat();
  }

  /** Gives every camera back. Resolves when none is left. */
  async drain(reason: string): Promise<void> {
    this.#isLeaving = true;
    this.#startDraining(reason);
    await this.drained;
  }

  /** Last heartbeat, with lifecycle `stopped`; no more after it. */
  async close(): Promise<void> {
    await this.#beating;
    this.#isClosed = true;
    this.#cancelTimer();
    this.#checkpoints.stop();
    this.#lifecycle = 'stopped';
    await this.#dependencies.control
      .heartbeat(this.#fields())
      .catch((error) => this.#dependencies.log.warn('the last heartbeat failed', { error }));
    await this.#dependencies.protection.set(false);
  }

  /** Ends like a killed process: not another word to anybody. */
  abandon(): void {
    this.#isClosed = true;
    this.#cancelTimer();
    this.#checkpoints.stop();
  }

  /** Resolves when no heartbeat and no camera operation is under way. */
  async settled(): Promise<void> {
    while (this.#beating !== null || this.#operations.size > 0)
      await Promise.all([this.#beating, this.#operations.settled()]);
    await this.#dependencies.protection.settled();
  }

  #schedule(): void {
    if (this.#isClosed) return;
    const nowMs = this.#dependencies.clock.monotonicMs();
    const due = this.#lease.dueInMs(nowMs);
    const fence = this.#lease.isFenced(nowMs) ? null : this.#lease.fenceInMs(nowMs);
    const waits = [due, fence].filter((wait): wait is number => wait !== null);
    this.#cancelTimer();
    if (waits.length > 0) this.#cancelTimer = this.#dependencies.clock.setTimer(Math.min(...waits), () => this.#wake());
  }

  #wake(): void {
    const nowMs = this.#dependencies.clock.monotonicMs();
    if (this.#lease.takeFenced(nowMs)) {
      this.#dependencies.log.error('lease lost: no heartbeat for 15 s, publishing stops');
      this.#dependencies.onHeartbeat('fenced');
      this.#dependencies.onFenced();
    }
    if (this.#lease.dueInMs(nowMs) === 0) this.#beat();
    else this.#schedule();
  }

  #beat(): void {
    this.#lease.sent(this.#dependencies.clock.monotonicMs());
    // The fence must fall on time also while this call hangs.
    this.#schedule();
    this.#beating = this.#heartbeat().finally(() => {
      this.#beating = null;
      this.#schedule();
    });
  }

  async #heartbeat(): Promise<void> {
    const { control, clock, log, onHeartbeat } = this.#dependencies;
    try {
      const answer = await control.heartbeat(this.#fields());
      // An answer that comes too late to hold the lease still says who owns what.
      const isLate = this.#lease.isFenced(clock.monotonicMs());
      if (this.#lease.succeeded(clock.monotonicMs())) log.info('lease held again');
      onHeartbeat('succeeded');
      this.#follow(answer.assignments, answer.drain?.reason, isLate);
      if (this.#lifecycle === 'ready' && !this.#isReadyTold) {
        this.#isReadyTold = true;
        this.#tell('Worker Ready');
      }
    } catch (error) {
      this.#lease.failed();
      onHeartbeat('failed');
      log.warn('heartbeat failed', { error });
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
      expiresAt: Math.floor(nowMs / 1000) + itemSeconds,
    };
  }

  /** @param wasFenced control may have given our cameras away: what it took is stopped without another word. */
  #follow(assignments: Record<string, Assignment>, drainReason: string | undefined, wasFenced: boolean): void {
    const { supervisor, protection } = this.#dependencies;
    if (drainReason !== undefined) this.#startDraining(drainReason);
    else if (this.#lifecycle === 'draining' && !this.#isLeaving) this.#stopDraining();
    for (const assignment of Object.values(assignments)) supervisor.useHours(assignment);
    const changes = assignmentChanges(supervisor.running(), assignments);
    for (const cameraId of changes.stop) this.#release(cameraId, !wasFenced, 'no longer assigned');
    if (this.#lifecycle === 'draining') this.#declineAll(assignments);
    this.#writeReleases();
    if (this.#lifecycle !== 'ready') return;
    const isOpen = (cameraId: string) => {
      const given = assignments[cameraId];
      return given !== undefined && !this.#releases.isOver(cameraId, given);
    };
    const starting = [...changes.start, ...changes.restart].filter(isOpen);
    if (starting.length > 0) void protection.set(true);
    for (const cameraId of changes.restart) {
      this.#operations.enqueue(cameraId, async () => {
        await supervisor.stop(cameraId, false, 'a new epoch');
      });
    }
    for (const cameraId of starting) {
      const assignment = assignments[cameraId];
      if (assignment === undefined) continue;
      this.#operations.enqueue(cameraId, async () => {
        const isOver = this.#releases.isOver(cameraId, assignment);
        if (this.#lifecycle === 'ready' && !isOver && !supervisor.running().has(cameraId)) supervisor.start(assignment);
      });
    }
    if (starting.length === 0 && changes.stop.length === supervisor.running().size) void this.#unprotectWhenEmpty();
    else void protection.set(true);
  }

  #startDraining(reason: string): void {
    const { log, supervisor } = this.#dependencies;
    if (this.#lifecycle !== 'draining') {
      this.#lifecycle = 'draining';
      log.info('draining', { reason, cameras: supervisor.running().size });
      for (const cameraId of supervisor.running().keys()) this.#release(cameraId, true, reason);
    }
    void this.#finishDrain();
  }

  #stopDraining(): void {
    this.#lifecycle = 'ready';
    this.#isDrainedTold = false;
    this.#dependencies.log.info('the drain was called off');
  }

  async #finishDrain(): Promise<void> {
    await this.#operations.settled();
    if (this.#lifecycle !== 'draining' || this.#dependencies.supervisor.running().size > 0) return;
    if (!this.#isDrainedTold) {
      this.#isDrainedTold = true;
      await this.#dependencies.protection.set(false);
      this.#dependencies.log.info('drained');
      this.#tell('Worker Drained');
      if (!this.#isLeaving) this.beatNow();
    }
    // Control may have drained it long before the SIGTERM that ends it.
    if (this.#isLeaving) this.#resolveDrained();
  }

  async #unprotectWhenEmpty(): Promise<void> {
    await this.#operations.settled();
    if (this.#dependencies.supervisor.running().size === 0) await this.#dependencies.protection.set(false);
  }

  #release(cameraId: string, isOurs: boolean, reason: string): void {
    const { supervisor } = this.#dependencies;
    const run = [...supervisor.runs()].find((other) => other.cameraId === cameraId);
    if (run === undefined) return;
    const { assignment } = run;
    this.#operations.enqueue(cameraId, async () => {
      if (!supervisor.running().has(cameraId)) return;
      const checkpoint = await supervisor.stop(cameraId, isOurs, reason);
      if (!isOurs) this.#releases.lost(cameraId, assignment);
      else this.#releases.stopped(cameraId, assignment, progressOf(run, checkpoint));
      await this.#writeRelease(cameraId);
    });
  }

  /** Cameras that were given to a draining worker: it never starts them, and says so. */
  #declineAll(assignments: Record<string, Assignment>): void {
    const running = this.#dependencies.supervisor.running();
    for (const [cameraId, given] of Object.entries(assignments)) {
      if (this.#operations.has(cameraId) || running.has(cameraId) || this.#releases.isOver(cameraId, given)) continue;
      const { resumeAfter } = given;
      this.#releases.stopped(cameraId, given, resumeAfter === undefined ? {} : { checkpoint: resumeAfter });
    }
  }

  #writeReleases(): void {
    for (const cameraId of this.#releases.unwritten()) {
      if (!this.#operations.has(cameraId)) this.#operations.enqueue(cameraId, () => this.#writeRelease(cameraId));
    }
  }

  async #writeRelease(cameraId: string): Promise<void> {
    if (await this.#releases.write(cameraId)) this.#tell('Camera Released', cameraId);
  }

  #tell(event: WorkerEvent, cameraId?: string): void {
    const { control, log } = this.#dependencies;
    // Events make control fast; its minute makes up for one that was lost.
    control.putEvent(event, cameraId).catch((error) => log.warn('an event was not put', { event, error }));
  }
}
