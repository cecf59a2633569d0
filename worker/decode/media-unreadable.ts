/**
 * The one error for a media file that cannot be used, whatever is wrong with it: scripts match on the code, people read the
 * message. Invariant: the message names the file, what was expected and what was found.
 */
import { KvsInferError } from '../../core/errors.ts';

export function mediaUnreadable(path: string, message: string, cause?: unknown): KvsInferError {
  return new KvsInferError('MEDIA_UNREADABLE', `${path}: ${message}`, {
    hint: 'give a whole .mkv or .mp4 file with H.264 or H.265 video, or a .jpg or .png picture',
    cause,
  });
}
