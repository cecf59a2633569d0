/** A signature that AWS refuses is answered with the request that it read: none of it may reach a log, a table or a person. */
import { inspect } from 'node:util';
import { GetCommand, ScanCommand } from '@aws-sdk/lib-dynamodb';
import type { Context } from 'aws-lambda';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { withoutSecrets } from '../aws/secrets-in-errors.ts';
import { type ApiStage, startApiStage } from './api/api-stage.test-factory.ts';
import { buildCameraChangedHandler } from './camera-changed.ts';
import { buildCapacityChangedHandler } from './capacity-changed.ts';
import { buildHttpApiHandler } from './http-api.ts';
import { buildReconcileHandler } from './reconcile.ts';

const secrets = ['marked-session-91dd', 'marked-signature-0a1b', 'marked-row-4711', 'marked-header-55aa'];
const [session, signature, inRow, inHeader] = secrets as [string, string, string, string];
/** As AWS words it. */
const refusal = `The request signature we calculated does not match the signature you provided. Credential=AKIA/20261124, Signature=${signature}
The Canonical String for this request should have been
'POST
/

host:dynamodb.ap-southeast-1.amazonaws.com
x-amz-security-token:${session}
'`;
const context = { functionName: 'test', awsRequestId: 'r' } as Context;
let stage: ApiStage;
beforeAll(async () => {
  stage = await startApiStage();
  await stage.cloud.createStageResources({
    stage: 'test',
    fleets: [{ fleet: 'default', min: 0, max: 3, taskEnvironment: {} }],
  });
});
afterAll(() => stage?.close());

/** Everything that is written while `work` is done. */
async function heard(work: () => Promise<unknown>): Promise<string> {
  const said: string[] = [];
  const hear = (...words: unknown[]) => {
    said.push(words.map((word) => (typeof word === 'string' ? word : inspect(word, { depth: 9 }))).join(' '));
    return true;
  };
  const methods = ['log', 'info', 'warn', 'error', 'debug'] as const;
  const before = methods.map((name) => console[name]);
  const streams = (['stdout', 'stderr'] as const).map((name) => [name, process[name].write] as const);
  for (const name of methods) console[name] = hear;
  for (const [name] of streams) process[name].write = hear as never;
  try {
    await work();
  } finally {
    for (const [index, name] of methods.entries()) console[name] = before[index] as never;
    for (const [name, write] of streams) process[name].write = write;
  }
  return said.join('\n');
}

const image = {
  cameraId: { S: 'door' },
  streamName: { S: 'door' },
  password: { S: inRow },
  stream: { M: { create: { BOOL: true } } },
};
const record = (SequenceNumber: string) => ({
  ...{ eventID: SequenceNumber, eventName: 'INSERT', eventSource: 'aws:dynamodb' },
  dynamodb: { Keys: { cameraId: { S: 'door' } }, SequenceNumber, NewImage: image },
});
const notice = (source: string) => ({
  source,
  time: '2026-11-24T12:00:00Z',
  detail: { fleet: 'default', workerId: 'w', 'instance-id': 'i-1' },
});

it.each(['AccessDeniedException', 'InvalidSignatureException', 'InternalServerError'])(
  'every function, each of its calls answered with %s and the request: no log, item or answer tells a secret',
  async (code) => {
    const deps = { ...stage.deps, environment: { ...stage.deps.environment, logLevel: 'DEBUG' } };
    const api = buildHttpApiHandler(deps);
    const ask = (method: string, path: string, body?: unknown) =>
      api(
        {
          ...{ version: '2.0', rawPath: path, rawQueryString: `token=${inHeader}`, isBase64Encoded: false },
          headers: {
            host: 'api.example.com',
            'content-type': 'application/json',
            authorization: `Bearer ${inHeader}`,
            'if-none-match': '*',
          },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          requestContext: {
            http: { method, path, sourceIp: '192.0.2.1' },
            authorizer: { jwt: { claims: { sub: 'u', 'cognito:groups': '[operator]' } } },
          },
        } as never,
        context,
      );
    // Each call of its own, so that those before it succeed and what is written of the failure is written.
    const operations = [
      'CreateStream',
      'UpdateItem',
      'PutItem',
      'GetItem',
      'Query',
      'DescribeAutoScalingGroups',
      'DescribeServices',
      'ListStreams',
      'GetMetricData',
    ];
    const answers: unknown[] = [];
    let refused = 0;
    const log = await heard(async () => {
      for (const [index, operation] of [...operations, '*'].entries()) {
        const mend = stage.cloud.context.faults.inject(
          (call) => {
            const isMeant = operation === '*' || call.operation === operation;
            if (isMeant) refused += 1;
            return isMeant;
          },
          { status: code.startsWith('Internal') ? 500 : 400, code, message: refusal },
        );
        const tries = [
          buildReconcileHandler(deps)({}, context),
          buildCameraChangedHandler(deps)({ Records: [record(`${index + 1}`)] } as never, context),
          buildCapacityChangedHandler(deps)(
            { ...notice('aws.ec2'), 'detail-type': 'EC2 Spot Instance Interruption Warning' } as never,
            context,
          ),
          buildCapacityChangedHandler(deps)(
            { ...notice(stage.names.eventSource), 'detail-type': 'Worker Ready' } as never,
            context,
          ),
          ask('GET', '/api/cameras'),
          ask('GET', '/api/cameras/dock-1'),
          ask('PUT', '/api/cameras/new', { streamName: 'new', password: inRow }),
        ];
        // What a function throws is written to the log by Lambda, causes and all.
        for (const outcome of await Promise.allSettled(tries)) {
          if (outcome.status === 'rejected') console.error(inspect(outcome.reason, { depth: 9, showHidden: true }));
          else answers.push(outcome.value);
        }
        mend();
      }
    });
    const { cameras, ...kept } = stage.names.tables;
    const items = await Promise.all(
      Object.values(kept).map(
        async (TableName) => (await stage.clients.documents.send(new ScanCommand({ TableName }))).Items,
      ),
    );
    expect(refused).toBeGreaterThan(20);
    expect(log).toContain(code);
    for (const [place, text] of Object.entries({
      log,
      items: JSON.stringify(items),
      answers: JSON.stringify(answers),
    })) {
      // Whoever may look at a camera sees its row.
      const hidden = place === 'answers' ? secrets.filter((secret) => secret !== inRow) : secrets;
      for (const secret of hidden) expect(text.includes(secret), `${secret} in ${place}`).toBe(false);
    }
  },
  120_000,
);

it('an error keeps what says why, in its message and its stack', async () => {
  // Until it is mended: a call of a function above that is still on its way may take it too.
  const mend = stage.cloud.context.faults.inject(() => true, {
    status: 400,
    code: 'AccessDeniedException',
    message: refusal,
  });
  const key = { TableName: stage.names.tables.cameras, Key: { cameraId: 'x' } };
  const error = await stage.clients.documents.send(new GetCommand(key)).catch((caught: unknown) => caught);
  mend();
  expect((error as Error).message).toContain('The request signature we calculated does not match');
  expect((error as Error).stack).toContain('canonical request [removed]');
  expect(withoutSecrets('https://b.s3/k?X-Amz-Signature=ab&X-Amz-Security-Token=cd&x=1')).toBe(
    'https://b.s3/k?X-Amz-Signature=[removed]&X-Amz-Security-Token=[removed]&x=1',
  );
});
