/**
 * A track's picture and the JSON beside it, on their way to S3. A text that settles after they were handed over is written
 * into the JSON afterwards.
 * Invariant: the JSON is rewritten only after its own picture has arrived under the same key, never for one that was given
 * up, and only for a text that it does not hold yet. An `If-Match` would ask the same of S3, and would need the right to
 * read pictures, which workers do not have.
 */
import type { ResultStore } from '../../aws/results.ts';
import type { VotedText } from '../text/text-vote.ts';
import type { DeliveryQueue } from './delivery-queue.ts';
import type { StoredSnapshot } from './track-snapshots.ts';

type Written = { snapshot: Omit<StoredSnapshot, 'jpeg'>; hasArrived: boolean; text: VotedText | null };

export class SnapshotDeliveries {
  readonly #origin: { cameraId: string; epoch: number };
  readonly #deliveries: Pick<DeliveryQueue, 'add'>;
  readonly #putObject: ResultStore['putObject'];
  /** Pictures of tracks that may still get a text, by track. */
  readonly #written = new Map<string, Written>();

  constructor(
    origin: { cameraId: string; epoch: number },
    deliveries: Pick<DeliveryQueue, 'add'>,
    putObject: ResultStore['putObject'],
  ) {
    this.#origin = origin;
    this.#deliveries = deliveries;
    this.#putObject = putObject;
  }

  store(trackId: string, { jpeg, ...snapshot }: StoredSnapshot, text: VotedText | null): void {
    const written: Written = { snapshot, hasArrived: false, text };
    this.#written.set(trackId, written);
    const { key } = snapshot;
    this.#deliveries.add({
      ...{ kind: 'snapshot', ...this.#origin, lane: key },
      send: async () => {
        await this.#putObject(key, jpeg, 'image/jpeg');
        await this.#putAbout(snapshot, text);
      },
      onDelivered: () => {
        written.hasArrived = true;
        if (written.text !== text) this.#rewrite(written);
      },
    });
  }

  textSettled(trackId: string, text: VotedText): void {
    const written = this.#written.get(trackId);
    if (written === undefined || written.text?.value === text.value) return;
    written.text = text;
    if (written.hasArrived) this.#rewrite(written);
  }

  /** The track has ended: no more texts. */
  forget(trackId: string): void {
    this.#written.delete(trackId);
  }

  #rewrite({ snapshot, text }: Written): void {
    const send = () => this.#putAbout(snapshot, text);
    this.#deliveries.add({ kind: 'snapshot-text', ...this.#origin, lane: snapshot.key, send });
  }

  #putAbout({ key, about }: Written['snapshot'], text: VotedText | null): Promise<void> {
    const whole = JSON.stringify({ ...about, key, ...(text === null ? {} : { text }) });
    return this.#putObject(key.replace(/\.jpg$/, '.json'), Buffer.from(whole), 'application/json');
  }
}
