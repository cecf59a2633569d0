/**
 * The API as the gateway calls it, on the tables of the local cloud.
 * Invariant: a request passes through the Lambda handler, as an event of API Gateway's second version.
 */
import type { Context } from 'aws-lambda';
import { saveVerdict } from '../../aws/camera-states.ts';
import { awsClients } from '../../aws/clients.ts';
import { camera, noonMs } from '../../core/control/fleet-factories.ts';
import { SteppedClock } from '../../local/clock.ts';
import { startLocalCloud } from '../../local/cloud.ts';
import { inProcessRunner } from '../../local/compute/in-process-runner.ts';
import { controlEnvironment } from '../environment.ts';
import type { HandlerDeps } from '../handler-deps.ts';
import { buildHttpApiHandler } from '../http-api.ts';
import { type Asked, gatewayEvent } from './gateway-event.test-factory.ts';

export type ApiStage = Awaited<ReturnType<typeof startApiStage>>;

/** One fleet with the camera `dock-1`, at noon. */
export async function startApiStage({ fleets = 'default' } = {}) {
  process.env.AWS_ACCESS_KEY_ID = 'local';
  process.env.AWS_SECRET_ACCESS_KEY = 'local';
  const clock = new SteppedClock(noonMs);
  const environment = controlEnvironment({
    KVS_INFER_STAGE: 'test',
    KVS_INFER_ACCOUNT_ID: '123456789012',
    AWS_REGION: 'ap-southeast-1',
    KVS_INFER_FLEETS: fleets,
    LOG_LEVEL: 'SILENT',
  });
  const { region, accountId, names } = environment;
  const compute = { runner: inProcessRunner(async () => {}) };
  const cloud = await startLocalCloud({
    ...{ port: 0, portSearch: false, dataFolder: null },
    ...{ clock, region, accountId, compute },
  });
  await cloud.createStageResources({ stage: 'test', fleets: [] });
  const clients = awsClients({ region, endpoint: cloud.endpoint });
  // Nobody steps the clock: whatever waits for its turn has it.
  const deps: HandlerDeps = { clock, clients, environment, wait: async () => {} };
  const handler = buildHttpApiHandler(deps);
  await saveVerdict(
    clients,
    names.tables.cameraStates,
    { fleet: 'default', cameraId: 'dock-1', camera: camera('dock-1'), issues: [], sequenceNumber: '1' },
    noonMs,
  );
  return {
    cloud,
    clients,
    names,
    deps,
    async ask(method: string, pathAndQuery: string, asked: Asked = {}) {
      const event = gatewayEvent(method, pathAndQuery, asked);
      const answer = await handler(event, { functionName: 'http-api' } as Context);
      const text = answer.body ?? '';
      return {
        status: answer.statusCode,
        headers: answer.headers ?? {},
        body: text === '' ? null : JSON.parse(text),
      };
    },
    async close() {
      clients.destroy();
      await cloud.close();
    },
  };
}
