/**
 * What main asks of the full-resolution pictures that a decode host still holds: a JPEG, or a cut-out for reading text.
 * Invariant: every request is answered once, saying so when the picture is gone or the host does not answer in time.
 */
import type { Clock } from '../../core/clock.ts';
import type { DecodeLink } from '../session/decode-link.ts';
import type {
  CameraRun,
  FrameName,
  FromDecodeHost,
  SnapshotAnswer,
  SnapshotBox,
  SnapshotWish,
} from '../session/messages.ts';
import type { GreyPicture } from '../text/grey-picture.ts';

const answerTimeoutMs = 5_000;

type Answer = Extract<FromDecodeHost, { type: 'snapshot' | 'cut-out' }>;
/** Where the picture is. */
export type PicturePlace = { link: DecodeLink; run: CameraRun; frame: FrameName };

export class PictureRequests {
  readonly #clock: Clock;
  readonly #waiting = new Map<number, (answer: Answer | null) => void>();
  #asked = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async snapshot(place: PicturePlace, wish: SnapshotWish): Promise<SnapshotAnswer> {
    const { link, run, frame } = place;
    const answer = await this.#ask((request) =>
      link.send({ type: 'snapshot', request, run, frame: nameOf(frame), ...wish }),
    );
    return answer?.type === 'snapshot' ? answer.answer : { found: 'gone' };
  }

  /** @param box fractions of the frame. @param margin share of its sides that is added around it. */
  async cutOut(place: PicturePlace, box: SnapshotBox['box'], margin: number): Promise<GreyPicture | null> {
    const { link, run, frame } = place;
    const answer = await this.#ask((request) =>
      link.send({ type: 'cut-out', request, run, frame: nameOf(frame), box, margin }),
    );
    return answer?.type === 'cut-out' ? answer.picture : null;
  }

  answered(answer: Answer): void {
    this.#waiting.get(answer.request)?.(answer);
  }

  #ask(send: (request: number) => void): Promise<Answer | null> {
    const request = this.#asked++;
    return new Promise((resolve) => {
      const settle = (answer: Answer | null) => {
        cancel();
        this.#waiting.delete(request);
        resolve(answer);
      };
      const cancel = this.#clock.setTimer(answerTimeoutMs, () => settle(null));
      this.#waiting.set(request, settle);
      send(request);
    });
  }
}

/** Frames carry more than their names. */
function nameOf({ fragmentNumber, frameIndex }: FrameName): FrameName {
  return { fragmentNumber, frameIndex };
}
