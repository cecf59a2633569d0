/**
 * A 5×7 pixel font for labels on snapshots: capitals, digits and a little punctuation, enough for class names and scores.
 * Built in because a font file and a rasteriser would be a dependency for forty small pictures.
 * Invariant: every glyph has 7 rows of 5 bits, leftmost pixel first; an unknown character is drawn as `?`.
 */
export const GLYPH_WIDTH = 5;
export const GLYPH_HEIGHT = 7;
/** One empty column between glyphs. */
export const GLYPH_ADVANCE = GLYPH_WIDTH + 1;

/** Two hex digits per row, top to bottom. */
const glyphs: Record<string, string> = {
  A: '0e11111f111111',
  B: '1e11111e11111e',
  C: '0e11101010110e',
  D: '1e11111111111e',
  E: '1f10101e10101f',
  F: '1f10101e101010',
  G: '0e11101711110f',
  H: '1111111f111111',
  I: '0e04040404040e',
  J: '0702020202120c',
  K: '11121418141211',
  L: '1010101010101f',
  M: '111b1515111111',
  N: '11191513111111',
  O: '0e11111111110e',
  P: '1e11111e101010',
  Q: '0e11111115120d',
  R: '1e11111e141211',
  S: '0f10100e01011e',
  T: '1f040404040404',
  U: '1111111111110e',
  V: '11111111110a04',
  W: '11111115151b11',
  X: '11110a040a1111',
  Y: '11110a04040404',
  Z: '1f01020408101f',
  '0': '0e11131519110e',
  '1': '040c040404040e',
  '2': '0e11010608101f',
  '3': '1e01010e01011e',
  '4': '02060a121f0202',
  '5': '1f101e0101110e',
  '6': '0608101e11110e',
  '7': '1f010204080808',
  '8': '0e11110e11110e',
  '9': '0e11110f01020c',
  ' ': '00000000000000',
  '.': '00000000000c0c',
  '-': '0000001f000000',
  _: '0000000000001f',
  ':': '000c0c000c0c00',
  '/': '01010204081010',
  '%': '18190204081303',
  '#': '0a0a1f0a1f0a0a',
  '?': '0e110102040004',
};

const rowsOf = (hex: string): number[] =>
  Array.from({ length: GLYPH_HEIGHT }, (_, row) => Number.parseInt(hex.slice(row * 2, row * 2 + 2), 16));
const unknown = rowsOf(glyphs['?'] as string);
const rows = new Map(Object.entries(glyphs).map(([character, hex]) => [character, rowsOf(hex)]));

/** Whether the glyph of `character` (any case) has ink at this column and row. */
export function glyphHasInk(character: string, column: number, row: number): boolean {
  const glyph = rows.get(character.toUpperCase()) ?? unknown;
  return (((glyph[row] ?? 0) >> (GLYPH_WIDTH - 1 - column)) & 1) === 1;
}
