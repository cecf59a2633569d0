/**
 * Which model looks at a camera's frames, and the results that belong to it, through a change of version in place: frames
 * that were letterboxed for the former still go there, and its tracks end once none of them is left.
 * Invariant: every frame is answered by the model whose size it has; results are closed once.
 */
import type { Letterbox } from '../decode/letterbox.ts';
import type { CameraResults } from '../publish/camera-results.ts';
import type { LoadedModel } from './model-pool.ts';

export type Detecting = { name: string; model: LoadedModel; results: CameraResults; framesOut: number };

export class RunModels {
  #current: Detecting | null = null;
  #former: Detecting | null = null;
  readonly #closing = new Set<Promise<void>>();
  #detectionsBefore = 0;
  #tracksBefore = 0;

  get current(): Detecting | null {
    return this.#current;
  }

  get detections(): number {
    return this.#detectionsBefore + (this.#current?.results.detections ?? 0);
  }

  get tracks(): number {
    return this.#tracksBefore + (this.#current?.results.tracks ?? 0);
  }

  begin(name: string, model: LoadedModel, results: CameraResults): void {
    const before = this.#current;
    if (before !== null) {
      this.#detectionsBefore += before.results.detections;
      this.#tracksBefore += before.results.tracks;
      this.#formerIsDone();
      this.#former = before;
    }
    this.#current = { name, model, results, framesOut: 0 };
    if (before !== null && sizeOf(before.model) === sizeOf(model)) this.#formerIsDone();
  }

  /** The same version in a new inference thread. */
  renew(model: LoadedModel): void {
    if (this.#current !== null) this.#current.model = model;
  }

  /** Whose frame it is; null before the first model. Call `settled` once it is answered. */
  of({ inputWidth, inputHeight }: Letterbox): Detecting | null {
    const size = `${inputWidth}×${inputHeight}`;
    const former = this.#former;
    const current = this.#current;
    const isOfFormer =
      former !== null && current !== null && sizeOf(current.model) !== size && sizeOf(former.model) === size;
    const detecting = isOfFormer ? former : current;
    // Frames come in order: the first of the new size tells that none of the former's will come.
    if (!isOfFormer) this.#formerIsDone();
    if (detecting !== null) detecting.framesOut += 1;
    return detecting;
  }

  settled(detecting: Detecting): void {
    detecting.framesOut -= 1;
    if (detecting.framesOut === 0 && detecting !== this.#current && detecting !== this.#former) this.#close(detecting);
  }

  async close(): Promise<void> {
    if (this.#former !== null) this.#close(this.#former);
    this.#former = null;
    await Promise.all([this.#current?.results.close(), ...this.#closing]);
  }

  #formerIsDone(): void {
    const former = this.#former;
    this.#former = null;
    if (former?.framesOut === 0) this.#close(former);
  }

  #close({ results }: Detecting): void {
    const closing = results.close();
    this.#closing.add(closing);
    void closing.finally(() => this.#closing.delete(closing));
  }
}

function sizeOf({ client }: LoadedModel): string {
  return `${client.model.inputWidth}×${client.model.inputHeight}`;
}
