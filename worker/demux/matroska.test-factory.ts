/**
 * Matroska bytes made by hand for tests: what KVS sends per fragment, with each part replaceable by a wrong one.
 * Invariant: independent of the product's own Matroska writer, so that a shared mistake cannot hide.
 */
import { elementIds } from './matroska-elements.ts';

export function element(id: number, ...content: Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  return Buffer.concat([idBytes(id), sizeBytes(body.length), body]);
}

/** A master whose end is not written down. */
export function openElement(id: number, ...content: Uint8Array[]): Buffer {
  return Buffer.concat([idBytes(id), Buffer.from('01ffffffffffffff', 'hex'), ...content]);
}

export function idBytes(id: number): Buffer {
  const hex = id.toString(16);
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
}

/** Eight bytes, or one where the value fits: both are common in real captures. */
export function sizeBytes(size: number): Buffer {
  if (size < 127) return Buffer.from([0x80 | size]);
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(size));
  bytes[0] = 1;
  return bytes;
}

export function unsigned(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes.subarray(Math.min(7, bytes.findIndex((byte) => byte !== 0) & 7));
}

export const text = (value: string): Buffer => Buffer.from(value, 'utf8');

export function ebmlHeader(docType = 'matroska'): Buffer {
  return element(
    elementIds.ebml,
    element(0x4286, unsigned(1)),
    element(elementIds.maxIdLength, unsigned(4)),
    element(elementIds.maxSizeLength, unsigned(8)),
    element(elementIds.docType, text(docType)),
  );
}

export type TrackFields = {
  number?: number;
  type?: number;
  codecId?: string;
  width?: number;
  height?: number;
  codecPrivate?: Uint8Array;
};

export function trackEntry(fields: TrackFields = {}, ...more: Uint8Array[]): Buffer {
  const { number = 1, type = 1, codecId = 'V_MPEG4/ISO/AVC', width = 640, height = 360, codecPrivate } = fields;
  return element(
    elementIds.trackEntry,
    element(elementIds.trackNumber, unsigned(number)),
    element(elementIds.trackType, unsigned(type)),
    element(elementIds.codecId, text(codecId)),
    element(
      elementIds.video,
      element(elementIds.pixelWidth, unsigned(width)),
      element(elementIds.pixelHeight, unsigned(height)),
    ),
    ...(codecPrivate === undefined ? [] : [element(elementIds.codecPrivate, codecPrivate)]),
    ...more,
  );
}

export const tracks = (...entries: Uint8Array[]): Buffer => element(elementIds.tracks, ...entries);

export function tags(values: Record<string, string>): Buffer {
  const simple = Object.entries(values).map(([name, value]) =>
    element(elementIds.simpleTag, element(elementIds.tagName, text(name)), element(elementIds.tagString, text(value))),
  );
  return element(elementIds.tags, element(elementIds.tag, ...simple));
}

export type BlockFields = {
  track?: number;
  relativeMs?: number;
  keyframe?: boolean;
  lacing?: number;
  data?: Uint8Array;
};

export function blockPayload({
  track = 1,
  relativeMs = 0,
  keyframe = false,
  lacing = 0,
  data = text('frame'),
}: BlockFields): Buffer {
  const head = Buffer.alloc(4);
  head[0] = 0x80 | track;
  head.writeInt16BE(relativeMs, 1);
  head[3] = (keyframe ? 0x80 : 0) | lacing;
  return Buffer.concat([head, data]);
}

export const simpleBlock = (fields: BlockFields = {}): Buffer => element(elementIds.simpleBlock, blockPayload(fields));

export function blockGroup(fields: BlockFields, isReferring: boolean): Buffer {
  const reference = isReferring ? [element(elementIds.referenceBlock, Buffer.from([0xff]))] : [];
  return element(elementIds.blockGroup, element(elementIds.block, blockPayload(fields)), ...reference);
}

export function cluster(timecodeMs: number, ...content: Uint8Array[]): Buffer {
  return element(elementIds.cluster, element(elementIds.clusterTimestamp, unsigned(timecodeMs)), ...content);
}

export type KvsFragmentFields = {
  number: string;
  producerTimestamp?: string;
  serverTimestamp?: string;
  clusterMs?: number;
  frames?: BlockFields[];
  track?: TrackFields;
  continuationToken?: string | null;
};

/** One fragment as GetMedia sends it, in the order of the real captures. */
export function kvsFragment(fields: KvsFragmentFields): Buffer {
  const { number, producerTimestamp = '1511852108.513', serverTimestamp = '1511852109.126', clusterMs = 0 } = fields;
  const frames = fields.frames ?? [{ keyframe: true }, { relativeMs: 33 }, { relativeMs: 66 }];
  const token = fields.continuationToken === undefined ? number : fields.continuationToken;
  return Buffer.concat([
    ebmlHeader(),
    openElement(
      elementIds.segment,
      element(elementIds.info, element(elementIds.timestampScale, unsigned(1_000_000))),
      tracks(trackEntry(fields.track)),
      tags({
        AWS_KINESISVIDEO_FRAGMENT_NUMBER: number,
        AWS_KINESISVIDEO_SERVER_TIMESTAMP: serverTimestamp,
        AWS_KINESISVIDEO_PRODUCER_TIMESTAMP: producerTimestamp,
      }),
      cluster(clusterMs, ...frames.map(simpleBlock)),
      ...(token === null
        ? []
        : [tags({ AWS_KINESISVIDEO_MILLIS_BEHIND_NOW: '250', AWS_KINESISVIDEO_CONTINUATION_TOKEN: token })]),
    ),
  ]);
}
