/**
 * The HTTP API: its function, the gateway that throttles it, and the people of the stage. Everybody in the pool may look;
 * only the members of one group change anything. Its routes are opened by sign-in.ts, which knows whose tokens hold.
 * Invariant: nobody signs up by himself.
 */
import type { ResourceNames } from '../core/names.ts';
import { operatorGroup } from '../functions/api/principal.ts';
import { fleetPolicy } from './control/control.ts';
import { lambdaFunction } from './lambda-function.ts';
import type { Settings } from './settings.ts';

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
      // Read by a prefix, IAM asks for every alarm of the account; those of other stages are left out by name.
      {
        sid: 'ReadAlarms',
        actions: ['cloudwatch:DescribeAlarms'],
        resources: [`arn:aws:cloudwatch:${settings.region}:${accountId}:alarm:*`],
      },
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
  return { url: gateway.url, gateway, users, server };
}

export type Api = ReturnType<typeof api>;
