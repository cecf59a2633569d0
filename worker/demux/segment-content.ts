/**
 * What the elements of one Matroska document mean: tracks, tags, clusters and frames, told to the sink as events in the
 * order in which they end. It knows nothing of bytes arriving in pieces.
 * Invariant: a frame is delivered only for a declared track, whole, once; what cannot be delivered is an error event.
 */
import { KvsInferError } from '../../core/errors.ts';
import type { DemuxLimits } from './demux-limits.ts';
import { elementIds, readSize, readText, readUnsigned } from './matroska-elements.ts';

export type VideoCodec = 'h264' | 'hevc';

export type Track = {
  number: number;
  kind: 'video' | 'audio' | 'other';
  codec: VideoCodec | 'other';
  codecId: string;
  /** Pixels; 0 when the track is not video or does not say. */
  width: number;
  height: number;
  codecPrivate: Uint8Array | null;
};

export type DemuxEvent =
  /** A new EBML header: tracks of the document before are gone. */
  | { type: 'segment'; atByte: number }
  | { type: 'track'; track: Track }
  | { type: 'tags'; tags: Record<string, string> }
  /** Cluster timestamp in milliseconds. */
  | { type: 'cluster'; timecodeMs: number }
  /** `data` may be a view into the pushed chunk: valid as long as the chunk's owner does not overwrite it. */
  | { type: 'frame'; trackNumber: number; timestampMs: number; keyframe: boolean; data: Uint8Array }
  /** `documentLost`: nothing follows until the next EBML header; false when only one track's frames are left out. */
  | { type: 'error'; error: KvsInferError; atByte: number; documentLost: boolean };

/** A document cannot be read further; the reader catches it, reports it and waits for the next EBML header. */
export class DocumentBroken extends Error {
  readonly report: KvsInferError;
  constructor(code: string, message: string, hint: string) {
    super(message);
    this.report = new KvsInferError(code, message, { hint });
  }
}

const CORRUPT_HINT = 'reading goes on at the next fragment; check the producer if this repeats';
const LACING_FLAGS = 0x06;
const KEYFRAME_FLAG = 0x80;

/** Why a track's frames are left out: error code, what the track does, and what to do about it. */
type Refusal = { code: string; what: string; hint: string };

const lacingRefusal = (name: string): Refusal => ({
  code: 'MATROSKA_LACING',
  what: `uses ${name} lacing, one block for several frames`,
  hint: 'let the producer send one frame per block, for example mkvmerge --disable-lacing',
});
const lacingRefusals = new Map<number, Refusal>([
  [2, lacingRefusal('Xiph')],
  [4, lacingRefusal('fixed-size')],
  [6, lacingRefusal('EBML')],
]);
const undeclaredRefusal: Refusal = {
  code: 'MATROSKA_UNKNOWN_TRACK',
  what: 'has frames but was not declared',
  hint: CORRUPT_HINT,
};
const encodedRefusal: Refusal = {
  code: 'MATROSKA_ENCODING',
  what: 'is compressed or encrypted inside the container (ContentEncodings)',
  hint: 'let the producer send plain frames, for example mkvmerge --compression -1:none',
};

export function corrupt(message: string): DocumentBroken {
  return new DocumentBroken('MATROSKA_CORRUPT', message, CORRUPT_HINT);
}

export function limitPassed(message: string): DocumentBroken {
  return new DocumentBroken('MATROSKA_LIMIT', message, 'let the producer send shorter fragments and less metadata');
}

const emptyTrack = (): Track => ({
  number: 0,
  kind: 'other',
  codec: 'other',
  codecId: '',
  width: 0,
  height: 0,
  codecPrivate: null,
});

export class SegmentContent {
  readonly #sink: (event: DemuxEvent) => void;
  readonly #limits: DemuxLimits;
  readonly #tracks = new Set<number>();
  /** Tracks whose frames are refused, so that each is reported once a document. */
  readonly #refusedTracks = new Set<number>();
  #track = emptyTrack();
  #trackEncoded = false;
  #tags: [name: string, value: string][] = [];
  #tagNames: string[] = [];
  #timestampScaleNs = 1_000_000;
  #clusterTimestamp: number | null = null;
  #groupBlock: { payload: Uint8Array; atByte: number } | null = null;
  #groupReferences = false;

