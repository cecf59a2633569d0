/**
 * The HTTP API: read-only, behind a Cognito user pool whose tokens the gateway checks itself, and throttled.
 * Invariant: no route answers without a valid token of this stage's pool; nobody signs up by himself.
 */
import type { ResourceNames } from '../core/names.ts';
import { lambdaFunction } from './lambda-function.ts';
import type { Settings } from './settings.ts';

/** functions/read-api.ts answers the same; test/deploy compares the two. */
const routes = [
  'GET /fleets',
  'GET /fleets/{fleet}/cameras',
  'GET /fleets/{fleet}/cameras/{cameraId}',
  'GET /fleets/{fleet}/decisions',
];
/** A team looking at a dashboard; a script in a loop must not read the tables empty. */
const throttle = { throttlingRateLimit: 20, throttlingBurstLimit: 40 };
const passwordLengthMin = 14;

export function api(settings: Settings, names: ResourceNames, accountId: string) {
  const prefix = `kvs-infer-${settings.stage}`;
  const users = new aws.cognito.UserPool(
    'Users',
    {
      name: `${prefix}-users`,
      deletionProtection: settings.isProduction ? 'ACTIVE' : 'INACTIVE',
      adminCreateUserConfig: { allowAdminCreateUserOnly: true },
      usernameAttributes: ['email'],
      autoVerifiedAttributes: ['email'],
      mfaConfiguration: 'OPTIONAL',
      softwareTokenMfaConfiguration: { enabled: true },
      passwordPolicy: {
        minimumLength: passwordLengthMin,
        requireLowercase: true,
        requireUppercase: true,
        requireNumbers: true,
        requireSymbols: false,
        temporaryPasswordValidityDays: 3,
      },
    },
    { retainOnDelete: settings.isProduction },
  );
  const client = new aws.cognito.UserPoolClient('UsersClient', {
    name: `${prefix}-dashboard`,
    userPoolId: users.id,
    generateSecret: false,
    preventUserExistenceErrors: 'ENABLED',
    explicitAuthFlows: ['ALLOW_USER_SRP_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH'],
    enableTokenRevocation: true,
  });
  const table = (name: string) => `arn:aws:dynamodb:${settings.region}:${accountId}:table/${name}`;
  const reader = lambdaFunction(settings, {
    name: 'read-api',
    description: 'Answers the HTTP API: cameras and decisions of a fleet',
    environment: { KVS_INFER_ACCOUNT_ID: accountId, KVS_INFER_FLEETS: settings.fleets.join(',') },
    permissions: [
      {
        sid: 'ReadStates',
        actions: ['dynamodb:Query'],
        resources: [table(names.tables.cameraStates), table(names.tables.decisions), table(names.tables.ledger)],
      },
      { sid: 'ReadOneState', actions: ['dynamodb:GetItem'], resources: [table(names.tables.cameraStates)] },
    ],
  });
  const gateway = new sst.aws.ApiGatewayV2('Api', {
    cors: false,
    transform: {
      api: (args) => {
        args.name = `${prefix}-api`;
      },
      stage: (args) => {
        args.defaultRouteSettings = throttle;
      },
      logGroup: (args) => {
        args.retentionInDays = settings.logRetentionDays;
      },
    },
  });
  const authorizer = gateway.addAuthorizer({
    name: 'users',
    jwt: {
      issuer: $interpolate`https://cognito-idp.${settings.region}.amazonaws.com/${users.id}`,
      audiences: [client.id],
    },
  });
  for (const route of routes) {
    gateway.route(route, reader.function.arn, { auth: { jwt: { authorizer: authorizer.id } } });
  }
  return { url: gateway.url, users, client, reader };
}

export type Api = ReturnType<typeof api>;
