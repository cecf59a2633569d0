/**
 * A camera's session through faults drawn from a seed, one on top of the other, over real sockets: whatever happens, no frame
 * is inferred twice, every scheduled second has one account, what was lost for longer than a hole is in it, and in the end the
 * camera runs. A finding is played again by its seed.
 */
import { afterEach, expect, test } from 'vitest';
import { seededRandom } from '../../core/seeded-random.ts';
import type { Producer } from '../../local/kinesisvideo/producer.ts';
import { startWatchedCamera, type WatchedCamera } from './watched-camera.test-factory.ts';

let camera: WatchedCamera | undefined;
afterEach(() => camera?.close());

const frameMs = 100;
/** A loss this long is a hole; what one report, one reconnect and one fragment can shift it by. */
const holeMs = 2_000;
const shiftMs = 3_000;

type Fault = (subject: WatchedCamera, producer: Producer) => Promise<() => unknown>;
const refusal = (status: number, code: string) => async (subject: WatchedCamera) => {
  subject.rig.service.mediaFaults.cutSessions('dock-1');
  const isGetMedia = ({ operation }: { operation: string }) => operation === 'GetMedia';
  return subject.rig.faults.inject(isGetMedia, { status, code, message: 'injected' });
};
const faults: Record<string, Fault> = {
  cut:
    async ({ network }) =>
    () =>
      network.cut(),
  end:
    async ({ rig }) =>
    () =>
      rig.service.mediaFaults.endSessions('dock-1'),
  flap: async ({ network }) => {
    network.cutsAnswers = true;
    network.cut();
    return () => {
      network.cutsAnswers = false;
    };
  },
  stall: async ({ network }) => {
    network.stall();
    return () => network.resume();
  },
  unreachable: async ({ network }) => {
    await network.close();
    return () => network.open();
  },
  pause: async (_, producer) => {
    producer.pause();
    return () => producer.resume();
  },
  'broken upload':
    async ({ rig }) =>
    () =>
      rig.service.mediaFaults.dropProducer('dock-1'),
  throttled: refusal(400, 'ClientLimitExceededException'),
  unavailable: refusal(503, 'ServiceUnavailableException'),
  'busy detector': async (subject) => {
    subject.detects = false;
    return () => {
      subject.detects = true;
      subject.answer();
    };
  },
};

test.each([1, 2, 3, 4, 5, 6])('seed %i', async (seed) => {
  const random = seededRandom(seed);
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)] as Item;
  const subject = await startWatchedCamera();
  camera = subject;
  const producer = subject.produce();
  subject.watch({ fps: 1_000 / frameMs });
  await subject.runs();
  const fromMs = subject.seenAtMs[0] ?? 0;
  const happened: string[] = [];
  for (let round = 0; round < 6; round += 1) {
    const name = pick(Object.keys(faults));
    const lastsMs = 100 * Math.floor(random() ** 2 * 250);
    happened.push(`${name} ${lastsMs}`);
    const heal = await faults[name]?.(subject, producer);
    await subject.step(lastsMs);
    await heal?.();
    await subject.step(100 * Math.floor(random() * 80));
  }
  await subject.runs();
  // Until the last burst of frames that came late is out of the window in which a busy detector is noticed.
  await subject.step(12_000);
  const story = `${happened.join(', ')}: ${JSON.stringify(subject.ledger())}`;

  expect(new Set(subject.names).size, story).toBe(subject.names.length);
  const { scheduled, inferred, blind } = subject.ledger();
  const allBlind = Object.values(blind).reduce((sum, one) => sum + one, 0);
  expect(inferred + allBlind, story).toBeCloseTo(scheduled, 3);

  const seen = new Set(subject.seenAtMs.map((atMs) => Math.round(atMs / frameMs)));
  const untilMs = Math.max(...subject.seenAtMs);
  let lostFromMs: number | null = null;
  for (let atMs = fromMs; atMs <= untilMs; atMs += frameMs) {
    const isLost = !seen.has(Math.round(atMs / frameMs));
    if (isLost) lostFromMs ??= atMs;
    if (isLost || lostFromMs === null) continue;
    const lostMs = atMs - lostFromMs;
    if (lostMs > holeMs + shiftMs) {
      const told = overlapMs(subject, lostFromMs - shiftMs, atMs + shiftMs);
      expect(told, `lost ${lostFromMs - fromMs} to ${atMs - fromMs}; ${story}`).toBeGreaterThan(lostMs - shiftMs);
    }
    lostFromMs = null;
  }
  expect(subject.report?.state, story).toBe('running');
});

function overlapMs(subject: WatchedCamera, fromMs: number, toMs: number): number {
  return subject.blindSpans.reduce(
    (sum, span) => sum + Math.max(0, Math.min(span.toMs, toMs) - Math.max(span.fromMs, fromMs)),
    0,
  );
}
