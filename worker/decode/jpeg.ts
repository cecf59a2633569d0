/**
 * Snapshots: full-range I420 in, JPEG out, by FFmpeg's MJPEG encoder (half the time of sharp). Boxes and labels are drawn
 * into a copy of the pixels first, after scaling, so that letters stay legible.
 * Invariant: the picture that was passed in stays as it was; the JPEG is never larger than `bytesMax`: quality is lowered
 * as far as pictures are of use, then their size.
 */
import {
  AV_CODEC_FLAG_QSCALE,
  AV_PIX_FMT_YUVJ420P,
  AVCOL_RANGE_JPEG,
  FF_QP2LAMBDA,
  type FFEncoderCodec,
} from 'node-av/constants';
import { Codec, CodecContext, Frame, Packet, Rational } from 'node-av/lib';
import { KvsInferError } from '../../core/errors.ts';
import { drawBoxes, type LabelledBox } from './draw-boxes.ts';
import { type I420, PictureScaler } from './picture-scaler.ts';

export type JpegOptions = {
  /** 1 (smallest) to 100 (best). Default 80. */
  quality?: number;
  boxes?: readonly LabelledBox[];
  /** Quality, then size, is lowered until the file fits. Default 4 MB: a busy 4K picture at quality 80. */
  bytesMax?: number;
};

const QUALITY_DEFAULT = 80;
const BYTES_MAX_DEFAULT = 4_000_000;
/** MJPEG's quantiser scale: 2 is the finest that the encoder recommends, 31 the coarsest. */
const SCALE_FINEST = 2;
const SCALE_COARSEST = 31;
/** From here on blocks hide more than pixels that are not there: a smaller picture shows more in the same bytes. */
const SCALE_COARSEST_USEFUL = 16;
/** A picture with a shorter side than this shows nobody anything. */
const SIDE_PIXELS_USEFUL_MIN = 64;
/** JPEG's own limit for a side. */
const SIDE_PIXELS_MAX = 65_500;

export type EncodedJpeg = { jpeg: Buffer; width: number; height: number };

/** @throws KvsInferError JPEG_FAILED for sizes that JPEG cannot hold or a limit that no useful picture meets. */
export function encodeJpeg(picture: I420, options: JpegOptions = {}): EncodedJpeg {
  const { quality = QUALITY_DEFAULT, boxes = [], bytesMax = BYTES_MAX_DEFAULT } = options;
  requirePicture(picture);
  let scale = scaleOfQuality(quality);
  const coarsest = Math.max(scale, SCALE_COARSEST_USEFUL);
  let sized = picture;
  let drawn = withBoxes(sized, boxes);
  for (;;) {
    const jpeg = encodeAt(drawn, scale);
    const { width, height } = drawn;
    if (jpeg.length <= bytesMax) return { jpeg, width, height };
    if (scale < coarsest) {
      // Each step takes about a third off; few steps reach the coarsest.
      scale = Math.min(coarsest, Math.ceil(scale * 1.6));
      continue;
    }
    // Bytes go down with the area, a little slower. Never more than half a side at once, nor less than a tenth.
    const factor = Math.min(0.9, Math.max(0.5, Math.sqrt(bytesMax / jpeg.length)));
    const [smallerWidth, smallerHeight] = [Math.floor(width * factor), Math.floor(height * factor)];
    if (Math.min(smallerWidth, smallerHeight) < SIDE_PIXELS_USEFUL_MIN) {
      throw failed(`expected a JPEG of at most ${bytesMax} bytes, found ${jpeg.length} at ${width}×${height} pixels`);
    }
    sized = scaled(picture, smallerWidth, smallerHeight);
    drawn = withBoxes(sized, boxes);
  }
}

function withBoxes(picture: I420, boxes: readonly LabelledBox[]): I420 {
  if (boxes.length === 0) return picture;
  const drawn = { ...picture, data: picture.data.slice() };
  drawBoxes(drawn, boxes);
  return drawn;
}

/** From the original each time: scaling twice blurs. */
function scaled(picture: I420, width: number, height: number): I420 {
  const scaler = new PictureScaler();
  const frame = frameOf(picture);
  try {
    return scaler.toI420(frame, { width, height });
  } finally {
    frame.free();
    scaler.close();
  }
}

function frameOf({ width, height, data }: I420): Frame {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const timing = { pts: 0n, timeBase: { num: 1, den: 1 } };
  const frame = Frame.fromVideoBuffer(bytes, { width, height, format: AV_PIX_FMT_YUVJ420P, ...timing });
  frame.colorRange = AVCOL_RANGE_JPEG;
  return frame;
}

function scaleOfQuality(quality: number): number {
  const clamped = Math.min(100, Math.max(1, quality));
  return Math.round(SCALE_FINEST + ((100 - clamped) / 99) * (SCALE_COARSEST - SCALE_FINEST));
}

function requirePicture({ width, height, data }: I420): void {
  const chroma = ((width + 1) >> 1) * ((height + 1) >> 1);
  if (!(width >= 1 && height >= 1 && width <= SIDE_PIXELS_MAX && height <= SIDE_PIXELS_MAX)) {
    throw failed(`expected sides of 1 to ${SIDE_PIXELS_MAX} pixels, found ${width}×${height}`);
  }
  if (data.length !== width * height + 2 * chroma) {
    throw failed(`expected ${width * height + 2 * chroma} bytes of I420 for ${width}×${height}, found ${data.length}`);
  }
}

function encodeAt(picture: I420, scale: number): Buffer {
  const codec = Codec.findEncoderByName('mjpeg' as FFEncoderCodec);
  if (codec === null) throw failed('expected an MJPEG encoder, found none in this build of FFmpeg');
  const context = new CodecContext();
  const packet = new Packet();
  let frame: Frame | null = null;
  try {
    context.allocContext3(codec);
    context.width = picture.width;
    context.height = picture.height;
    context.pixelFormat = AV_PIX_FMT_YUVJ420P;
    context.colorRange = AVCOL_RANGE_JPEG;
    context.timeBase = new Rational(1, 1);
    context.setFlags(AV_CODEC_FLAG_QSCALE);
    context.globalQuality = scale * FF_QP2LAMBDA;
    context.qMin = scale;
    context.qMax = scale;
    context.threadCount = 1;
    const opened = context.open2Sync(codec, null);
    if (opened < 0) throw failed(`the MJPEG encoder refused ${picture.width}×${picture.height} (${opened})`);
    frame = frameOf(picture);
    frame.quality = scale * FF_QP2LAMBDA;
    packet.alloc();
    const sent = context.sendFrameSync(frame);
    const received = sent < 0 ? sent : context.receivePacketSync(packet);
    if (received < 0 || packet.data === null) throw failed(`the MJPEG encoder gave no picture (${received})`);
    return Buffer.from(packet.data);
  } finally {
    packet.free();
    frame?.free();
    context.freeContext();
  }
}

function failed(message: string): KvsInferError {
  return new KvsInferError('JPEG_FAILED', message, { hint: 'raise the limit or send a smaller picture' });
}
