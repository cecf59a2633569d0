/**
 * The API as the gateway calls it, on the tables of the local cloud.
 * Invariant: a request passes through the Lambda handler, as an event of API Gateway's second version.
 */
import type { APIGatewayProxyEventV2, Context } from 'aws-lambda';
import { saveVerdict } from '../../aws/camera-states.ts';
import { awsClients } from '../../aws/clients.ts';
import { camera, noonMs } from '../../core/control/fleet-factories.ts';
import { SteppedClock } from '../../local/clock.ts';
import { startLocalCloud } from '../../local/cloud.ts';
import { inProcessRunner } from '../../local/compute/in-process-runner.ts';
import { controlEnvironment } from '../environment.ts';
import type { HandlerDeps } from '../handler-deps.ts';
import { buildHttpApiHandler } from '../http-api.ts';

export const viewer = { sub: 'u-1', email: 'viewer@example.com' };
export const operator = { sub: 'u-2', email: 'operator@example.com', 'cognito:groups': '[operator]' };

export type Asked = { claims?: Record<string, unknown> | null; headers?: Record<string, string>; body?: unknown };
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
    async ask(method: string, pathAndQuery: string, { claims = operator, headers = {}, body }: Asked = {}) {
      const [rawPath = '', rawQueryString = ''] = pathAndQuery.split('?');
      const event = {
        ...{ version: '2.0', routeKey: 'ANY /api/{proxy+}', rawPath, rawQueryString, isBase64Encoded: false },
        headers: { host: 'api.example.com', 'content-type': 'application/json', ...headers },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
        requestContext: {
          domainName: 'api.example.com',
          http: { method, path: rawPath, protocol: 'HTTP/1.1', sourceIp: '192.0.2.1', userAgent: 'test' },
          ...(claims === null ? {} : { authorizer: { jwt: { claims, scopes: null } } }),
        },
      };
      const answer = await handler(event as unknown as APIGatewayProxyEventV2, { functionName: 'http-api' } as Context);
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
