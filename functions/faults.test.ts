/** What goes wrong: broken rows, repeated and failing events, AWS calls that fail, two runs at once. */
import type { DynamoDBStreamEvent } from 'aws-lambda';
import { afterEach, describe, expect, it } from 'vitest';
import { lockFleet, readFleet, unlockFleet } from '../aws/fleets.ts';
import { buildCameraChangedHandler } from './camera-changed.ts';
import { type ControlStage, type StageOptions, startControlStage } from './control-loop-stage.test-factory.ts';
import { controlEnvironment } from './environment.ts';
import { completeDeps } from './handler-deps.ts';
import { LockRenewal } from './lock-renewal.ts';
import { reconcileFleet } from './reconcile-fleet.ts';

const policy = { leadTimeDefaultMs: 120_000, scaleInDelayMs: 60_000, silentGraceMs: 120_000, maxWorkers: 3 };
let stage: ControlStage | undefined;
afterEach(async () => {
  await stage?.close();
  stage = undefined;
});

async function started(options: Partial<StageOptions> = {}): Promise<ControlStage> {
  stage = await startControlStage({ startMs: Date.parse('2026-11-24T00:00:00Z'), policy, ...options });
  return stage;
}

const context = { awsRequestId: 'test', functionName: 'test', getRemainingTimeInMillis: () => 50_000 } as never;

function change(cameraId: string, sequenceNumber: string, row: Record<string, unknown> | null): DynamoDBStreamEvent {
  const image = (values: Record<string, unknown>) =>
    Object.fromEntries(
      Object.entries(values).map(([name, value]) => [
        name,
        typeof value === 'number' ? { N: `${value}` } : { S: `${value}` },
      ]),
    );
  return {
    Records: [
      {
        eventID: sequenceNumber,
        eventName: row === null ? 'REMOVE' : 'MODIFY',
        eventSource: 'aws:dynamodb',
        dynamodb: {
          Keys: { cameraId: { S: cameraId } },
          SequenceNumber: sequenceNumber,
          OldImage: image({ cameraId, streamName: 'x' }),
          ...(row === null ? {} : { NewImage: image({ cameraId, ...row }) }),
        },
      },
    ],
  };
}

describe('camera-changed', () => {
  it('gives a wrong row its verdict and leaves the other cameras alone', async () => {
    const test = await started();
    await test.createStream('dock');
    test.flowing.add('dock');
    await test.putCamera({ cameraId: 'good', streamName: 'dock' });
    await test.putCamera({ cameraId: 'bad', streamName: 'dock', priority: 'high', detect: { fps: -1 } });
    await test.putCamera({ cameraId: 'lost', streamName: 'dock', fleet: 'nowhere' });
    const bad = await test.camera('bad');
    expect(bad).toMatchObject({
      phase: 'invalid',
      camera: null,
      phaseReason: expect.stringMatching(/priority|detect/),
    });
    expect(bad?.issues.map((issue) => issue.path).sort()).toEqual(['detect.fps', 'priority']);
    expect(await test.camera('lost')).toMatchObject({
      phase: 'invalid',
      phaseReason: expect.stringContaining('nowhere'),
    });
    expect(await test.camera('good')).toMatchObject({ phase: 'waiting-capacity' });
  });

  it('ignores an older or repeated event, whatever the number of digits', async () => {
    const test = await started();
    const handler = buildCameraChangedHandler(test.deps);
    await handler(change('c', '1000', { streamName: 'newest' }), context);
    await handler(change('c', '999', { streamName: 'older' }), context);
    await handler(change('c', '1000', { streamName: 'repeated' }), context);
    await handler(change('c', '998', null), context);
    expect(await test.camera('c')).toMatchObject({ camera: { streamName: 'newest' } });
    expect((await test.camera('c'))?.leaving).toBeUndefined();
  });

  it('reports a record as failed only when it may succeed later', async () => {
    const test = await started();
    const handler = buildCameraChangedHandler(test.deps);
    const stop = test.cloud.context.faults.inject(
      (call) => call.service === 'dynamodb' && call.operation === 'UpdateItem',
      { status: 400, code: 'ProvisionedThroughputExceededException', message: 'slow down' },
    );
    const failed = await handler(change('c', '5', { streamName: 's' }), context);
    expect(failed.batchItemFailures).toEqual([{ itemIdentifier: '5' }]);
    stop();
    const poison = change('p', '6', { streamName: 's' });
    delete poison.Records[0]?.dynamodb?.SequenceNumber;
    expect((await handler(poison, context)).batchItemFailures).toEqual([]);
  });

  it('creates the video stream of a row that asks for it, once', async () => {
    const test = await started();
    await test.putCamera({ cameraId: 'new', streamName: 'made', stream: { create: true } });
    await test.putCamera({ cameraId: 'new', streamName: 'made', stream: { create: true }, priority: 60 });
    expect((await test.camera('new'))?.phase).toBe('waiting-capacity');
    await test.putCamera({ cameraId: 'other', streamName: 'absent' });
    expect(await test.camera('other')).toMatchObject({
      phase: 'silent',
      phaseReason: 'KVS stream absent does not exist: create it, or set stream.create to true',
    });
  });
});

