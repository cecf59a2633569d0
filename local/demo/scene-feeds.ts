/**
 * Cameras that film drawn scenes: each feed loops a scene's clip into its KVS stream in real time and knows what was in
 * view at any capture time. Invariant: feeds stop with the run; a silent feed sends nothing and has no truth.
 */
import type { Clock } from '../../core/clock.ts';
import type { LocalCloud } from '../cloud.ts';
import { type Producer, startProducer } from '../kinesisvideo/producer.ts';
import { readClip, type SceneClip, truthAt } from '../scenes/clip.ts';
import { countsAsTruth } from '../scenes/truth.ts';
import type { TruthObject } from './accuracy.ts';
import type { ShownPlate } from './text-accuracy.ts';

export type ShownObject = TruthObject & { plate?: ShownPlate };
export type Feed = { streamName: string; clip: SceneClip; silent: { fromMs: number; toMs: number } | null };

export class SceneFeeds {
  readonly #cloud: LocalCloud;
  readonly #clock: Clock;
  readonly #feeds = new Map<string, { producer: Producer; clip: SceneClip }>();
  readonly #cancels: (() => void)[] = [];

  constructor(cloud: LocalCloud, clock: Clock) {
    this.#cloud = cloud;
    this.#clock = clock;
  }

  /** Two feeds of one scene start half a clip apart, so that they do not show the same thing at once. */
  async start(feed: Feed, startedBefore: number): Promise<void> {
    const media = await readClip(feed.clip);
    const offsetMs = startedBefore % 2 === 0 ? 0 : feed.clip.durationMs / 2;
    const producer = startProducer({
      endpoint: this.#cloud.endpoint,
      region: this.#cloud.context.region,
      streamName: feed.streamName,
      clip: { ...media, durationMs: feed.clip.durationMs },
      clock: this.#clock,
      startAtMs: this.#clock.nowMs() - offsetMs,
    });
    this.#feeds.set(feed.streamName, { producer, clip: feed.clip });
    if (feed.silent === null) return;
    this.#cancels.push(
      this.#clock.setTimer(feed.silent.fromMs, () => producer.pause()),
      this.#clock.setTimer(feed.silent.toMs, () => producer.resume()),
    );
  }

  /** What was in view when this frame was captured; null when no feed sent it. */
  async truth(streamName: string, capturedAtMs: number): Promise<ShownObject[] | null> {
    const feed = this.#feeds.get(streamName);
    const clipTimeMs = feed?.producer.clipTimeMs(capturedAtMs) ?? null;
    if (feed === undefined || clipTimeMs === null) return null;
    const { clip } = feed;
    const { objects } = await truthAt(clip, clipTimeMs);
    return objects.map((object) => ({
      label: object.label,
      box: object.box,
      counts: countsAsTruth(object, clip.width / clip.height),
      ...(object.plate === undefined ? {} : { plate: object.plate }),
    }));
  }

  async stop(): Promise<void> {
    for (const cancel of this.#cancels) cancel();
    await Promise.all([...this.#feeds.values()].map(({ producer }) => producer.stop()));
  }
}