  constructor(sink: (event: DemuxEvent) => void, limits: DemuxLimits) {
    this.#sink = sink;
    this.#limits = limits;
  }

  open(elementId: number): void {
    if (elementId === elementIds.trackEntry) {
      this.#track = emptyTrack();
      this.#trackEncoded = false;
    } else if (elementId === elementIds.tag) {
      this.#tags = [];
    } else if (elementId === elementIds.simpleTag) {
      this.#tagNames.push('');
    } else if (elementId === elementIds.cluster) {
      this.#clusterTimestamp = null;
    } else if (elementId === elementIds.blockGroup) {
      this.#groupBlock = null;
      this.#groupReferences = false;
    }
  }

  /** A passed-over element, named because its presence can matter. */
  skipped(elementId: number): void {
    if (elementId === elementIds.contentEncodings) this.#trackEncoded = true;
  }

  close(elementId: number, atByte: number): void {
    if (elementId === elementIds.trackEntry) this.#closeTrack(atByte);
    else if (elementId === elementIds.simpleTag) this.#tagNames.pop();
    else if (elementId === elementIds.tag && this.#tags.length > 0) {
      this.#sink({ type: 'tags', tags: Object.fromEntries(this.#tags) });
      this.#tags = [];
    } else if (elementId === elementIds.blockGroup && this.#groupBlock !== null) {
      const { payload, atByte: blockAtByte } = this.#groupBlock;
      this.#groupBlock = null;
      this.#frame(payload, blockAtByte, !this.#groupReferences);
    }
  }

  value(elementId: number, payload: Uint8Array, atByte: number): void {
    switch (elementId) {
      case elementIds.docType:
        requireMatroska(readText(payload));
        return;
      case elementIds.maxIdLength:
        requireAtMost('EBMLMaxIDLength', readUnsigned(payload), 4);
        return;
      case elementIds.maxSizeLength:
        requireAtMost('EBMLMaxSizeLength', readUnsigned(payload), 8);
        return;
      case elementIds.timestampScale:
        this.#timestampScaleNs = requireUnsigned('TimestampScale', payload, 1);
        return;
      case elementIds.trackNumber:
        this.#track.number = requireUnsigned('TrackNumber', payload, 1);
        return;
      case elementIds.trackType: {
        const trackType = requireUnsigned('TrackType', payload, 0);
        this.#track.kind = trackType === 1 ? 'video' : trackType === 2 ? 'audio' : 'other';
        return;
      }
      case elementIds.codecId:
        this.#track.codecId = readText(payload);
        this.#track.codec = codecOf(this.#track.codecId);
        return;
      case elementIds.codecPrivate:
        this.#track.codecPrivate = payload.slice();
        return;
      case elementIds.pixelWidth:
        this.#track.width = requireUnsigned('PixelWidth', payload, 0);
        return;
      case elementIds.pixelHeight:
        this.#track.height = requireUnsigned('PixelHeight', payload, 0);
        return;
      case elementIds.tagName:
        this.#tagNames[this.#tagNames.length - 1] = readText(payload);
        return;
      case elementIds.tagString:
        this.#tagValue(readText(payload));
        return;
      case elementIds.clusterTimestamp:
        this.#clusterTimestamp = requireUnsigned('cluster Timestamp', payload, 0);
        this.#sink({ type: 'cluster', timecodeMs: this.#milliseconds(this.#clusterTimestamp) });
        return;
      case elementIds.simpleBlock:
        this.#frame(payload, atByte, null);
        return;
      case elementIds.block:
        this.#groupBlock = { payload, atByte };
        return;
      case elementIds.referenceBlock:
        this.#groupReferences = true;
        return;
    }
  }

