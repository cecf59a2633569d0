/**
 * The HTTP API: behind a Cognito user pool whose tokens the gateway checks itself, and throttled. Everybody in the pool may
 * look; only the members of one group change anything.
 * Invariant: no route answers without a valid token of this stage's pool; nobody signs up by himself.
 */
import type { ResourceNames } from '../core/names.ts';
import { operatorGroup } from '../functions/api/principal.ts';
import { fleetPolicy } from './control/control.ts';
import { lambdaFunction } from './lambda-function.ts';
import type { Settings } from './settings.ts';

/** functions/http-api.ts takes the same; test/deploy compares the two. */
const routes = ['ANY /api/{proxy+}'];
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
  new aws.cognito.UserGroup('Operators', {
    name: operatorGroup,
    userPoolId: users.id,
    description: 'May change cameras and order fleets; everybody else in the pool may look',
  });
  const table = (name: string) => `arn:aws:dynamodb:${settings.region}:${accountId}:table/${name}`;
  const { cameras, cameraStates, decisions, detections, fleets, ledger, workers } = names.tables;
  const server = lambdaFunction(settings, {
    name: 'http-api',
    description: 'Answers the HTTP API: cameras, fleets, decisions, results and coverage',
    environment: {
      KVS_INFER_ACCOUNT_ID: accountId,
      KVS_INFER_FLEETS: settings.fleets.join(','),
      KVS_INFER_FLEET_POLICY: JSON.stringify(fleetPolicy(settings)),
      S3_BUCKET_NAME: names.resultBucket,
    },
    permissions: [
      {
        sid: 'ReadTables',
        actions: ['dynamodb:Query'],
        resources: [cameraStates, decisions, detections, ledger, workers].map(table),
      },
      { sid: 'ReadOne', actions: ['dynamodb:GetItem'], resources: [cameras, cameraStates, fleets].map(table) },
      { sid: 'WriteRows', actions: ['dynamodb:PutItem', 'dynamodb:DeleteItem'], resources: [table(cameras)] },
      { sid: 'OrderFleets', actions: ['dynamodb:UpdateItem'], resources: [table(fleets)] },
      { sid: 'LinkPictures', actions: ['s3:GetObject'], resources: [`arn:aws:s3:::${names.resultBucket}/*`] },
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
    gateway.route(route, server.function.arn, { auth: { jwt: { authorizer: authorizer.id } } });
  }
  return { url: gateway.url, users, client, server };
}

export type Api = ReturnType<typeof api>;
