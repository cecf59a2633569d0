/**
 * Turns a decoded frame into what the stages need: RGB inside the detector's input buffer, or full-range I420. swscale
 * writes straight into the caller's buffer where its row layout allows; otherwise through a padded scratch buffer, because
 * swscale's SIMD rows may run some bytes past their end.
 * Invariant: no byte outside the target is ever written, and every byte inside it is.
 */
import { AV_PIX_FMT_RGB24, AV_PIX_FMT_YUVJ420P, SWS_FAST_BILINEAR } from 'node-av/constants';
import { type Frame, SoftwareScaleContext } from 'node-av/lib';
import { KvsInferError } from '../../core/errors.ts';
import { LETTERBOX_GREY, type Letterbox } from './letterbox.ts';

/** Planar 4:2:0 with full-range luma (0..255), rows without padding: Y, then U, then V, each chroma side rounded up. */
export type I420 = { width: number; height: number; data: Uint8Array };

/** Rows of whole 64-byte vectors cannot be overrun: the widest vectors swscale uses. */
const ROW_ALIGNMENT_BYTES = 64;

type PixelFormat = typeof AV_PIX_FMT_RGB24;
type Scaler = { key: string; context: SoftwareScaleContext };

export class PictureScaler {
  #letterbox: Scaler | null = null;
  #planar: Scaler | null = null;
  #scratch = Buffer.alloc(0);

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
    const first = padY * rowBytes;
    const end = first + height * rowBytes;
    target.fill(LETTERBOX_GREY, 0, first);
    target.fill(LETTERBOX_GREY, end);
    if (width === inputWidth && rowBytes % ROW_ALIGNMENT_BYTES === 0) {
      const rows = Buffer.from(target.buffer, target.byteOffset + first, height * rowBytes);
      runScaler(this.#letterbox.context, frame, [rows], [rowBytes]);
      return;
    }
    const stride = alignedRow(width * 3);
    const rows = this.#scratchOf(stride * height);
    runScaler(this.#letterbox.context, frame, [rows], [stride]);
    for (let y = 0; y < height; y += 1) {
      const row = first + y * rowBytes;
      target.fill(LETTERBOX_GREY, row, row + padX * 3);
      target.set(rows.subarray(y * stride, y * stride + width * 3), row + padX * 3);
      target.fill(LETTERBOX_GREY, row + (padX + width) * 3, row + rowBytes);
    }
  }

  toI420(frame: Frame): I420 {
    const { width, height } = frame;
    const chromaWidth = (width + 1) >> 1;
    const chromaHeight = (height + 1) >> 1;
    const data = new Uint8Array(width * height + 2 * chromaWidth * chromaHeight);
    const sizes = [
      [width, height],
      [chromaWidth, chromaHeight],
      [chromaWidth, chromaHeight],
    ] as const;
    let planes: Buffer[];
    let strides: number[];
    if (frame.format === AV_PIX_FMT_YUVJ420P) {
      planes = frame.data ?? [];
      strides = frame.linesize;
    } else {
      this.#planar = scalerFor(this.#planar, frame, width, height, AV_PIX_FMT_YUVJ420P as PixelFormat);
      strides = sizes.map(([planeWidth]) => alignedRow(planeWidth));
      const bytes = sizes.map(([, planeHeight], index) => (strides[index] as number) * planeHeight);
      const scratch = this.#scratchOf(bytes.reduce((sum, size) => sum + size, 0));
      planes = [];
      let planeAt = 0;
      for (const size of bytes) {
        planes.push(scratch.subarray(planeAt, planeAt + size));
        planeAt += size;
      }
      runScaler(this.#planar.context, frame, planes, strides);
    }
    let offset = 0;
    for (const [index, [planeWidth, planeHeight]] of sizes.entries()) {
      const plane = planes[index] as Buffer;
      const stride = strides[index] as number;
      for (let y = 0; y < planeHeight; y += 1) {
        data.set(plane.subarray(y * stride, y * stride + planeWidth), offset);
        offset += planeWidth;
      }
    }
    return { width, height, data };
  }

  close(): void {
    this.#letterbox?.context.freeContext();
    this.#planar?.context.freeContext();
    this.#letterbox = null;
    this.#planar = null;
  }

  #scratchOf(bytes: number): Buffer {
    if (this.#scratch.length < bytes + ROW_ALIGNMENT_BYTES) this.#scratch = Buffer.alloc(bytes + ROW_ALIGNMENT_BYTES);
    return this.#scratch;
  }
}

function alignedRow(bytes: number): number {
  return Math.ceil(bytes / ROW_ALIGNMENT_BYTES) * ROW_ALIGNMENT_BYTES;
}

/** The scaler that fits this frame: kept while size and format stay, made anew when the stream changes them. */
function scalerFor(current: Scaler | null, frame: Frame, width: number, height: number, format: PixelFormat): Scaler {
  const key = `${frame.width}x${frame.height}:${frame.format}>${width}x${height}`;
  if (current?.key === key) return current;
  current?.context.freeContext();
  const context = new SoftwareScaleContext();
  context.getContext(frame.width, frame.height, frame.format as PixelFormat, width, height, format, SWS_FAST_BILINEAR);
  return { key, context };
}

function runScaler(context: SoftwareScaleContext, frame: Frame, planes: Buffer[], strides: number[]): void {
  // The views in frame.data die with the frame: they are taken here and used at once.
  const result = context.scaleSync(frame.data ?? [], frame.linesize, 0, frame.height, planes, strides);
  if (result >= 0) return;
  throw new KvsInferError('PICTURE_SCALE', `swscale refused a ${frame.width}×${frame.height} picture (${result})`, {
    hint: 'report the pixel format of this camera',
  });
}
