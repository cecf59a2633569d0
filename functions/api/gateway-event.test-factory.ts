/**
 * A request as the gateway hands it to the function: API Gateway's event of version 2.0, with the claims of a verified token.
 * Invariant: what a client may choose (headers, body) never ends up among what the gateway vouches for.
 */
import type { APIGatewayProxyEventV2 } from 'aws-lambda';

export const viewer = { sub: 'u-1', email: 'viewer@example.com' };
export const operator = { sub: 'u-2', email: 'operator@example.com', 'cognito:groups': '[operator]' };

export type Asked = { claims?: Record<string, unknown> | null; headers?: Record<string, string>; body?: unknown };

export function gatewayEvent(
  method: string,
  pathAndQuery: string,
  { claims = operator, headers = {}, body }: Asked = {},
): APIGatewayProxyEventV2 {
  const [rawPath = '', rawQueryString = ''] = pathAndQuery.split('?');
  return {
    ...{ version: '2.0', routeKey: 'ANY /api/{proxy+}', rawPath, rawQueryString, isBase64Encoded: false },
    headers: { host: 'api.example.com', 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    requestContext: {
      domainName: 'api.example.com',
      http: { method, path: rawPath, protocol: 'HTTP/1.1', sourceIp: '192.0.2.1', userAgent: 'test' },
      ...(claims === null ? {} : { authorizer: { jwt: { claims, scopes: null } } }),
    },
  } as unknown as APIGatewayProxyEventV2;
}
