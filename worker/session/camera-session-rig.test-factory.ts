/**
 * A camera's session over scripted media, on a clock that tests step; its detector gives every frame back.
 * Invariant: a test ends all sessions that it began with `endSessions`.
 */
import type { KvsInferError } from '../../core/errors.ts';
import { SteppedClock } from '../../local/clock.ts';
import { CameraSession } from './camera-session.ts';
import type { CameraIntakeSettings, IntakeFrame } from './messages.ts';
import { clipIntake, MEDIA_START_MS, ScriptedMedia } from './scripted-media.test-factory.ts';
import { Turns } from './turns.ts';

const sessions: CameraSession[] = [];

export async function endSessions(): Promise<void> {
  for (const session of sessions.splice(0)) await session.stop();
}

/** Lets promises and the turns of the event loop run that were set off. */
export async function settle() {
  for (let round = 0; round < 6; round += 1) await new Promise((resolve) => setImmediate(resolve));
}

export function rig(
  settings: Partial<CameraIntakeSettings> = {},
  refusals: KvsInferError[] = [],
  detectorMs = 0,
  busyShare = 0,
) {
  const clock = new SteppedClock(MEDIA_START_MS);
  const media = new ScriptedMedia();
  media.refusals.push(...refusals);
  const frames: IntakeFrame[] = [];
  const subject = new CameraSession(
    { ...clipIntake, ...settings },
    { media, clock, random: () => 0.5, turns: new Turns(), busyShare: () => busyShare },
    (frame, buffer) => {
      frames.push(frame);
      // As the detector would: the frame comes back after a while.
      const settled = () => subject.intake.settled('inferred', buffer);
      if (detectorMs === 0) setImmediate(settled);
      else clock.setTimer(detectorMs, settled);
    },
  );
  sessions.push(subject);
  const step = async (milliseconds: number) => {
    for (let left = milliseconds; left > 0; left -= 100) {
      await clock.step(Math.min(left, 100), settle);
      if (left % 1_000 === 0) subject.tick();
    }
    await settle();
  };
  const names = () => frames.map(({ fragmentNumber, frameIndex }) => `${fragmentNumber}/${frameIndex}`);
  /** Sends frame by frame, so that none gives way to a newer one. */
  const send = async (bytes: Uint8Array) => {
    for (let offset = 0; offset < bytes.length; offset += 100) {
      media.current.send(bytes.subarray(offset, offset + 100));
      await settle();
    }
  };
  const isBalanced = () => {
    const { captured, inferred, dropped, outstanding } = subject.intake.ledger.counts();
    return captured === inferred + outstanding + Object.values(dropped).reduce((sum, count) => sum + count, 0);
  };
  return { clock, media, frames, subject, step, names, send, isBalanced };
}
