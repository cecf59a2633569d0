/**
 * A media file as the same packets that a camera gives: .mkv through the fragment reader, .mp4 through FFmpeg's demuxer,
 * .jpg and .png as one packet each. `clip` and tests thereby run the worker's own stages.
 * Invariant: a file that cannot be read to its end raises MEDIA_UNREADABLE, after everything before the damage was given.
 */
import { createReadStream } from 'node:fs';
import { open, readFile, stat } from 'node:fs/promises';
import { extname } from 'node:path';
import type { KvsInferError } from '../../core/errors.ts';
import { type FragmentEvent, FragmentReader } from '../demux/fragment-reader.ts';
import type { DecodableCodec, DecodeDevice } from './codec-device.ts';
import type { DecoderOptions, EncodedPacket, Picture } from './decoder.ts';
import { VideoDecoder } from './decoder.ts';
import { mediaUnreadable } from './media-unreadable.ts';
import { mp4Packets } from './mp4-file.ts';

/** Where a frame stands in its file: what its record's id is made of. */
export type FramePlace = { fragmentNumber: string; frameIndex: number };

export type MediaPacket = EncodedPacket<FramePlace> & {
  codec: DecodableCodec;
  codecPrivate: Uint8Array | null;
  context: FramePlace;
};

export type MediaFileOptions = {
  /** Damage inside a .mkv that reading survives. */
  onError?: (error: KvsInferError) => void;
};

export type DecodeMediaFileOptions = MediaFileOptions &
  Omit<DecoderOptions, 'codec' | 'codecPrivate' | 'onError'> & {
    onPicture: (picture: Picture<FramePlace>) => void;
    /** Called at the end, also of a file that is damaged. */
    onDecoding?: (decoding: FileDecoding) => void;
    /** Awaited after every packet: the place to wait for inference, so that pictures do not pile up. */
    afterPacket?: () => Promise<void> | void;
  };

/** How a file was decoded: always whole, because a file has no live edge to keep up with. */
export type FileDecoding = { codec: DecodableCodec; frames: 'all'; device: DecodeDevice; fallback?: string };

type MediaKind = 'matroska' | 'mp4' | 'jpeg' | 'png';

const kindOfExtension: Record<string, MediaKind> = {
  '.mkv': 'matroska',
  '.mp4': 'mp4',
  '.jpg': 'jpeg',
  '.jpeg': 'jpeg',
  '.png': 'png',
};
const nameOfKind: Record<MediaKind, string> = { matroska: 'Matroska', mp4: 'MP4', jpeg: 'JPEG', png: 'PNG' };
/** Enough for every signature below. */
const SIGNATURE_BYTES = 12;
/** A still picture is held in memory whole; cameras' photographs take a few MB. */
const STILL_BYTES_MAX = 100_000_000;
const READ_CHUNK_BYTES = 256 * 1024;

/** @returns the packets of the file's first video track, in decoding order. */
export async function* mediaPackets(path: string, options: MediaFileOptions = {}): AsyncGenerator<MediaPacket> {
  const kind = await mediaKind(path);
  if (kind === 'matroska') yield* matroskaPackets(path, options);
  else if (kind === 'mp4') yield* mp4Packets(path);
  else yield await stillPacket(path, kind);
}

/**
 * Decodes the file's video from beginning to end.
 * @throws KvsInferError MEDIA_UNREADABLE when the file is missing, not what its name says, damaged, or gives no picture.
 */
export async function decodeMediaFile(path: string, options: DecodeMediaFileOptions): Promise<{ pictures: number }> {
  const { onPicture, onDecoding, afterPacket, onError, ...decoding } = options;
  let decoder: VideoDecoder<FramePlace> | null = null;
  try {
    for await (const packet of mediaPackets(path, onError === undefined ? {} : { onError })) {
      const { codec, codecPrivate } = packet;
      const report = onError === undefined ? {} : { onError };
      decoder ??= new VideoDecoder<FramePlace>({ ...decoding, ...report, codec, codecPrivate });
      decoder.useParameters(codec, codecPrivate, onPicture);
      decoder.decode(packet, onPicture);
      await afterPacket?.();
    }
    decoder?.flush(onPicture);
    await afterPacket?.();
    const pictures = decoder?.counts.pictures ?? 0;
    if (pictures === 0) throw mediaUnreadable(path, 'expected at least one picture, none could be decoded');
    return { pictures };
  } finally {
    if (decoder !== null) onDecoding?.({ codec: decoder.codec, frames: 'all', ...decoder.device });
    decoder?.close();
  }
}

