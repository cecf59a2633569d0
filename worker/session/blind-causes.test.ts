/**
 * Every cause that the blind-time ledger can get from a session, made to happen against the local Kinesis Video service over
 * real sockets: the gap has its own cause and length, the camera says meanwhile what is wrong, and runs again by itself.
 * A cause without a scenario does not compile.
 */
import { readFile } from 'node:fs/promises';
import { DeleteStreamCommand, DescribeStreamCommand } from '@aws-sdk/client-kinesis-video';
import { afterEach, expect, test } from 'vitest';
import { openCluster, segmentHeader, simpleBlock } from '../../local/kinesisvideo/matroska-writer.ts';
import { type IntakeBlindCause, intakeBlindCauses, workerBlindCauses } from './messages.ts';
import { scriptedTrack } from './scripted-media.test-factory.ts';
import { RIG_START_MS, startWatchedCamera, type WatchedCamera } from './watched-camera.test-factory.ts';

let camera: WatchedCamera | undefined;
afterEach(() => camera?.close());

type Scenario = {
  options?: Parameters<typeof startWatchedCamera>[0];
  /** From the assignment until it runs again. */
  happens(camera: WatchedCamera): Promise<void>;
  /** Seconds of the cause, from and to. */
  seconds: [number, number];
  /** What may be there besides: the camera starts, and what the fault brings with it. */
  besides?: Partial<Record<IntakeBlindCause, number>>;
};

async function running(subject: WatchedCamera) {
  const producer = subject.produce();
  subject.watch();
  await subject.runs();
  return producer;
}

/** While the fault lasts, then again. */
async function saysWhileItLasts(subject: WatchedCamera, seconds: number, says: RegExp) {
  await subject.step(seconds * 1_000);
  expect(`${subject.report?.state}: ${subject.report?.reason}`).toMatch(says);
}

/** Every connection is cut before a frame has come. */
async function flaps(subject: WatchedCamera, seconds: number) {
  subject.network.cutsAnswers = true;
  subject.network.cut();
  await subject.step(seconds * 1_000);
  subject.network.cutsAnswers = false;
}

const isGetMedia = ({ operation }: { operation: string }) => operation === 'GetMedia';

async function refuses(subject: WatchedCamera, fault: { status: number; code: string }, says: RegExp) {
  await running(subject);
  const heal = subject.rig.faults.inject(isGetMedia, { ...fault, message: 'injected' });
  subject.rig.service.mediaFaults.cutSessions('dock-1');
  await saysWhileItLasts(subject, 20, says);
  const code = /failing: (\w+)/.exec(says.source)?.[1] ?? '';
  expect(subject.report?.mediaErrors[code]).toBeGreaterThan(2);
  heal();
  await subject.runs();
}

