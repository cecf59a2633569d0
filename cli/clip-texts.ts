/**
 * The texts of a clip's tracks, read as the worker reads them, but one after the other: a file does not run away.
 * Invariant: the same file gives the same texts; the models are loaded only when a row asks for text and a track is there.
 */
import type { Camera } from '../core/camera.ts';
import type { Detection } from '../core/records.ts';
import type { I420 } from '../worker/decode/picture-scaler.ts';
import { cutOut } from '../worker/text/grey-picture.ts';
import { TextEngine } from '../worker/text/text-engine.ts';
import { cutOutMargin, readsText, type TextMoment, TrackTexts } from '../worker/text/track-texts.ts';

export type ClipText = { trackId: string; value: string; score: number };

export class ClipTexts {
  readonly #texts: TrackTexts;
  #engine: Promise<TextEngine> | null = null;
  #picture: I420 | null = null;
  /** The value that each track settled on last, in the order in which they first did. */
  readonly #settled = new Map<string, ClipText>();
  spentMs = 0;

  /** @returns null when the row asks for no text. */
  static for(camera: Pick<Camera, 'text' | 'regions'>): ClipTexts | null {
    return readsText(camera) ? new ClipTexts(camera) : null;
  }

  private constructor(camera: Pick<Camera, 'text' | 'regions'>) {
    this.#texts = new TrackTexts(camera, {
      read: async ({ box, charset, foreign }) => {
        const picture = this.#picture === null ? null : cutOut(this.#picture, box, cutOutMargin);
        if (picture === null) return [];
        this.#engine ??= TextEngine.create();
        const [lines = []] = await (await this.#engine).read([{ picture, charset, foreign }]);
        return lines;
      },
      settled: (trackId, { value, score }) => void this.#settled.set(trackId, { trackId, value, score }),
    });
  }

  get settled(): ClipText[] {
    return [...this.#settled.values()];
  }

  /** @returns the detections with the texts of their tracks. @throws KvsInferError TEXT_MODELS_UNUSABLE, TEXT_FAILED */
  async frame(moment: TextMoment, picture: I420, detections: readonly Detection[]): Promise<Detection[]> {
    const startedMs = performance.now();
    this.#picture = picture;
    this.#texts.frame(moment, detections);
    await this.#texts.idle();
    this.#picture = null;
    this.spentMs += performance.now() - startedMs;
    return detections.map((detection) => {
      const text = detection.trackId === undefined ? null : this.#texts.textOf(detection.trackId);
      return text === null ? detection : { ...detection, text };
    });
  }

  async ended(trackIds: readonly string[]): Promise<void> {
    for (const trackId of trackIds) await this.#texts.ended(trackId);
  }

  async close(): Promise<void> {
    await (await this.#engine?.catch(() => null))?.close();
  }
}
