/**
 * The part of Matroska that a video reader needs: element ids, where each may stand, how many bytes of it are kept, and
 * the variable-length integers around them. Ids and parents follow RFC 9559 (Matroska) and RFC 8794 (EBML).
 * Invariant: every function answers from the bytes it is given alone and reads none beyond `end`.
 */

export const elementIds = {
  ebml: 0x1a45dfa3,
  docType: 0x4282,
  maxIdLength: 0x42f2,
  maxSizeLength: 0x42f3,
  segment: 0x18538067,
  info: 0x1549a966,
  timestampScale: 0x2ad7b1,
  tracks: 0x1654ae6b,
  trackEntry: 0xae,
  trackNumber: 0xd7,
  trackType: 0x83,
  codecId: 0x86,
  codecPrivate: 0x63a2,
  contentEncodings: 0x6d80,
  video: 0xe0,
  pixelWidth: 0xb0,
  pixelHeight: 0xba,
  tags: 0x1254c367,
  tag: 0x7373,
  simpleTag: 0x67c8,
  tagName: 0x45a3,
  tagString: 0x4487,
  cluster: 0x1f43b675,
  clusterTimestamp: 0xe7,
  simpleBlock: 0xa3,
  blockGroup: 0xa0,
  block: 0xa1,
  referenceBlock: 0xfb,
  seekHead: 0x114d9b74,
  cues: 0x1c53bb6b,
  chapters: 0x1043a770,
  attachments: 0x1941a469,
  void: 0xec,
  crc32: 0xbf,
} as const;

/** Stands for "no parent": the level of the EBML header and the Segment. */
export const ROOT = 0;

export type ElementRule = {
  name: string;
  parents: readonly number[];
  /** `master` holds elements; `value` is collected; `frame` is collected under the frame limit; `skip` is passed over. */
  content: 'master' | 'value' | 'frame' | 'skip';
};

const id = elementIds;
const rule = (name: string, content: ElementRule['content'], ...parents: number[]): ElementRule => ({
  name,
  content,
  parents,
});

export const elementRules: ReadonlyMap<number, ElementRule> = new Map<number, ElementRule>([
  [id.ebml, rule('EBML', 'master', ROOT)],
  [id.docType, rule('DocType', 'value', id.ebml)],
  [id.maxIdLength, rule('EBMLMaxIDLength', 'value', id.ebml)],
  [id.maxSizeLength, rule('EBMLMaxSizeLength', 'value', id.ebml)],
  [id.segment, rule('Segment', 'master', ROOT)],
  [id.info, rule('Info', 'master', id.segment)],
  [id.timestampScale, rule('TimestampScale', 'value', id.info)],
  [id.tracks, rule('Tracks', 'master', id.segment)],
  [id.trackEntry, rule('TrackEntry', 'master', id.tracks)],
  [id.trackNumber, rule('TrackNumber', 'value', id.trackEntry)],
  [id.trackType, rule('TrackType', 'value', id.trackEntry)],
  [id.codecId, rule('CodecID', 'value', id.trackEntry)],
  [id.codecPrivate, rule('CodecPrivate', 'value', id.trackEntry)],
  [id.contentEncodings, rule('ContentEncodings', 'skip', id.trackEntry)],
  [id.video, rule('Video', 'master', id.trackEntry)],
  [id.pixelWidth, rule('PixelWidth', 'value', id.video)],
  [id.pixelHeight, rule('PixelHeight', 'value', id.video)],
  [id.tags, rule('Tags', 'master', id.segment)],
  [id.tag, rule('Tag', 'master', id.tags)],
  [id.simpleTag, rule('SimpleTag', 'master', id.tag, id.simpleTag)],
  [id.tagName, rule('TagName', 'value', id.simpleTag)],
  [id.tagString, rule('TagString', 'value', id.simpleTag)],
  [id.cluster, rule('Cluster', 'master', id.segment)],
  [id.clusterTimestamp, rule('Timestamp', 'value', id.cluster)],
  [id.simpleBlock, rule('SimpleBlock', 'frame', id.cluster)],
  [id.blockGroup, rule('BlockGroup', 'master', id.cluster)],
  [id.block, rule('Block', 'frame', id.blockGroup)],
  [id.referenceBlock, rule('ReferenceBlock', 'value', id.blockGroup)],
  [id.seekHead, rule('SeekHead', 'skip', id.segment)],
  [id.cues, rule('Cues', 'skip', id.segment)],
  [id.chapters, rule('Chapters', 'skip', id.segment)],
  [id.attachments, rule('Attachments', 'skip', id.segment)],
]);

/** Elements that may stand in any master and close none. */
export const globalElements: ReadonlySet<number> = new Set([id.void, id.crc32]);

export function elementName(elementId: number): string {
  return elementRules.get(elementId)?.name ?? `element 0x${elementId.toString(16).toUpperCase()}`;
}

export type ElementHeader = {
  id: number;
  /** Content size in bytes, or null when the element has an unknown size. */
  size: number | null;
  /** Bytes of id and size together. */
  length: number;
};

/** Id (at most 4 bytes) and size (at most 8). */
export const ELEMENT_HEADER_BYTES_MAX = 12;

/** @returns the header at `offset`; `incomplete` when more bytes may complete it; `invalid` when none can. */
export function readElementHeader(
  bytes: Uint8Array,
  offset: number,
  end: number,
): ElementHeader | 'incomplete' | 'invalid' {
  if (offset >= end) return 'incomplete';
  const first = bytes[offset] as number;
  const idLength = Math.clz32(first) - 23;
  if (idLength > 4) return 'invalid';
  if (offset + idLength > end) return 'incomplete';
  let elementId = 0;
  for (let index = 0; index < idLength; index += 1) elementId = elementId * 256 + (bytes[offset + index] as number);
  const size = readSize(bytes, offset + idLength, end);
  if (typeof size === 'string') return size;
  return { id: elementId, size: size.value, length: idLength + size.length };
}

/** An EBML size: null stands for "unknown" (all value bits set). Sizes beyond 2^53 are invalid: no stream holds them. */
export function readSize(
  bytes: Uint8Array,
  offset: number,
  end: number,
): { value: number | null; length: number } | 'incomplete' | 'invalid' {
  if (offset >= end) return 'incomplete';
  const first = bytes[offset] as number;
  const length = Math.clz32(first) - 23;
  if (length > 8) return 'invalid';
  if (offset + length > end) return 'incomplete';
  const mask = (1 << (8 - length)) - 1;
  let value = first & mask;
  let allOnes = value === mask;
  for (let index = 1; index < length; index += 1) {
    const byte = bytes[offset + index] as number;
    value = value * 256 + byte;
    allOnes &&= byte === 0xff;
  }
  if (allOnes) return { value: null, length };
  return Number.isSafeInteger(value) ? { value, length } : 'invalid';
}

/** Big-endian unsigned integer of 0 to 8 bytes; null when it is longer or beyond 2^53. */
export function readUnsigned(bytes: Uint8Array): number | null {
  if (bytes.length > 8) return null;
  let value = 0;
  for (const byte of bytes) value = value * 256 + byte;
  return Number.isSafeInteger(value) ? value : null;
}

const textDecoder = new TextDecoder();

/** UTF-8 text up to the first zero byte; bytes that are not UTF-8 become U+FFFD. */
export function readText(bytes: Uint8Array): string {
  const zero = bytes.indexOf(0);
  return textDecoder.decode(zero < 0 ? bytes : bytes.subarray(0, zero));
}