const scenarios: Record<IntakeBlindCause, Scenario> = {
  starting: {
    async happens(subject) {
      subject.watch();
      await subject.step(4_000);
      subject.produce();
      await subject.runs();
    },
    seconds: [4, 5],
  },
  reconnect: {
    async happens(subject) {
      await running(subject);
      await flaps(subject, 15);
      await subject.runs();
    },
    seconds: [14, 17],
    besides: { 'skipped-to-live': 6 },
  },
  unreachable: {
    async happens(subject) {
      await running(subject);
      await subject.network.close();
      await saysWhileItLasts(subject, 20, /^failing: STREAM_UNREACHABLE: .*ECONNREFUSED/);
      await subject.network.open();
      await subject.runs();
    },
    seconds: [19, 30],
    besides: { 'skipped-to-live': 3 },
  },
  'kvs-unavailable': {
    happens: (subject) =>
      refuses(subject, { status: 503, code: 'ServiceUnavailableException' }, /^failing: AWS_UNAVAILABLE: /),
    seconds: [19, 30],
    besides: { 'skipped-to-live': 3 },
  },
  throttled: {
    happens: (subject) =>
      refuses(subject, { status: 400, code: 'ClientLimitExceededException' }, /^failing: AWS_THROTTLED: /),
    seconds: [19, 30],
    besides: { 'skipped-to-live': 3 },
  },
  'connection-limit': {
    async happens(subject) {
      await running(subject);
      subject.rig.service.mediaFaults.cutSessions('dock-1');
      const others = [1, 2, 3].map(() => subject.rig.getMedia('dock-1', { StartSelectorType: 'NOW' }));
      for (const other of await Promise.all(others)) other.start();
      await saysWhileItLasts(subject, 20, /^failing: STREAM_CONNECTION_LIMIT: /);
      subject.rig.service.mediaFaults.endSessions('dock-1');
      await subject.runs();
    },
    seconds: [19, 66],
    besides: { 'skipped-to-live': 3 },
  },
  'stream-failed': {
    async happens(subject) {
      const producer = await running(subject);
      const { StreamInfo } = await subject.rig.control.send(new DescribeStreamCommand({ StreamName: 'dock-1' }));
      await subject.rig.control.send(new DeleteStreamCommand({ StreamARN: StreamInfo?.StreamARN }));
      await producer.stop();
      await saysWhileItLasts(subject, 20, /^failing: STREAM_NOT_FOUND: /);
      await subject.createStream();
      subject.produce();
      await subject.runs();
    },
    seconds: [15, 66],
    besides: { silent: 2 },
  },
  'fragment-gone': {
    // A second or two of the clip: what comes meanwhile pushes the last complete fragment out.
    options: { streamBytesMax: 12_000 },
    async happens(subject) {
      await running(subject);
      await flaps(subject, 5);
      await subject.runs();
      expect(subject.report?.mediaErrors.STREAM_FRAGMENT_GONE).toBe(1);
    },
    seconds: [4, 7],
  },
  'skipped-to-live': {
    async happens(subject) {
      await running(subject);
      subject.network.stall();
      await subject.step(8_000);
      subject.network.resume();
      await subject.runs();
      expect(subject.report?.sessions.skippedToNow).toBe(1);
    },
    seconds: [6, 9.5],
  },
  silent: {
    async happens(subject) {
      const producer = await running(subject);
      producer.pause();
      await saysWhileItLasts(subject, 60, /^silent: no media for/);
      producer.resume();
      await subject.runs();
    },
    seconds: [58, 64],
  },
  'media-damaged': {
    async happens(subject) {
      await running(subject);
      subject.rig.service.mediaFaults.corruptMedia('dock-1', 1_000_000);
      await subject.step(12_000);
      expect(`${subject.report?.state}: ${subject.report?.reason}`).toMatch(/^failing: no frame for 1\d s: MATROSKA_/);
      subject.rig.service.mediaFaults.corruptMedia('dock-1', 1);
      await subject.runs();
    },
    seconds: [11, 15],
  },
  'decode-failed': {
    async happens(subject) {
      const producer = await running(subject);
      await producer.stop();
      const other = subject.rig.putMedia('dock-1');
      other.write(segmentHeader([{ ...scriptedTrack, codecId: 'V_VP9' }]));
      for (let second = 0; second < 12; second += 1) {
        const blocks = [0, 1, 2, 3, 4].map((frame) =>
          simpleBlock(1, frame * 200, frame === 0, Buffer.alloc(50, frame)),
        );
        other.write(openCluster(subject.rig.clock.nowMs()), ...blocks);
        await subject.step(1_000);
      }
      expect(`${subject.report?.state}: ${subject.report?.reason}`).toMatch(
        /^failing: \d+ frames gave no picture, none did: CODEC_UNSUPPORTED: .*V_VP9/,
      );
      other.request.end();
      await other.finished;
      subject.produce();
      await subject.runs();
    },
    seconds: [10, 16],
    besides: { silent: 2 },
  },
  handover: {
    async happens(subject) {
      subject.produce();
      await subject.step(2_000);
      subject.watch({ handleFromServerMs: RIG_START_MS + 10_000 });
      await subject.runs();
    },
    seconds: [6, 9],
  },
  overload: {
    async happens(subject) {
      await running(subject);
      subject.detects = false;
      await subject.step(12_000);
      subject.detects = true;
      subject.answer();
      await subject.runs();
    },
    seconds: [10, 14],
  },
};

test.each(intakeBlindCauses)('%s', async (cause) => {
  const { options, happens, seconds, besides } = scenarios[cause];
  camera = await startWatchedCamera(options);
  await happens(camera);
  const { scheduled, inferred, blind } = camera.ledger();
  const allBlind = Object.values(blind).reduce((sum, one) => sum + one, 0);
  expect(inferred + allBlind).toBeCloseTo(scheduled, 3);
  const [least, most] = seconds;
  expect(blind[cause]).toBeGreaterThanOrEqual(least);
  expect(blind[cause]).toBeLessThanOrEqual(most);
  const allowed: Record<string, number> = { starting: 2, reconnect: 1, ...besides, [cause]: most };
  for (const [other, blindSeconds] of Object.entries(blind)) {
    expect(`${other}: ${blindSeconds > (allowed[other] ?? 0) ? blindSeconds : 'ok'}`).toBe(`${other}: ok`);
  }
  expect(camera.report?.state).toBe('running');
});

test('the operating guide explains every cause', async () => {
  const guide = await readFile(new URL('../../docs/operate.md', import.meta.url), 'utf8');
  const table = guide.slice(guide.indexOf('| `blind_…`'));
  const explained = [...table.slice(0, table.indexOf('\n\n')).matchAll(/`([a-z-]+)`/g)].map(([, cause]) => cause);
  expect(workerBlindCauses.filter((cause) => !explained.includes(cause))).toEqual([]);
});
