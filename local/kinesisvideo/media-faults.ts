/**
 * What can go wrong with media on a real network, made to go wrong on purpose: a producer cut off in mid-fragment, a
 * stalled upload, sessions that end or break, damaged bytes. Invariant: a fault touches the stream it names, no other.
 */
import type { MediaSession } from './media-session.ts';
import type { PutMediaConnection } from './put-media.ts';

export class MediaFaults {
  readonly #producers: ReadonlyMap<string, PutMediaConnection>;
  readonly #sessions: ReadonlyMap<string, ReadonlySet<MediaSession>>;
  readonly #damage = new Map<string, { skipBytes: number; damageBytes: number }>();

  constructor(
    producers: ReadonlyMap<string, PutMediaConnection>,
    sessions: ReadonlyMap<string, ReadonlySet<MediaSession>>,
  ) {
    this.#producers = producers;
    this.#sessions = sessions;
  }

  /** Breaks the producer's connection where it is, in mid-fragment if need be. @returns whether there was one. */
  dropProducer(streamName: string): boolean {
    const producer = this.#producers.get(streamName);
    producer?.drop();
    return producer !== undefined;
  }

  /** Stops reading what the connected producer sends. @returns the way to go on, or null when none is connected. */
  stallProducer(streamName: string): (() => void) | null {
    return this.#producers.get(streamName)?.stall() ?? null;
  }

  /** Ends GetMedia sessions as AWS does by itself: the response is complete. @returns how many. */
  endSessions(streamName: string): number {
    return this.#each(streamName, (session) => session.end());
  }

  /** Breaks the connections of GetMedia sessions in the middle of what they send. @returns how many. */
  cutSessions(streamName: string): number {
    return this.#each(streamName, (session) => session.cut());
  }

  /** Inverts the next `damageBytes` that any session of the stream sends, after `skipBytes` untouched ones. */
  corruptMedia(streamName: string, damageBytes: number, skipBytes = 0): void {
    this.#damage.set(streamName, { skipBytes, damageBytes });
  }

  /** @returns the bytes as they go out; a copy where they are damaged, because sessions share them. */
  damage(streamName: string, bytes: Buffer): Buffer {
    const damage = this.#damage.get(streamName);
    if (damage === undefined) return bytes;
    const from = Math.min(damage.skipBytes, bytes.length);
    const until = Math.min(from + damage.damageBytes, bytes.length);
    damage.skipBytes -= from;
    damage.damageBytes -= until - from;
    if (damage.damageBytes <= 0) this.#damage.delete(streamName);
    if (from === until) return bytes;
    const damaged = Buffer.from(bytes);
    for (let index = from; index < until; index++) damaged[index] = ~(bytes[index] ?? 0) & 0xff;
    return damaged;
  }

  #each(streamName: string, act: (session: MediaSession) => void): number {
    const sessions = [...(this.#sessions.get(streamName) ?? [])];
    for (const session of sessions) act(session);
    return sessions.length;
  }
}
