/** What the ECS agent may answer to a wish for protection; what ECS refuses comes with status 200. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { ecsAgent } from './ecs-agent.ts';

const arn = 'arn:aws:ecs:eu-west-1:123456789012:task/kvs-infer/4b2f';
let server: Server;
afterEach(() => server.close());

async function agentThatAnswers(status: number, body: unknown) {
  const asked: { method?: string | undefined; url?: string | undefined; body: string }[] = [];
  server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk) => {
      text += chunk;
    });
    request.on('end', () => {
      asked.push({ method: request.method, url: request.url, body: text });
      response.writeHead(status, { 'content-type': 'application/json', location: 'http://169.254.170.2/' });
      response.end(typeof body === 'string' ? body : JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { agent: ecsAgent({ agentUri: `http://127.0.0.1:${port}/agent` }), asked };
}

it('asks for protection, and for its end', async () => {
  const { agent, asked } = await agentThatAnswers(200, { protection: { ProtectionEnabled: true, TaskArn: arn } });
  await agent.protect(true, 60);
  await agent.protect(false, 60);
  expect(asked).toEqual([
    {
      ...{ method: 'PUT', url: '/agent/task-protection/v1/state' },
      body: '{"ProtectionEnabled":true,"ExpiresInMinutes":60}',
    },
    { method: 'PUT', url: '/agent/task-protection/v1/state', body: '{"ProtectionEnabled":false}' },
  ]);
});

it('is not protected when ECS refuses with status 200', async () => {
  const failure = { Arn: arn, Reason: 'DEPLOYMENT_BLOCKED', Detail: null };
  const { agent } = await agentThatAnswers(200, { requestID: '1', failure });
  await expect(agent.protect(true, 60)).rejects.toMatchObject({
    ...{ code: 'TASK_PROTECTION_REFUSED', retryable: true },
    message: expect.stringContaining('DEPLOYMENT_BLOCKED'),
  });
});

it.each([
  [400, { error: { Arn: arn, Code: 'ThrottlingException', Message: 'Rate exceeded' } }, true],
  [500, { error: { Arn: arn, Code: 'ServerException', Message: '' } }, true],
  [400, { error: { Arn: arn, Code: 'AccessDeniedException', Message: 'not authorized' } }, false],
  [404, 'no such task', false],
])('an answer of %i, %j is a refusal; retryable: %s', async (status, body, retryable) => {
  const { agent } = await agentThatAnswers(status, body);
  await expect(agent.protect(true, 60)).rejects.toMatchObject({ code: 'ECS_AGENT_REFUSED', retryable });
});

it('does not follow where an answer leads, and does nothing outside ECS', async () => {
  const { agent } = await agentThatAnswers(302, '');
  await expect(agent.protect(true, 60)).rejects.toMatchObject({ code: 'ECS_AGENT_UNAVAILABLE' });
  await ecsAgent({}).protect(true, 60);
});