/** What the file is, by its content; its name must agree, because a wrong name is a wrong file more often than not. */
async function mediaKind(path: string): Promise<MediaKind> {
  const stats = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    throw mediaUnreadable(path, cause.code === 'ENOENT' ? 'no such file' : cause.message, cause);
  });
  if (stats.isDirectory()) throw mediaUnreadable(path, 'expected a file, found a directory');
  if (!stats.isFile()) throw mediaUnreadable(path, 'expected a regular file');
  const named = kindOfExtension[extname(path).toLowerCase()];
  if (named === undefined) {
    throw mediaUnreadable(path, `expected a name ending in ${Object.keys(kindOfExtension).join(', ')}`);
  }
  if (stats.size === 0) throw mediaUnreadable(path, 'the file is empty');
  const found = kindOfSignature(await firstBytes(path));
  // Damage at the beginning of a capture is survivable: a .mkv without signature is searched for its first fragment.
  if (found === null && named === 'matroska') return 'matroska';
  if (found === null) throw mediaUnreadable(path, `expected ${nameOfKind[named]} content, found something else`);
  if (found !== named)
    throw mediaUnreadable(path, `expected ${nameOfKind[named]} content by its name, found ${nameOfKind[found]}`);
  return found;
}

async function firstBytes(path: string): Promise<Buffer> {
  const file = await open(path).catch((cause: NodeJS.ErrnoException) => {
    throw mediaUnreadable(path, cause.message, cause);
  });
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(SIGNATURE_BYTES), 0, SIGNATURE_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

function kindOfSignature(bytes: Buffer): MediaKind | null {
  const hex = bytes.toString('hex');
  if (hex.startsWith('1a45dfa3')) return 'matroska';
  if (hex.startsWith('ffd8ff')) return 'jpeg';
  if (hex.startsWith('89504e470d0a1a0a')) return 'png';
  return bytes.subarray(4, 8).toString('latin1') === 'ftyp' ? 'mp4' : null;
}

async function stillPacket(path: string, kind: 'jpeg' | 'png'): Promise<MediaPacket> {
  const { size } = await stat(path);
  if (size > STILL_BYTES_MAX) throw mediaUnreadable(path, `expected at most ${STILL_BYTES_MAX} bytes, found ${size}`);
  const data = await readFile(path);
  if (!isWholeStill(data, kind))
    throw mediaUnreadable(path, `expected a whole ${nameOfKind[kind]} file, found a truncated one`);
  const context = { fragmentNumber: '0', frameIndex: 0 };
  const codec = kind === 'jpeg' ? 'mjpeg' : 'png';
  return { codec, codecPrivate: null, context, timestampMs: 0, keyframe: true, data };
}

/** FFmpeg fills what is missing with grey and says nothing; the end marks (JPEG EOI, PNG IEND) do. */
function isWholeStill(data: Buffer, kind: 'jpeg' | 'png'): boolean {
  return kind === 'png' ? data.includes('IEND', 8, 'latin1') : data.lastIndexOf(Buffer.from([0xff, 0xd9])) > 2;
}

async function* matroskaPackets(path: string, options: MediaFileOptions): AsyncGenerator<MediaPacket> {
  let ready: MediaPacket[] = [];
  let videoTrack: number | null = null;
  let otherCodec: string | null = null;
  let damage: KvsInferError | null = null;
  let delivered = 0;
  const onEvent = (event: FragmentEvent): void => {
    if (event.type === 'error') {
      damage ??= event.error;
      options.onError?.(event.error);
    }
    if (event.type !== 'frame' || event.track.kind !== 'video') return;
    const { number, codec, codecId, codecPrivate } = event.track;
    if (codec === 'other') {
      otherCodec = codecId;
      return;
    }
    videoTrack ??= number;
    if (number !== videoTrack) return;
    const context = { fragmentNumber: event.fragmentNumber, frameIndex: event.frameIndex };
    const { timestampMs, keyframe, data } = event;
    ready.push({ codec, codecPrivate, context, timestampMs, keyframe, data });
  };
  const reader = new FragmentReader(onEvent);
  const take = (): MediaPacket[] => {
    const packets = ready;
    ready = [];
    delivered += packets.length;
    return packets;
  };
  for await (const chunk of createReadStream(path, { highWaterMark: READ_CHUNK_BYTES })) {
    reader.push(chunk as Buffer);
    yield* take();
  }
  reader.end();
  yield* take();
  if (delivered > 0) return;
  if (otherCodec !== null) throw mediaUnreadable(path, `expected H.264 or H.265 video, found ${otherCodec}`);
  const cause = damage as KvsInferError | null;
  throw mediaUnreadable(path, cause === null ? 'expected video frames, found none' : cause.message, cause ?? undefined);
}
