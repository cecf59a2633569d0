/**
 * The lease between control and two workers as a small machine whose every step can be tried in every order. What decides is
 * the product's own: `assignCameras`, `assignmentsOf`, `standbysOf`, `afterOwnership`, `Lease`, `assignmentChanges` and
 * `CameraReleases`; what is modelled here is who does what in which order, and what goes wrong.
 * Time goes in ticks of 5 s; each tick brings one frame of each camera. What usually happens in one go is one step; that it
 * comes apart (an answer under way, a slow or crashed run, a long flush) is a fault, of which there is a bounded number.
 * Invariant: a state is plain data, never changed.
 */
import { drainOrder } from '../../core/control/handover.ts';
import { look, writeLists, writeStates } from './lease-control.ts';
import { flush, follow, isFenced, publish, send } from './lease-worker.ts';
import {
  firstWorld,
  itemOf,
  type Process,
  processOf,
  type Setting,
  tickMs,
  type World,
  withItem,
  withProcess,
  workerIds,
} from './lease-world.ts';

export class LeaseModel {
  readonly #setting: Setting;

  constructor(setting: Setting) {
    this.#setting = setting;
  }

  first(): World {
    return firstWorld(this.#setting);
  }

  /** Everything that may happen next, by name. */
  *next(world: World): Generator<[string, World]> {
    const mayFail = world.faults < this.#setting.faultsMax;
    yield ['tick', this.#tick(world)];
    if (world.control === null) {
      const looked = look(world);
      yield ['control runs', this.#write(looked)];
      if (mayFail) {
        yield ['control looks and is slow', fault(looked)];
        yield ['control crashes half-way', fault({ ...writeStates(this.#setting, looked), control: null })];
      }
    } else yield ['slow control writes', this.#write(world)];
    for (const workerId of workerIds) yield* this.#worker(world, workerId, mayFail);
  }

  *#worker(world: World, workerId: string, mayFail: boolean): Generator<[string, World]> {
    const process = processOf(world, workerId);
    const item = itemOf(world, workerId);
    const becomes = (change: Partial<Process>) => withProcess(world, workerId, { ...process, ...change });
    if (mayFail && item.drain === undefined) {
      const { handover, ...atOnce } = drainOrder({ reason: 'test' }, world.nowMs);
      yield [`${workerId} is to hand over`, fault(withItem(world, { ...item, drain: { ...atOnce, handover: {} } }))];
      const untilMs = world.nowMs + 2 * tickMs;
      yield [`${workerId} is doomed`, fault(withItem(world, { ...item, drain: { ...atOnce, handover: { untilMs } } }))];
      if (handover !== undefined) yield [`${workerId} is to drain`, fault(withItem(world, { ...item, drain: atOnce }))];
    }
    if (!process.isAlive) {
      if (item.stoppedAtMs === undefined) {
        yield [`ECS says that ${workerId} stopped`, withItem(world, { ...item, stoppedAtMs: world.nowMs })];
      }
      return;
    }
    if (mayFail) {
      yield [`${workerId} dies`, fault(becomes({ isAlive: false, runs: {}, standbys: {}, answer: null }))];
      if (!process.isCut) yield [`${workerId} is cut off`, fault(becomes({ isCut: true }))];
      if (!process.isPaused) yield [`${workerId} is paused`, fault(becomes({ isPaused: true }))];
    }
    if (process.isPaused) {
      yield [`${workerId} goes on`, becomes({ isPaused: false })];
      return;
    }
    if (process.isCut) yield [`${workerId} has its network back`, becomes({ isCut: false })];
    if (process.answer !== null) {
      yield [
        `${workerId} reads a late answer`,
        flush(follow(this.#setting, world, workerId, process.answer), workerId),
      ];
    } else if (!process.isCut) {
      const [sent, answer] = send(this.#setting, world, workerId);
      const followed = follow(this.#setting, sent, workerId, answer);
      yield [`${workerId} heartbeats`, flush(followed, workerId)];
      if (mayFail) {
        yield [
          `${workerId} heartbeats, and the answer is late`,
          fault(withProcess(sent, workerId, { ...process, answer })),
        ];
        const hasStopping = Object.values(processOf(followed, workerId).runs).some(({ isStopping }) => isStopping);
        if (hasStopping) yield [`${workerId} heartbeats, and flushes for long`, fault(followed)];
      }
    }
    if (Object.values(process.runs).some(({ isStopping }) => isStopping) && !process.isCut) {
      yield [`${workerId} has flushed`, flush(world, workerId)];
    }
  }

  #write(world: World): World {
    return writeLists(this.#setting, writeStates(this.#setting, world));
  }

  #tick(world: World): World {
    let after: World = { ...world, nowMs: world.nowMs + tickMs };
    for (const workerId of workerIds) after = publish(after, workerId);
    return after;
  }

  /** What must never be so, whatever has happened. */
  violation(world: World): string | null {
    if (world.broken !== null) return world.broken;
    for (const cameraId of this.#setting.cameraIds) {
      const publishers = workerIds.filter((workerId) => {
        const process = processOf(world, workerId);
        const run = process.runs[cameraId];
        return process.isAlive && run !== undefined && !run.isStopping && !isFenced(process, world.nowMs);
      });
      if (publishers.length > 1) return `${cameraId} has two unfenced owners`;
    }
    return null;
  }
}

function fault(world: World): World {
  return { ...world, faults: world.faults + 1 };
}
