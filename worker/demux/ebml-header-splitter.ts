/**
 * Cuts a byte stream into documents, each beginning with an EBML header, whatever the bytes in between are worth. KVS
 * sends one document per fragment, so this is where reading resumes after corruption: a broken size can never swallow the
 * next fragment, because its header ends the broken document before any size is believed.
 * Invariant: the cuts depend on the bytes alone, never on how they were chunked; at most one header's bytes are held back.
 */
import { elementIds, globalElements, readElementHeader } from './matroska-elements.ts';

/** Real headers take 36 to 60 bytes; 1 KiB leaves room for Void padding. */
const EBML_HEADER_BYTES_MAX = 1024;

const magic = Buffer.from([0x1a, 0x45, 0xdf, 0xa3]);

/** EBMLVersion, EBMLReadVersion, the two length limits, DocType with its versions, DocTypeExtension. */
const headerChildren: ReadonlySet<number> = new Set([
  0x4286,
  0x42f7,
  elementIds.maxIdLength,
  elementIds.maxSizeLength,
  elementIds.docType,
  0x4287,
  0x4285,
  0x4281,
  ...globalElements,
]);

export type DocumentSink = {
  /** A document begins at this byte of the stream; its header's bytes follow through `bytes`. */
  begin(atByte: number): void;
  /** Bytes of the current document, or of what precedes the first. A view: copy what must outlive the input chunk. */
  bytes(chunk: Uint8Array, atByte: number): void;
};

export class EbmlHeaderSplitter {
  readonly #sink: DocumentSink;
  #held: Buffer = Buffer.alloc(0);
  /** Stream offset of the first held byte. */
  #position = 0;

  constructor(sink: DocumentSink) {
    this.#sink = sink;
  }

  push(chunk: Uint8Array): void {
    const view = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const data = this.#held.length === 0 ? view : Buffer.concat([this.#held, view]);
    let from = 0;
    let search = 0;
    for (;;) {
      const at = data.indexOf(magic, search);
      if (at < 0) break;
      const length = headerLengthAt(data, at);
      if (length === 'not-a-header') {
        search = at + 1;
        continue;
      }
      this.#deliver(data, from, at);
      if (length === 'incomplete') {
        this.#hold(data, at);
        return;
      }
      this.#sink.begin(this.#position + at);
      this.#deliver(data, at, at + length);
      from = at + length;
      search = from;
    }
    const tail = Math.max(from, data.length - magicPrefixAtEnd(data));
    this.#deliver(data, from, tail);
    this.#hold(data, tail);
  }

  /** The stream ended: what was held back can no longer become a header. */
  end(): void {
    const data = this.#held;
    this.#deliver(data, 0, data.length);
    this.#hold(data, data.length);
  }

  #deliver(data: Buffer, from: number, to: number): void {
    if (to > from) this.#sink.bytes(data.subarray(from, to), this.#position + from);
  }

  #hold(data: Buffer, from: number): void {
    this.#position += from;
    this.#held = from === data.length ? Buffer.alloc(0) : Buffer.from(data.subarray(from));
  }
}

/**
 * A header counts only when known children fill it exactly: four magic bytes alone do occur inside video. And no other
 * header may begin inside it or across its end: then this one was cut short, and the other is the one to keep.
 */
function headerLengthAt(data: Buffer, at: number): number | 'incomplete' | 'not-a-header' {
  const header = readElementHeader(data, at, data.length);
  if (header === 'incomplete') return 'incomplete';
  if (header === 'invalid' || header.size === null || header.size > EBML_HEADER_BYTES_MAX) return 'not-a-header';
  const end = at + header.length + header.size;
  const needed = end + magic.length - 1;
  if (data.subarray(at + 1, needed).includes(magic)) return 'not-a-header';
  let offset = at + header.length;
  while (offset < end) {
    const child = readElementHeader(data, offset, Math.min(end, data.length));
    if (child === 'incomplete') return data.length < end ? 'incomplete' : 'not-a-header';
    if (child === 'invalid' || child.size === null || !headerChildren.has(child.id)) return 'not-a-header';
    offset += child.length + child.size;
    if (offset > end) return 'not-a-header';
  }
  return needed > data.length ? 'incomplete' : end - at;
}

function magicPrefixAtEnd(data: Uint8Array): number {
  for (let length = Math.min(magic.length - 1, data.length); length > 0; length -= 1) {
    let matches = true;
    for (let index = 0; index < length && matches; index += 1) {
      matches = data[data.length - length + index] === magic[index];
    }
    if (matches) return length;
  }
  return 0;
}
