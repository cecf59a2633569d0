/**
 * The streaming Matroska reader: bytes in, in pieces of any size; tracks, tags, clusters and frames out, as soon as each is
 * whole. It lives on GetMedia connections for hours, so it keeps nothing but the element being read.
 * Invariants: never throws on bytes; the events do not depend on the chunking; memory stays within DemuxLimits; after an
 * error nothing is delivered until the next EBML header, and from there everything is.
 */
import { KvsInferError } from '../../core/errors.ts';
import { type DemuxLimits, defaultDemuxLimits } from './demux-limits.ts';
import { EbmlHeaderSplitter } from './ebml-header-splitter.ts';
import {
  ELEMENT_HEADER_BYTES_MAX,
  type ElementHeader,
  elementIds,
  elementName,
  elementRules,
  globalElements,
  ROOT,
  readElementHeader,
} from './matroska-elements.ts';
import { corrupt, type DemuxEvent, DocumentBroken, limitPassed, SegmentContent } from './segment-content.ts';

export type { DemuxEvent, Track } from './segment-content.ts';

type OpenMaster = { id: number; startsAt: number /** Infinity when the size is unknown. */; endsAt: number };
type OpenLeaf = {
  id: number;
  startsAt: number;
  size: number;
  remaining: number;
  /** False: passed over. */
  collect: boolean;
  /** What came so far, when the content spans chunks. Grows with what came, never to what was merely claimed. */
  gathered: Uint8Array | null;
};

const GATHER_BYTES_MIN = 4096;

const TRUNCATED_HINT = 'the producer or the connection stopped here; reading goes on at the next fragment';

export class MatroskaReader {
  readonly #sink: (event: DemuxEvent) => void;
  readonly #limits: DemuxLimits;
  readonly #splitter: EbmlHeaderSplitter;
  #content: SegmentContent;
  #masters: OpenMaster[] = [];
  #leaf: OpenLeaf | null = null;
  #header = new Uint8Array(ELEMENT_HEADER_BYTES_MAX);
  #headerLength = 0;
  #segmentSeen = false;
  /** Between an error and the next EBML header, and before the first. */
  #lost = true;
  #documents = 0;
  #position = 0;