  #closeTrack(atByte: number): void {
    const track = this.#track;
    if (track.number === 0) throw corrupt('expected a TrackNumber in every TrackEntry, found none');
    if (this.#tracks.size >= this.#limits.tracks) {
      throw limitPassed(`expected at most ${this.#limits.tracks} tracks, found more`);
    }
    this.#tracks.add(track.number);
    this.#sink({ type: 'track', track });
    if (this.#trackEncoded) this.#refuse(track.number, atByte, encodedRefusal);
  }

  /** A SimpleTag's value follows its name; a nested one is named by its own name. */
  #tagValue(value: string): void {
    const name = this.#tagNames.at(-1);
    if (name === undefined || name === '') return;
    if (this.#tags.length >= this.#limits.tagsPerElement) {
      throw limitPassed(`expected at most ${this.#limits.tagsPerElement} tags in one Tag element, found more`);
    }
    this.#tags.push([name, value]);
  }

  /** @param groupKeyframe whether a Block is a key frame by its group; null for a SimpleBlock, whose flags say it. */
  #frame(payload: Uint8Array, atByte: number, groupKeyframe: boolean | null): void {
    const number = readSize(payload, 0, payload.length);
    if (typeof number === 'string' || number.value === null || payload.length < number.length + 3) {
      throw corrupt(
        `expected track number, timestamp and flags in a block, found ${payload.length} bytes without them`,
      );
    }
    if (this.#clusterTimestamp === null)
      throw corrupt('expected the cluster Timestamp before the first block, found none');
    const trackNumber = number.value;
    if (this.#refusedTracks.has(trackNumber)) return;
    const flags = payload[number.length + 2] as number;
    const lacing = flags & LACING_FLAGS;
    const refusal = this.#tracks.has(trackNumber) ? lacingRefusals.get(lacing) : undeclaredRefusal;
    if (refusal !== undefined) {
      this.#refuse(trackNumber, atByte, refusal);
      return;
    }
    const relative = (((payload[number.length] as number) << 24) >> 16) | (payload[number.length + 1] as number);
    this.#sink({
      type: 'frame',
      trackNumber,
      timestampMs: this.#milliseconds(this.#clusterTimestamp + relative),
      keyframe: groupKeyframe ?? (flags & KEYFRAME_FLAG) !== 0,
      data: payload.subarray(number.length + 3),
    });
  }

  /** Reported once a document and track, however many frames it has. */
  #refuse(trackNumber: number, atByte: number, { code, what, hint }: Refusal): void {
    // The set is bounded: the numbers come from blocks, and a document that names so many tracks is broken.
    if (this.#refusedTracks.size >= this.#limits.tracks) throw corrupt('expected frames of few tracks, found too many');
    this.#refusedTracks.add(trackNumber);
    const error = new KvsInferError(code, `track ${trackNumber} ${what}; its frames are left out`, { hint });
    this.#sink({ type: 'error', error, atByte, documentLost: false });
  }

  #milliseconds(ticks: number): number {
    return this.#timestampScaleNs === 1_000_000 ? ticks : (ticks * this.#timestampScaleNs) / 1_000_000;
  }
}

function codecOf(codecId: string): Track['codec'] {
  if (codecId === 'V_MPEG4/ISO/AVC') return 'h264';
  if (codecId === 'V_MPEGH/ISO/HEVC') return 'hevc';
  return 'other';
}

function requireMatroska(docType: string): void {
  if (docType === 'matroska' || docType === 'webm') return;
  throw new DocumentBroken(
    'MATROSKA_DOCTYPE',
    `expected DocType matroska or webm, found ${JSON.stringify(docType.slice(0, 40))}`,
    CORRUPT_HINT,
  );
}

function requireUnsigned(name: string, payload: Uint8Array, minimum: number): number {
  const value = readUnsigned(payload);
  if (value === null || value < minimum)
    throw corrupt(`expected ${name} of at least ${minimum} in at most 8 bytes, found ${value ?? 'more'}`);
  return value;
}

function requireAtMost(name: string, value: number | null, maximum: number): void {
  if (value === null || value > maximum)
    throw corrupt(`expected ${name} of at most ${maximum}, found ${value ?? 'more'}`);
}