it('says on the row why its video stream could not be made', async () => {
  const test = await started();
  test.cloud.context.faults.inject((call) => call.operation === 'CreateStream', {
    status: 400,
    code: 'AccountStreamLimitExceededException',
    message: 'too many streams',
  });
  await test.putCamera({ cameraId: 'new', streamName: 'made', stream: { create: true } });
  const camera = await test.camera('new');
  expect(camera).toMatchObject({ phase: 'silent', phaseReason: expect.stringContaining('does not exist') });
  expect(camera?.issues).toEqual([
    { severity: 'warning', path: 'stream.create', message: expect.stringContaining('too many streams') },
  ]);
});

describe('reconcile', () => {
  it('holds when the group cannot be read, and goes on when it can', async () => {
    const test = await started();
    await test.createStream('dock');
    test.flowing.add('dock');
    await test.putCamera({ cameraId: 'dock-1', streamName: 'dock' });
    await test.advance(140);
    await test.putCamera({ cameraId: 'dock-1', streamName: 'dock', enabled: false });
    const stop = test.cloud.context.faults.inject((call) => call.operation === 'DescribeAutoScalingGroups', {
      status: 503,
      code: 'ServiceUnavailable',
      message: 'down',
    });
    await test.advance(180);
    expect(test.instances()).toHaveLength(1);
    expect((await test.workers())[0]?.drain).toBeUndefined();
    stop();
    await test.advance(240);
    expect(test.instances()).toHaveLength(0);
  });

  it('carries out the other steps when one fails, and says which', async () => {
    const test = await started();
    const stop = test.cloud.context.faults.inject((call) => call.operation === 'SetDesiredCapacity', {
      status: 400,
      code: 'AccessDenied',
      message: 'no',
    });
    await test.createStream('dock');
    await test.putCamera({ cameraId: 'dock-1', streamName: 'dock' });
    const [decision] = await test.decisions();
    expect(decision?.actions).toContainEqual(
      expect.stringMatching(/^failed: set the Auto Scaling group from 0 to 1: could not/),
    );
    expect(await test.camera('dock-1')).toMatchObject({ phase: 'waiting-capacity' });
    stop();
    await test.advance(61);
    expect(test.instances()).toHaveLength(1);
  });

  it('tries a failed step again at once, and only once', async () => {
    const test = await started();
    const refusal = { status: 400, code: 'AccessDenied', message: 'no' };
    const isResize = ({ operation }: { operation: string }) => operation === 'SetDesiredCapacity';
    const byHand = () => reconcileFleet(completeDeps(test.deps, 'test'), 'default', 'by hand');
    const stop = test.cloud.context.faults.inject(isResize, refusal);
    await test.createStream('dock');
    await test.putCamera({ cameraId: 'dock-1', streamName: 'dock' });
    const refused = await byHand();
    expect(refused).toMatchObject({ outcome: 'done', runs: 2 });
    expect(refused.failures).toHaveLength(2);
    expect(test.instances()).toHaveLength(0);
    stop();
    // One call of ours: the stage's clock is days from the machine's, so the SDK takes a refusal for skew and asks three times.
    test.cloud.context.faults.inject(isResize, refusal, 3);
    const mended = await byHand();
    expect(mended.runs).toBe(2);
    expect(mended.failures).toHaveLength(1);
    expect(test.instances()).toHaveLength(1);
  });

  it('runs once at a time; a call during a run makes the holder run again', async () => {
    const test = await started();
    const deps = completeDeps(test.deps, 'test');
    const reports = await Promise.all(
      ['one', 'two', 'three', 'four'].map((trigger) => reconcileFleet(deps, 'default', trigger)),
    );
    const done = reports.filter((report) => report.outcome === 'done');
    expect(done.length).toBeGreaterThan(0);
    expect(reports.filter((report) => report.outcome === 'queued').length + done.length).toBe(4);
    const table = test.names.tables.fleets;
    const nowMs = test.clock.nowMs();
    expect((await readFleet(test.clients, table, 'default')).lock).toBeUndefined();
    expect(await lockFleet(test.clients, table, 'default', 'me', nowMs)).not.toBeNull();
    expect((await reconcileFleet(deps, 'default', 'late')).outcome).toBe('queued');
    expect(await unlockFleet(test.clients, table, 'default', 'me', nowMs, {}, 'if-asked')).toMatchObject({
      lock: { holder: 'me', rerunRequested: false },
    });
    expect(await unlockFleet(test.clients, table, 'default', 'me', nowMs, {}, 'if-asked')).toBe('released');
  });

  it('takes the lock of a holder that died', async () => {
    const test = await started();
    const table = test.names.tables.fleets;
    await lockFleet(test.clients, table, 'default', 'dead', test.clock.nowMs());
    await test.advance(61);
    expect((await readFleet(test.clients, table, 'default')).lock).toBeUndefined();
  });

  it('renews its lock while it runs, and begins no change once it could not for so long that another may have begun', async () => {
    const test = await started();
    const deps = completeDeps(test.deps, 'test');
    const table = test.names.tables.fleets;
    await lockFleet(test.clients, table, 'default', 'me', test.clock.nowMs());
    const renewal = new LockRenewal(deps, 'default', 'me', test.clock.monotonicMs());
    const settle = async () => void (await readFleet(test.clients, table, 'default'));
    const heldUntilMs = async () => (await readFleet(test.clients, table, 'default')).lock?.expiresAtMs ?? 0;
    for (let second = 0; second < 30; second += 1) {
      await test.clock.step(1_000, settle);
      expect(renewal.mayAct()).toBe(true);
      expect(await heldUntilMs()).toBeGreaterThan(test.clock.nowMs() + 7_000);
    }
    const denied = { status: 400, code: 'AccessDeniedException', message: 'no' };
    const heal = test.cloud.context.faults.inject(({ operation }) => operation === 'UpdateItem', denied);
    const endsAtMs = await heldUntilMs();
    while (renewal.mayAct() && test.clock.nowMs() < endsAtMs) await test.clock.step(1_000, settle);
    expect(renewal.mayAct()).toBe(false);
    // A call that was sent just before has ended by then.
    expect(endsAtMs - test.clock.nowMs()).toBeGreaterThanOrEqual(6_000);
    heal();
    renewal.stop();
    expect(await lockFleet(test.clients, table, 'default', 'other', endsAtMs)).toMatchObject({
      lock: { holder: 'other' },
    });
  });

  it('makes a bounded number of AWS calls', async () => {
    const test = await started();
    const counted: string[] = [];
    await test.createStream('dock');
    test.flowing.add('dock');
    await test.putCamera({ cameraId: 'dock-1', streamName: 'dock' });
    await test.advance(200);
    test.cloud.context.faults.inject(
      (call) => {
        counted.push(`${call.service}:${call.operation}`);
        return false;
      },
      { status: 500, code: 'never', message: '' },
    );
    await reconcileFleet(completeDeps(test.deps, 'test'), 'default', 'count');
    expect(counted.length, counted.join(' ')).toBeLessThanOrEqual(10);
  });
});

describe('the environment', () => {
  it('names everything that is wrong with it', () => {
    expect(() => controlEnvironment({ KVS_INFER_FLEETS: 'A B', AWS_REGION: 'x1' })).toThrow(
      /KVS_INFER_STAGE.*KVS_INFER_ACCOUNT_ID.*KVS_INFER_FLEETS/,
    );
    const base = { KVS_INFER_STAGE: 's', KVS_INFER_ACCOUNT_ID: '123456789012', AWS_REGION: 'x1' };
    expect(() => controlEnvironment({ ...base, KVS_INFER_FLEET_POLICY: '{"minWorkers":5,"maxWorkers":2}' })).toThrow(
      /minWorkers 5 is more than maxWorkers 2/,
    );
  });
});
