/**
 * Turns a decoded frame into what the stages need: RGB inside the detector's input buffer, or full-range I420. swscale
 * writes into a frame of its own that is kept, whose padded rows its SIMD code may overrun, and the rows are copied out.
 * The source's planes are never asked for: each question makes JavaScript buffers of megabytes that live until V8 finds
 * out, and a full collection a second for it (measured: 15 % of the CPU time of a worker with one 1080p camera).
 * Invariant: no byte outside the target is ever written, and every byte inside it is.
 */
import { AV_PIX_FMT_RGB24, AV_PIX_FMT_YUVJ420P, SWS_FAST_BILINEAR } from 'node-av/constants';
import { Frame, SoftwareScaleContext } from 'node-av/lib';
import { KvsInferError } from '../../core/errors.ts';
import { LETTERBOX_GREY, type Letterbox } from './letterbox.ts';

/** Planar 4:2:0 with full-range luma (0..255), rows without padding: Y, then U, then V, each chroma side rounded up. */
export type I420 = { width: number; height: number; data: Uint8Array };

/** Rows begin at whole vectors: the widest that swscale uses have 64 bytes. */
const ROW_ALIGNMENT_BYTES = 64;

type PixelFormat = typeof AV_PIX_FMT_RGB24;

export class PictureScaler {
  #letterbox: KeptScaler | null = null;
  #planar: KeptScaler | null = null;

  letterboxInto(frame: Frame, target: Uint8Array, geometry: Letterbox): void {
    const { inputWidth, inputHeight, width, height, padX, padY } = geometry;
    const rowBytes = inputWidth * 3;
    if (target.length !== rowBytes * inputHeight) {
      const expected = `expected a target of ${rowBytes * inputHeight} bytes for ${inputWidth}×${inputHeight} RGB`;
      throw new KvsInferError('LETTERBOX_TARGET', `${expected}, found ${target.length}`, {
        hint: 'pass one whole slot of the batch',
      });
    }
    if (frame.width !== geometry.sourceWidth || frame.height !== geometry.sourceHeight) {
      const expected = `expected a picture of ${geometry.sourceWidth}×${geometry.sourceHeight}`;
      throw new KvsInferError('LETTERBOX_TARGET', `${expected}, found ${frame.width}×${frame.height}`, {
        hint: "make the geometry from this picture's own size: it may change mid-stream",
      });
    }
    this.#letterbox = scalerFor(this.#letterbox, frame, width, height, AV_PIX_FMT_RGB24 as PixelFormat);
    const [rows] = this.#letterbox.scale(frame);
    const first = padY * rowBytes;
    target.fill(LETTERBOX_GREY, 0, first);
    target.fill(LETTERBOX_GREY, first + height * rowBytes);
    if (rows !== undefined && rows.stride === rowBytes && width === inputWidth) {
      target.set(rows.data.subarray(0, height * rowBytes), first);
      return;
    }
    for (let y = 0; y < height && rows !== undefined; y += 1) {
      const row = first + y * rowBytes;
      target.fill(LETTERBOX_GREY, row, row + padX * 3);
      target.set(rows.data.subarray(y * rows.stride, y * rows.stride + width * 3), row + padX * 3);
      target.fill(LETTERBOX_GREY, row + (padX + width) * 3, row + rowBytes);
    }
  }

  /** In the frame's own size, or another. */
  toI420(frame: Frame, { width, height }: { width: number; height: number } = frame): I420 {
    this.#planar = scalerFor(this.#planar, frame, width, height, AV_PIX_FMT_YUVJ420P as PixelFormat);
    const chromaWidth = (width + 1) >> 1;
    const chromaHeight = (height + 1) >> 1;
    const data = new Uint8Array(width * height + 2 * chromaWidth * chromaHeight);
    let offset = 0;
    for (const [index, plane] of this.#planar.scale(frame).entries()) {
      const [planeWidth, planeHeight] = index === 0 ? [width, height] : [chromaWidth, chromaHeight];
      for (let y = 0; y < planeHeight; y += 1) {
        data.set(plane.data.subarray(y * plane.stride, y * plane.stride + planeWidth), offset);
        offset += planeWidth;
      }
    }
    return { width, height, data };
  }

  close(): void {
    this.#letterbox?.close();
    this.#planar?.close();
    this.#letterbox = null;
    this.#planar = null;
  }
}

type Plane = { data: Buffer; stride: number };

/** swscale for one pair of sizes and formats, and the frame that it writes into. */
class KeptScaler {
  readonly key: string;
  readonly #context = new SoftwareScaleContext();
  readonly #output = new Frame();
  /** Views into the output, valid as long as it is. */
  readonly #planes: Plane[];

  constructor(key: string, source: Frame, width: number, height: number, format: PixelFormat) {
    this.key = key;
    const sourceFormat = source.format as PixelFormat;
    this.#context.getContext(source.width, source.height, sourceFormat, width, height, format, SWS_FAST_BILINEAR);
    this.#output.alloc();
    this.#output.width = width;
    this.#output.height = height;
    this.#output.format = format;
    if (this.#output.getBuffer(ROW_ALIGNMENT_BYTES) < 0) throw refused(source, 'no memory for its output');
    const strides = this.#output.linesize;
    this.#planes = (this.#output.data ?? []).map((data, index) => ({ data, stride: strides[index] ?? 0 }));
  }

  /** @returns the planes of the output, to be copied before the next call. @throws KvsInferError PICTURE_SCALE */
  scale(source: Frame): readonly Plane[] {
    const result = this.#context.scaleFrameSync(this.#output, source);
    if (result < 0) throw refused(source, String(result));
    return this.#planes;
  }

  close(): void {
    this.#context.freeContext();
    this.#output.free();
  }
}

/** The scaler that fits this frame: kept while size and format stay, made anew when the stream changes them. */
function scalerFor(
  current: KeptScaler | null,
  frame: Frame,
  width: number,
  height: number,
  format: PixelFormat,
): KeptScaler {
  const key = `${frame.width}x${frame.height}:${frame.format}>${width}x${height}`;
  if (current?.key === key) return current;
  current?.close();
  return new KeptScaler(key, frame, width, height, format);
}

function refused(frame: Frame, why: string): KvsInferError {
  return new KvsInferError('PICTURE_SCALE', `swscale refused a ${frame.width}×${frame.height} picture (${why})`, {
    hint: 'report the pixel format of this camera',
  });
}
