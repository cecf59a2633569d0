/**
 * Removes `aws-chunked` framing (`<hex size>[;chunk-signature=…]\r\n<data>\r\n` … `0\r\n<trailers>\r\n\r\n`), which SDKs and
 * the CLI put around S3 bodies that they sign or checksum while streaming. Without this, the framing would be stored.
 * Invariant: memory stays at one header line plus the chunk being passed on; a malformed frame is an error, never data.
 */
import { Transform, type TransformCallback } from 'node:stream';
import { AwsError } from './aws-error.ts';

/** A size line holds at most 16 hex digits and a signature of 64; more is not this framing. */
const HEADER_BYTES_MAX = 4096;
/** S3 trailers are a checksum and a signature. */
const TRAILER_BYTES_MAX = 16_384;

type Expect = 'header' | 'data' | 'data-end' | 'trailer' | 'done';

export class AwsChunkedDecoder extends Transform {
  /** Trailing headers, lower-case, e.g. `x-amz-checksum-crc32`; complete when the stream ends. */
  readonly trailers: Record<string, string> = {};
  #expect: Expect = 'header';
  #line = Buffer.alloc(0);
  #chunkBytesLeft = 0;
  #trailerBytes = 0;

  override _transform(chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
    try {
      this.#consume(chunk);
      callback();
    } catch (error) {
      callback(error as Error);
    }
  }

  override _flush(callback: TransformCallback): void {
    const complete = this.#expect === 'done' || this.#expect === 'trailer';
    callback(
      complete ? null : new AwsError(400, 'IncompleteBody', 'The aws-chunked body ended before its last chunk.'),
    );
  }

  #consume(input: Buffer): void {
    let rest = input;
    while (rest.length > 0 && this.#expect !== 'done') {
      if (this.#expect === 'data') {
        const taken = Math.min(rest.length, this.#chunkBytesLeft);
        this.push(rest.subarray(0, taken));
        this.#chunkBytesLeft -= taken;
        rest = rest.subarray(taken);
        if (this.#chunkBytesLeft === 0) this.#expect = 'data-end';
        continue;
      }
      const newline = rest.indexOf(0x0a);
      const end = newline < 0 ? rest.length : newline + 1;
      this.#line = Buffer.concat([this.#line, rest.subarray(0, end)]);
      rest = rest.subarray(end);
      if (this.#line.length > HEADER_BYTES_MAX) throw malformed('a frame line is too long');
      if (newline < 0) return;
      const line = this.#line.toString('latin1').replace(/\r?\n$/, '');
      this.#line = Buffer.alloc(0);
      this.#takeLine(line);
    }
  }

  #takeLine(line: string): void {
    if (this.#expect === 'data-end') {
      if (line !== '') throw malformed('a chunk is longer than its size line said');
      this.#expect = 'header';
    } else if (this.#expect === 'header') {
      const size = /^([0-9a-fA-F]{1,12})(?:;.*)?$/.exec(line)?.[1];
      if (size === undefined) throw malformed('expected a chunk size in hexadecimal');
      this.#chunkBytesLeft = Number.parseInt(size, 16);
      this.#expect = this.#chunkBytesLeft === 0 ? 'trailer' : 'data';
    } else {
      this.#trailerBytes += line.length;
      if (this.#trailerBytes > TRAILER_BYTES_MAX) throw malformed('the trailers are too long');
      const colon = line.indexOf(':');
      if (line === '') this.#expect = 'done';
      else if (colon > 0) this.trailers[line.slice(0, colon).trim().toLowerCase()] = line.slice(colon + 1).trim();
    }
  }
}

function malformed(what: string): AwsError {
  return new AwsError(400, 'InvalidRequest', `The aws-chunked body is malformed: ${what}.`);
}
