/**
 * Writes the Matroska that Kinesis Video Streams speaks: what a producer sends with PutMedia and what GetMedia returns.
 * The shape follows real GetMedia captures: one EBML header and Segment per fragment, KVS tags before and after the Cluster.
 * Invariant: what is written here is read back by worker/demux with the same timestamps, flags and bytes.
 */

const ids = {
  ebml: 0x1a45dfa3,
  ebmlVersion: 0x4286,
  ebmlReadVersion: 0x42f7,
  ebmlMaxIdLength: 0x42f2,
  ebmlMaxSizeLength: 0x42f3,
  docType: 0x4282,
  docTypeVersion: 0x4287,
  docTypeReadVersion: 0x4285,
  segment: 0x18538067,
  info: 0x1549a966,
  timecodeScale: 0x2ad7b1,
  muxingApp: 0x4d80,
  writingApp: 0x5741,
  tracks: 0x1654ae6b,
  trackEntry: 0xae,
  trackNumber: 0xd7,
  trackUid: 0x73c5,
  trackType: 0x83,
  flagLacing: 0x9c,
  codecId: 0x86,
  codecPrivate: 0x63a2,
  video: 0xe0,
  pixelWidth: 0xb0,
  pixelHeight: 0xba,
  tags: 0x1254c367,
  tag: 0x7373,
  simpleTag: 0x67c8,
  tagName: 0x45a3,
  tagString: 0x4487,
  cluster: 0x1f43b675,
  timecode: 0xe7,
  simpleBlock: 0xa3,
} as const;

/** One tick is one millisecond, as every KVS producer writes it. */
const TIMECODE_SCALE_NS = 1_000_000;
/** A block's timecode is a signed 16-bit offset from its cluster; fragments of at most 20 s stay well inside. */
export const BLOCK_OFFSET_MAX_MS = 32_767;

export type MatroskaTrack = {
  number: number;
  kind: 'video' | 'audio' | 'other';
  codecId: string;
  width: number;
  height: number;
  codecPrivate: Uint8Array | null;
};

/** EBML header, an open-ended Segment, Info and Tracks: what comes before a fragment's clusters. */
export function segmentHeader(tracks: readonly MatroskaTrack[]): Buffer {
  return Buffer.concat([
    element(ids.ebml, [
      unsignedElement(ids.ebmlVersion, 1),
      unsignedElement(ids.ebmlReadVersion, 1),
      unsignedElement(ids.ebmlMaxIdLength, 4),
      unsignedElement(ids.ebmlMaxSizeLength, 8),
      textElement(ids.docType, 'matroska'),
      unsignedElement(ids.docTypeVersion, 4),
      unsignedElement(ids.docTypeReadVersion, 2),
    ]),
    openElement(ids.segment),
    element(ids.info, [
      unsignedElement(ids.timecodeScale, TIMECODE_SCALE_NS),
      textElement(ids.muxingApp, 'kvs-infer'),
      textElement(ids.writingApp, 'kvs-infer'),
    ]),
    element(ids.tracks, tracks.map(trackEntry)),
  ]);
}

/** Tags in the given order, e.g. the fragment number. Values are text, as KVS writes even its numbers. */
export function tagsElement(tags: readonly (readonly [name: string, value: string])[]): Buffer {
  const simpleTags = tags.map(([name, value]) =>
    element(ids.simpleTag, [textElement(ids.tagName, name), textElement(ids.tagString, value)]),
  );
  return element(ids.tags, [element(ids.tag, simpleTags)]);
}

/** A Cluster whose end is known only when the next element of its level begins: a fragment still being made. */
export function openCluster(timecodeMs: number): Buffer {
  return Buffer.concat([openElement(ids.cluster), unsignedElement(ids.timecode, timecodeMs)]);
}

/** Head of a Cluster whose blocks are all known; `blockBytes` is their total length. */
export function sizedCluster(timecodeMs: number, blockBytes: number): Buffer {
  const timecode = unsignedElement(ids.timecode, timecodeMs);
  return Buffer.concat([idBytes(ids.cluster), sizeBytes(timecode.length + blockBytes, 8), timecode]);
}

/** @param offsetMs from the cluster's timecode, −32768…32767. */
export function simpleBlock(trackNumber: number, offsetMs: number, keyframe: boolean, data: Uint8Array): Buffer {
  const track = sizeBytes(trackNumber);
  const bodyBytes = track.length + 3 + data.length;
  const head = Buffer.concat([idBytes(ids.simpleBlock), sizeBytes(bodyBytes), track]);
  const block = Buffer.allocUnsafe(head.length + 3 + data.length);
  head.copy(block);
  block.writeInt16BE(offsetMs, head.length);
  block[head.length + 2] = keyframe ? 0x80 : 0x00;
  block.set(data, head.length + 3);
  return block;
}

function trackEntry(track: MatroskaTrack): Buffer {
  const types = { video: 1, audio: 2, other: 0x11 } as const;
  const parts = [
    unsignedElement(ids.trackNumber, track.number),
    unsignedElement(ids.trackUid, track.number),
    unsignedElement(ids.flagLacing, 0),
    textElement(ids.codecId, track.codecId),
    unsignedElement(ids.trackType, types[track.kind]),
  ];
  if (track.kind === 'video') {
    parts.push(
      element(ids.video, [
        unsignedElement(ids.pixelWidth, track.width),
        unsignedElement(ids.pixelHeight, track.height),
      ]),
    );
  }
  if (track.codecPrivate !== null) parts.push(element(ids.codecPrivate, [track.codecPrivate]));
  return element(ids.trackEntry, parts);
}

function element(id: number, content: readonly Uint8Array[]): Buffer {
  const bytes = content.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([idBytes(id), sizeBytes(bytes), ...content]);
}

/** An element of unknown size, in the eight-byte form that KVS uses. */
function openElement(id: number): Buffer {
  return Buffer.concat([idBytes(id), Buffer.from([0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])]);
}

function textElement(id: number, text: string): Buffer {
  return element(id, [Buffer.from(text, 'utf8')]);
}

function unsignedElement(id: number, value: number): Buffer {
  return element(id, [bigEndian(value)]);
}

function idBytes(id: number): Buffer {
  return bigEndian(id);
}

/** The shortest big-endian form; at least one byte. Safe up to 2^53. */
function bigEndian(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  do {
    bytes.unshift(rest % 256);
    rest = Math.floor(rest / 256);
  } while (rest > 0);
  return Buffer.from(bytes);
}

/** EBML's variable-length number; the all-ones value of a length means "unknown" and is never produced here. */
function sizeBytes(value: number, length?: number): Buffer {
  let width = length ?? 1;
  while (length === undefined && value >= 2 ** (7 * width) - 1) width += 1;
  const bytes = Buffer.alloc(width);
  let rest = value;
  for (let index = width - 1; index >= 0; index--) {
    bytes[index] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  bytes[0] = (bytes[0] ?? 0) | (0x80 >> (width - 1));
  return bytes;
}
