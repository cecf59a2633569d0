/**
 * Real encoded media through the reader, the frame choice, the decoder and the letterbox of one camera, with a detector that
 * answers at once: what arrives there, what is said to be wrong, and whether the books balance.
 * Invariant: the model's input has the size of the clips, so that a test can tell by the pixels which picture it sees.
 */
import {
  type MatroskaTrack,
  openCluster,
  segmentHeader,
  simpleBlock,
  tagsElement,
} from '../../local/kinesisvideo/matroska-writer.ts';
import type { EncodedClip } from '../decode/encoded-clip.test-factory.ts';
import { type FragmentEvent, FragmentReader } from '../demux/fragment-reader.ts';
import { CameraIntake } from './camera-intake.ts';
import type { FrameCounts } from './frame-ledger.ts';
import type { CameraIntakeSettings, IntakeFrame } from './messages.ts';
import { clipIntake, MEDIA_START_MS } from './scripted-media.test-factory.ts';

export const clipSize = { width: 320, height: 192 };

export type Block = { track?: number; offsetMs: number; keyframe: boolean; data: Uint8Array };

export function videoTrack(clip: EncodedClip, more: Partial<MatroskaTrack> = {}): MatroskaTrack {
  const codecId = clip.codec === 'h264' ? 'V_MPEG4/ISO/AVC' : 'V_MPEGH/ISO/HEVC';
  return { number: 1, kind: 'video', codecId, ...clipSize, codecPrivate: clip.codecPrivate, ...more };
}

export function clipBlocks(clip: EncodedClip): Block[] {
  return clip.packets.map(({ timestampMs, keyframe, data }) => ({ offsetMs: timestampMs, keyframe, data }));
}

/** A fragment as GetMedia sends it; `tags: null` leaves them out. */
export function fragmentOf(
  index: number,
  tracks: MatroskaTrack[],
  blocks: Block[],
  given: { startMs?: number; producerTimestamp?: string; tags?: null } = {},
): Buffer {
  const startMs = given.startMs ?? MEDIA_START_MS + 1_000 * index;
  const before = tagsElement([
    ['AWS_KINESISVIDEO_FRAGMENT_NUMBER', String(1_000 + index)],
    ['AWS_KINESISVIDEO_SERVER_TIMESTAMP', (MEDIA_START_MS / 1_000 + index).toFixed(3)],
    ['AWS_KINESISVIDEO_PRODUCER_TIMESTAMP', given.producerTimestamp ?? (startMs / 1_000).toFixed(3)],
  ]);
  const after = tagsElement([['AWS_KINESISVIDEO_CONTINUATION_TOKEN', String(1_000 + index)]]);
  return Buffer.concat([
    segmentHeader(tracks),
    ...(given.tags === null ? [] : [before]),
    openCluster(Math.max(0, startMs)),
    ...blocks.map(({ track = 1, offsetMs, keyframe, data }) => simpleBlock(track, offsetMs, keyframe, data)),
    ...(given.tags === null ? [] : [after]),
  ]);
}

export type SeenFrame = Pick<IntakeFrame, 'fragmentNumber' | 'frameIndex' | 'capturedAtMs' | 'width' | 'height'> & {
  /** Column where the bright square begins; -1 when there is none. */
  squareLeft: number;
};

export function readingCamera(settings: Partial<CameraIntakeSettings> = {}) {
  const seen: SeenFrame[] = [];
  const faults: Record<string, number> = {};
  const messages: string[] = [];
  const input = { ...clipSize, padding: 'around' as const };
  const intake: CameraIntake = new CameraIntake(
    { ...clipIntake, fps: 25, input, ...settings },
    {
      nowMs: () => MEDIA_START_MS,
      monotonicMs: () => 0,
      sendFrame: ({ fragmentNumber, frameIndex, capturedAtMs, width, height }, buffer) => {
        const squareLeft = brightFrom(new Uint8Array(buffer));
        seen.push({ fragmentNumber, frameIndex, capturedAtMs, width, height, squareLeft });
        intake.settled('inferred', buffer);
      },
      mediaFault: (code, message) => {
        faults[code] = (faults[code] ?? 0) + 1;
        messages.push(message);
      },
    },
  );
  const events: FragmentEvent[] = [];
  const reader = new FragmentReader((event) => events.push(event));
  return {
    intake,
    seen,
    faults,
    messages,
    /** Reads all of it in pieces of this size. */
    async read(bytes: Uint8Array, chunkBytes = 4_096) {
      for (let at = 0; at < bytes.length; at += chunkBytes) {
        reader.push(bytes.subarray(at, at + chunkBytes));
        for (const event of events.splice(0)) {
          intake.event(event);
          await null;
        }
      }
    },
    /** Takes out what the decoder holds back. @returns the books, which must balance. */
    async end(): Promise<FrameCounts> {
      intake.sessionStarted();
      for (let turn = 0; turn < 8; turn += 1) await null;
      intake.stop();
      await null;
      const counts = intake.ledger.counts();
      const dropped = Object.values(counts.dropped).reduce((sum, count) => sum + count, 0);
      if (counts.captured !== counts.inferred + dropped) throw new Error(`unbalanced: ${JSON.stringify(counts)}`);
      intake.release();
      return counts;
    },
  };
}

/** In the picture's ninth row, where the square of drawnPicture is. */
function brightFrom(rgb: Uint8Array): number {
  for (let x = 0; x < clipSize.width; x += 1) if ((rgb[3 * (8 * clipSize.width + x)] ?? 0) > 200) return x;
  return -1;
}
