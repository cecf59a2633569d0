/**
 * What the control loop is shown of the modelled world: the same observation that aws/observe.ts makes of the real one,
 * with what AWS does to readers: parts that are throttled, answers that are some seconds old, a metric that lags.
 * Invariant: reads only; what is shown, once looked at, does not change when the world goes on.
 */
import { streamsToAskAbout } from '../control/demand.ts';
import { scheduledAt } from '../control/hours.ts';
import type { FleetObservation } from '../control/observation.ts';
import { ownersOf } from '../control/owners.ts';
import { type DecisionMemory, decisionMemory } from '../control/settled.ts';
import { looksAtIdleStreams } from '../control/watch-gaps.ts';
import type { FleetPolicy, WorkerItem } from '../fleet-state.ts';
import type { SeededRandom } from '../seeded-random.ts';
import { activityPeriodMs, type FleetWorld } from './fleet-world.ts';
import type { ModelCamera } from './model-camera.ts';

/** Parts that can be missing; without the tables the run ends. */
export const observationParts = ['group', 'service', 'containerInstances', 'streams', 'activity', 'tables'] as const;
export type ObservationPart = (typeof observationParts)[number];

/** As aws/streams.ts looks back. */
const lookBackMs = 900_000;

type ComputeView = Pick<FleetObservation, 'group' | 'service' | 'containerInstances'>;

export class WorldObserver {
  readonly #world: FleetWorld;
  readonly #statusByName: ReadonlyMap<string, string>;
  readonly #modelByStream: ReadonlyMap<string, ModelCamera>;
  #seen: { version: number; view: ComputeView } | null = null;

  /** What the last run remembers of its cameras. */
  readonly memory: DecisionMemory;
  /** Of each worker: what its item and its heartbeats said when somebody asked last. */
  readonly #words = new Map<string, { item: WorkerItem; said: object; word: object }>();

  constructor(world: FleetWorld) {
    this.#world = world;
    this.memory = decisionMemory((workerId) => this.#wordOf(workerId));
    this.#modelByStream = new Map([...world.cameras.values()].map((model) => [model.camera.streamName, model]));
    this.#statusByName = new Map([...world.cameras.values()].map(({ camera }) => [camera.streamName, 'ACTIVE']));
  }

  /** @returns null when the tables cannot be read. `isStale`: ECS and Auto Scaling answered as of the last look. */
  observe(
    policy: FleetPolicy,
    random: SeededRandom,
    missing: ObservationPart | null,
  ): { observation: FleetObservation; isStale: boolean } | null {
    const world = this.#world;
    if (missing === 'tables') return null;
    const cameras = [...world.states.values()];
    const workers = [...world.items.values()].map((item) => this.#described(item));
    const isUnlucky = random.chance(world.input.settings.staleReadRate);
    const isStale = isUnlucky && this.#seen !== null && this.#seen.version !== world.cloud.version;
    if (!isStale) {
      const { cloud } = world;
      const view = {
        group: cloud.group(),
        service: cloud.service(),
        containerInstances: cloud.containerInstances(),
      };
      this.#seen = { version: cloud.version, view };
    } else world.count('stale read');
    const view = this.#seen?.view as ComputeView;
    return {
      isStale,
      observation: {
        fleet: world.fleetItem,
        cameras,
        workers,
        group: missing === 'group' ? null : view.group,
        service: missing === 'service' ? null : view.service,
        containerInstances: missing === 'containerInstances' ? null : view.containerInstances,
        streams: {
          statusByName: missing === 'streams' ? null : this.#statusByName,
          activeAtMs: missing === 'activity' ? new Map() : this.#activity(cameras, workers, policy),
          periodMs: activityPeriodMs,
        },
        missing: missing === null ? [] : [missing],
      },
    };
  }

  #described(item: WorkerItem): WorkerItem {
    return this.#world.workers.get(item.workerId)?.described(item) ?? item;
  }

  #wordOf(workerId: string): object | undefined {
    const item = this.#world.items.get(workerId);
    const said = this.#world.workers.get(workerId)?.word;
    if (item === undefined || said === undefined) return undefined;
    const known = this.#words.get(workerId);
    if (known?.item === item && known.said === said) return known.word;
    const word = {};
    this.#words.set(workerId, { item, said, word });
    return word;
  }

  #activity(
    cameras: FleetObservation['cameras'],
    workers: readonly WorkerItem[],
    policy: FleetPolicy,
  ): Map<string, number | null> {
    const { nowMs, input } = this.#world;
    const shownUntilMs = Math.floor((nowMs - input.settings.metricLagMs) / activityPeriodMs) * activityPeriodMs;
    const byStream = new Map<string, number | null>();
    // A resting camera is asked about only with the idle ones.
    const { rest, settled } = this.memory;
    const places = looksAtIdleStreams(nowMs) ? [...cameras.keys()] : rest.maybeScheduled(cameras, scheduledAt(nowMs));
    const asked = settled.perhapsUnread(cameras, places, ownersOf(workers, nowMs, policy.workerDeadAfterMs));
    for (const streamName of streamsToAskAbout(asked, workers, nowMs, policy)) {
      const lastMs = this.#modelByStream.get(streamName)?.lastSentAtMs(shownUntilMs - 1);
      if (lastMs === undefined) continue;
      const periodMs = lastMs === null ? null : Math.floor(lastMs / activityPeriodMs) * activityPeriodMs;
      byStream.set(streamName, periodMs === null || periodMs < nowMs - lookBackMs ? null : periodMs);
    }
    return byStream;
  }
}
