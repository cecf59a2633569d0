/**
 * The decode side of a MessagePort: owns cameras from GetMedia to letterboxed frames. Runs in a thread of its own in
 * production and on the caller's thread under a stepped clock; it cannot tell the difference.
 * Invariant: what a message asks of an unknown run is answered as if that run had nothing, never with an error.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { MessagePort } from 'node:worker_threads';
import { encodeJpeg } from '../decode/jpeg.ts';
import type { I420 } from '../decode/picture-scaler.ts';
import { laplacianVariance, sharpnessOf } from '../decode/sharpness.ts';
import { DecodePace } from '../pace/decode-pace.ts';
import { cutOut } from '../text/grey-picture.ts';
import { CameraSession, type SessionDependencies } from './camera-session.ts';
import type {
  CameraRun,
  FromDecodeHost,
  IntakeReport,
  SnapshotAnswer,
  SnapshotWish,
  StandbyState,
  ToDecodeHost,
} from './messages.ts';
import { StandbyMedia } from './standby-media.ts';
import { Turns } from './turns.ts';

const reportIntervalMs = 1_000;
/** Quality of snapshots, 1..100. */
const jpegQuality = 85;

export type HostPort = Pick<MessagePort, 'postMessage' | 'on'>;
type RunningCamera = { session: CameraSession; isStopping: boolean };

export type DecodeHostOptions = Omit<SessionDependencies, 'turns' | 'busyShare'> & {
  /** Time in which this thread had work, since any moment. */
  busyMs: () => number;
};

export function runDecodeHost(port: HostPort, options: DecodeHostOptions, onClosed: () => void): void {
  const pace = new DecodePace(options.clock.monotonicMs(), options.busyMs());
  const dependencies = { ...options, turns: new Turns(), busyShare: () => pace.busyShare };
  const cameras = new Map<CameraRun, RunningCamera>();
  const standbys = new Map<CameraRun, StandbyMedia>();
  const loopDelay = monitorEventLoopDelay({ resolution: 10 });
  loopDelay.enable();
  let eventLoopDelayP99Ms = 0;
  let cancelTick = () => {};
  let isClosed = false;
  const post = (message: FromDecodeHost, transfer: ArrayBuffer[] = []) => {
    if (!isClosed) port.postMessage(message, transfer);
  };

  const tick = () => {
    const reports: Record<CameraRun, IntakeReport> = {};
    const works = new Map([...cameras].map(([run, { session }]) => [run, session.decoded()]));
    const shares = pace.tick(options.clock.monotonicMs(), options.busyMs(), works);
    for (const [run, share] of shares) cameras.get(run)?.session.useDecodeShare(share);
    for (const [run, { session }] of cameras) {
      session.tick();
      reports[run] = session.report();
    }
    eventLoopDelayP99Ms = loopDelay.percentile(99) / 1e6;
    const ahead: Record<CameraRun, StandbyState> = {};
    for (const [run, standby] of standbys) ahead[run] = standby.state();
    post({ type: 'report', cameras: reports, standbys: ahead, eventLoopDelayP99Ms });
    loopDelay.reset();
    cancelTick = options.clock.setTimer(reportIntervalMs, tick);
  };
  cancelTick = options.clock.setTimer(reportIntervalMs, tick);

  const finish = (run: CameraRun, camera: RunningCamera) => {
    if (!camera.isStopping || camera.session.intake.isDetectorBusy || !cameras.delete(run)) return;
    post({ type: 'stopped', run, report: camera.session.report() });
    camera.session.intake.release();
  };

  const handle = (message: ToDecodeHost) => {
    switch (message.type) {
      case 'start': {
        const { run, standby = '' } = message;
        const media = standbys.get(standby) ?? dependencies.media;
        standbys.delete(standby);
        const session: CameraSession = new CameraSession(
          message.settings,
          { ...dependencies, media },
          (frame, buffer) => post({ type: 'frame', run, frame, buffer }, [buffer]),
          () => post({ type: 'report', cameras: { [run]: session.report() }, standbys: {}, eventLoopDelayP99Ms }),
        );
        cameras.set(run, { session, isStopping: false });
        return;
      }
      case 'standby':
        standbys.set(message.run, new StandbyMedia(message.streamName, dependencies));
        return;
      case 'standby-stop':
        void standbys.get(message.run)?.stop();
        standbys.delete(message.run);
        return;
      case 'stop': {
        const camera = cameras.get(message.run);
        if (camera === undefined || camera.isStopping) return;
        void camera.session.stop().then(() => {
          camera.isStopping = true;
          finish(message.run, camera);
        });
        return;
      }
      case 'pace':
        cameras.get(message.run)?.session.usePace(message.fps);
        return;
      case 'input':
        cameras.get(message.run)?.session.intake.useInput(message.input);
        return;
      case 'frame-settled': {
        const camera = cameras.get(message.run);
        if (camera === undefined) return;
        camera.session.intake.settled(message.outcome, message.buffer);
        finish(message.run, camera);
        return;
      }
      case 'snapshot': {
        const picture = cameras.get(message.run)?.session.picture(message.frame) ?? null;
        post({ type: 'snapshot', request: message.request, answer: snapshotOf(picture, message) });
        return;
      }
      case 'cut-out': {
        const whole = cameras.get(message.run)?.session.picture(message.frame) ?? null;
        const picture = whole === null ? null : cutOut(whole, message.box, message.margin);
        const transfer = picture === null ? [] : [picture.data.buffer as ArrayBuffer];
        post({ type: 'cut-out', request: message.request, picture }, transfer);
        return;
      }
      case 'close':
        cancelTick();
        loopDelay.disable();
        void Promise.all([
          ...[...cameras.values()].map(({ session }) => session.stop()),
          ...[...standbys.values()].map((standby) => standby.stop()),
        ]).then(() => {
          cameras.clear();
          standbys.clear();
          post({ type: 'closed' });
          isClosed = true;
          onClosed();
        });
        return;
    }
  };
  port.on('message', handle);
}

/** A picture that JPEG cannot hold is answered like one that is gone: it must not take the thread and its cameras along. */
function snapshotOf(picture: I420 | null, { subject, sharpnessMin, boxes }: SnapshotWish): SnapshotAnswer {
  if (picture === null) return { found: 'gone' };
  const sharpness = sharpnessOf(laplacianVariance(picture, subject));
  if (sharpness < sharpnessMin) return { found: 'blurred' };
  try {
    return { found: 'picture', sharpness, ...encodeJpeg(picture, { quality: jpegQuality, boxes }) };
  } catch {
    return { found: 'gone' };
  }
}