  constructor(sink: (event: DemuxEvent) => void, limits: Partial<DemuxLimits> = {}) {
    this.#sink = sink;
    this.#limits = { ...defaultDemuxLimits, ...limits };
    this.#content = new SegmentContent(sink, this.#limits);
    this.#splitter = new EbmlHeaderSplitter({
      begin: (atByte) => this.#beginDocument(atByte),
      bytes: (chunk, atByte) => this.#documentBytes(chunk, atByte),
    });
  }

  /** Frames are delivered as views into `chunk` where they can be: do not overwrite it afterwards. */
  push(chunk: Uint8Array): void {
    this.#splitter.push(chunk);
  }

  /** The stream is over: reports what is missing. No bytes at all is not an error: a silent stream sends none. */
  end(): void {
    this.#splitter.end();
    this.#endDocument();
    if (this.#documents === 0 && this.#position > 0) {
      const message = `expected an EBML header, found none in ${this.#position} bytes`;
      this.#report(new KvsInferError('MATROSKA_NOT_FOUND', message, { hint: 'give it Matroska (.mkv) bytes' }), 0);
    }
  }

  #beginDocument(atByte: number): void {
    if (this.#documents === 0 && atByte > 0) {
      this.#report(corrupt(`expected an EBML header at byte 0, found it after ${atByte} other bytes`).report, 0);
    }
    this.#endDocument();
    this.#documents += 1;
    this.#lost = false;
    this.#segmentSeen = false;
    this.#position = atByte;
    this.#content = new SegmentContent(this.#sink, this.#limits);
    this.#sink({ type: 'segment', atByte });
  }

  #documentBytes(chunk: Uint8Array, atByte: number): void {
    this.#position = atByte;
    let offset = 0;
    while (offset < chunk.length && !this.#lost) {
      const startsAt = this.#leaf?.startsAt ?? this.#position - this.#headerLength;
      try {
        const used =
          this.#leaf === null ? this.#headerBytes(chunk, offset) : this.#leafBytes(this.#leaf, chunk, offset);
        offset += used;
      } catch (error) {
        if (!(error instanceof DocumentBroken)) throw error;
        this.#report(error.report, startsAt);
        this.#forget();
      }
    }
    this.#position = atByte + chunk.length;
  }

  /** Reads an element header, over as many chunks as it takes. @returns bytes used. */
  #headerBytes(chunk: Uint8Array, offset: number): number {
    if (this.#headerLength === 0) {
      const whole = readElementHeader(chunk, offset, chunk.length);
      if (whole !== 'incomplete') return this.#openElement(whole, this.#position);
    }
    this.#header[this.#headerLength] = chunk[offset] as number;
    this.#headerLength += 1;
    this.#position += 1;
    const header = readElementHeader(this.#header, 0, this.#headerLength);
    if (header !== 'incomplete') {
      const length = this.#headerLength;
      this.#headerLength = 0;
      this.#openElement(header, this.#position - length);
    }
    return 1;
  }

  #openElement(header: ElementHeader | 'invalid', startsAt: number): number {
    if (header === 'invalid') throw corrupt('expected an element id and size, found neither');
    const { id, size } = header;
    const contentAt = startsAt + header.length;
    const rule = elementRules.get(id);
    this.#closeUnknownSizesFor(id, startsAt);
    const limitAt = this.#innermostEnd();
    if (size !== null && contentAt + size > limitAt) {
      throw corrupt(
        `expected ${elementName(id)} to end within its parent, found ${contentAt + size - limitAt} bytes too many`,
      );
    }
    if (rule?.content === 'master') this.#openMaster(id, startsAt, contentAt, size);
    else {
      if (size === null) throw corrupt(`expected a known size for ${elementName(id)}, found an unknown one`);
      this.#openLeaf(id, startsAt, size, rule?.content ?? 'skip');
    }
    this.#position = contentAt;
    if (this.#leaf?.remaining === 0) this.#finishLeaf(this.#leaf, new Uint8Array(0));
    this.#closeFinished();
    return header.length;
  }

  /** A master of unknown size ends where an element begins that can only stand further up. */
  #closeUnknownSizesFor(id: number, atByte: number): void {
    const rule = elementRules.get(id);
    if (globalElements.has(id)) return;
    for (;;) {
      const parent = this.#masters.at(-1);
      if (rule === undefined) {
        if (parent === undefined) throw corrupt(`expected a Segment, found ${elementName(id)}`);
        return;
      }
      if (rule.parents.includes(parent?.id ?? ROOT)) break;
      if (parent === undefined || parent.endsAt !== Number.POSITIVE_INFINITY) {
        throw corrupt(
          `expected no ${elementName(id)} inside ${parent === undefined ? 'the file itself' : elementName(parent.id)}`,
        );
      }
      this.#masters.pop();
      this.#content.close(parent.id, atByte);
    }
    if (id !== elementIds.segment) return;
    if (this.#segmentSeen) throw corrupt('expected an EBML header before the next Segment, found none');
    this.#segmentSeen = true;
  }

  #openMaster(id: number, startsAt: number, contentAt: number, size: number | null): void {
    if (this.#masters.length >= this.#limits.depth)
      throw corrupt(`expected at most ${this.#limits.depth} levels, found more`);
    if (id === elementIds.cluster && size !== null && size > this.#limits.fragmentBytes)
      throw this.#clusterTooLarge(size);
    this.#masters.push({ id, startsAt, endsAt: size === null ? Number.POSITIVE_INFINITY : contentAt + size });
    this.#content.open(id);
  }

  #openLeaf(id: number, startsAt: number, size: number, content: 'value' | 'frame' | 'skip'): void {
    const cluster = this.#masters.findLast((master) => master.id === elementIds.cluster);
    if (cluster !== undefined && startsAt + size - cluster.startsAt > this.#limits.fragmentBytes) {
      throw this.#clusterTooLarge(startsAt + size - cluster.startsAt);
    }
    const { codecPrivateBytes } = this.#limits;
    if (id === elementIds.codecPrivate && size > codecPrivateBytes) {
      throw limitPassed(`expected CodecPrivate of at most ${codecPrivateBytes} bytes, found ${size}`);
    }
    const tooLong = content === 'value' && id !== elementIds.codecPrivate && size > this.#limits.valueBytes;
    const collect = content !== 'skip' && !tooLong;
    if (!collect) this.#content.skipped(id);
    this.#leaf = { id, startsAt, size, remaining: size, collect, gathered: null };
  }

  #clusterTooLarge(bytes: number): DocumentBroken {
    return limitPassed(`expected a fragment of at most ${this.#limits.fragmentBytes} bytes, found ${bytes}`);
  }

  #leafBytes(leaf: OpenLeaf, chunk: Uint8Array, offset: number): number {
    const used = Math.min(leaf.remaining, chunk.length - offset);
    const piece = chunk.subarray(offset, offset + used);
    const filled = leaf.size - leaf.remaining;
    leaf.remaining -= used;
    this.#position += used;
    if (leaf.collect && used === leaf.size) {
      this.#finishLeaf(leaf, piece);
    } else {
      if (leaf.collect) leaf.gathered = gather(leaf.gathered, filled, piece, leaf.size);
      if (leaf.remaining === 0) this.#finishLeaf(leaf, leaf.gathered ?? piece);
    }
    if (leaf.remaining === 0) this.#closeFinished();
    return used;
  }

  #finishLeaf(leaf: OpenLeaf, payload: Uint8Array): void {
    this.#leaf = null;
    if (leaf.collect) this.#content.value(leaf.id, payload, leaf.startsAt);
  }

  #closeFinished(): void {
    for (let master = this.#masters.at(-1); master?.endsAt === this.#position; master = this.#masters.at(-1)) {
      this.#masters.pop();
      this.#content.close(master.id, master.startsAt);
    }
  }

  #innermostEnd(): number {
    return (
      this.#masters.findLast((master) => master.endsAt !== Number.POSITIVE_INFINITY)?.endsAt ?? Number.POSITIVE_INFINITY
    );
  }

  #endDocument(): void {
    if (!this.#lost) {
      const missing = this.#missing();
      if (missing === null) this.#closeUnknownSizes();
      else this.#report(missing.error, missing.atByte);
    }
    this.#forget();
  }

  #closeUnknownSizes(): void {
    try {
      for (const master of this.#masters.toReversed()) this.#content.close(master.id, master.startsAt);
    } catch (error) {
      if (!(error instanceof DocumentBroken)) throw error;
      this.#report(error.report, this.#position);
    }
  }

  #missing(): { error: KvsInferError; atByte: number } | null {
    const truncated = (what: string, atByte: number) => {
      return { error: new KvsInferError('MATROSKA_TRUNCATED', what, { hint: TRUNCATED_HINT }), atByte };
    };
    if (this.#leaf !== null) {
      const { id, size, remaining, startsAt } = this.#leaf;
      return truncated(`expected ${size} bytes of ${elementName(id)}, found ${size - remaining}`, startsAt);
    }
    if (this.#headerLength > 0) {
      return truncated('expected an element id and size, found a part of them', this.#position - this.#headerLength);
    }
    const master = this.#masters.findLast((open) => open.endsAt !== Number.POSITIVE_INFINITY);
    if (master === undefined) return null;
    return truncated(
      `expected ${master.endsAt - this.#position} more bytes of ${elementName(master.id)}, found none`,
      master.startsAt,
    );
  }

  #report(error: KvsInferError, atByte: number): void {
    this.#sink({ type: 'error', error, atByte, documentLost: true });
  }

  #forget(): void {
    this.#lost = true;
    this.#leaf = null;
    this.#masters = [];
    this.#headerLength = 0;
  }
}

/** Appends `piece` at `filled`, doubling the room as needed, up to exactly `size`. */
function gather(room: Uint8Array | null, filled: number, piece: Uint8Array, size: number): Uint8Array {
  const needed = filled + piece.length;
  let grown = room;
  if (grown === null || grown.length < needed) {
    grown = new Uint8Array(Math.min(size, Math.max(GATHER_BYTES_MIN, needed, (room?.length ?? 0) * 2)));
    if (room !== null) grown.set(room.subarray(0, filled));
  }
  grown.set(piece, filled);
  return grown;
}
