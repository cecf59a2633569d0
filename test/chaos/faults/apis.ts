/** What happens to AWS's APIs: throttled, failing, or a worker's way to some of them cut. Every caller but the witness. */
import type { FaultCall } from '../../../local/service.ts';
import { type ChaosFault, camerasOf, type Scene, someOwner } from '../fault.ts';

const throttled = { status: 400, code: 'ThrottlingException', message: 'Rate exceeded' };
const outside = new Set(['witness', 'camera', 'autoscaling']);

/**
 * One worker's connections to these services break, and no new one comes about.
 * @param isLost for longer than its lease: another is to watch its cameras.
 */
export function cutOff(scene: Scene, services: readonly string[], network: 'reset' | 'silent', isLost = false) {
  const { world } = scene;
  const taskId = someOwner(scene);
  const cameras = camerasOf(scene, [taskId]);
  const heal = world.cloud.context.faults.inject(
    ({ caller, service }) => caller === taskId && services.includes(service),
    { status: 0, code: '', message: '', network },
  );
  if (services.includes('kinesisvideo')) {
    for (const cameraId of cameras) world.cloud.kinesisVideo.mediaFaults.cutSessions(cameraId);
  }
  return { taskId, cameras, heal, ...(isLost ? { victims: [taskId] } : {}) };
}

function failing(
  { world, random }: Scene,
  share: number,
  fault: typeof throttled,
  match: (call: FaultCall) => boolean,
) {
  const isHit = (call: FaultCall) => !outside.has(call.caller) && match(call) && random.chance(share);
  return { cameras: world.cameraIds, heal: world.cloud.context.faults.inject(isHit, fault) };
}

export const apiFaults: readonly ChaosFault[] = [
  {
    ...{ name: 'throttle', room: 'apis', holdMs: 20_000 },
    what: 'half of all calls to all services are throttled for 20 s',
    inject: (scene) => failing(scene, 0.5, throttled, () => true),
  },
  {
    ...{ name: 'results-stuck', room: 'apis', holdMs: 20_000 },
    what: 'the shard of the result stream takes nothing for 20 s',
    inject: (scene) =>
      failing(
        scene,
        1,
        { status: 400, code: 'ProvisionedThroughputExceededException', message: 'Rate exceeded for shard' },
        ({ operation }) => operation === 'PutRecords.Record',
      ),
  },
  {
    ...{ name: 'tables-down', room: 'apis', holdMs: 20_000 },
    what: 'DynamoDB answers 500 to every call for 20 s: longer than a lease',
    inject: (scene) =>
      failing(
        scene,
        1,
        { status: 500, code: 'InternalServerError', message: 'chaos' },
        (call) => call.service === 'dynamodb',
      ),
  },
  {
    ...{ name: 'cut-tables', room: 'network', holdMs: 12_000 },
    what: "one worker's way to DynamoDB is silent for 12 s: shorter than a lease",
    inject: (scene) => cutOff(scene, ['dynamodb'], 'silent'),
  },
  {
    ...{ name: 'cut-tables-long', room: 'network', holdMs: 40_000 },
    what: "one worker's way to DynamoDB is reset for 40 s: it must fall silent, and another must watch",
    inject: (scene) => cutOff(scene, ['dynamodb'], 'reset', true),
  },
  {
    ...{ name: 'cut-results', room: 'network', holdMs: 15_000 },
    what: "one worker's way to the result stream is reset for 15 s",
    inject: (scene) => cutOff(scene, ['kinesis'], 'reset'),
  },
  {
    ...{ name: 'cut-media', room: 'network', holdMs: 15_000 },
    what: "one worker's connections to Kinesis Video break, and none comes about for 15 s",
    inject: (scene) => cutOff(scene, ['kinesisvideo'], 'reset'),
  },
  {
    ...{ name: 'cut-all', room: 'network', holdMs: 40_000 },
    what: "one worker's network is cut to everything for 40 s",
    inject: (scene) => cutOff(scene, ['dynamodb', 'kinesis', 'kinesisvideo', 's3', 'events', 'ecs'], 'silent', true),
  },
];
