/**
 * A Lambda function as this deployment makes all of them: arm64, on the Node of the repository, its own log group, traced,
 * with a role that may do what is named and nothing else.
 * Invariant: no reserved concurrency: new accounts have none to give, and the fleet's lock makes the loop single-flight.
 */
import { functionTimeoutSeconds } from '../functions/triggers.ts';
import type { PolicyStatement } from './policy-statement.ts';
import type { Settings } from './settings.ts';

/** The newest that Lambda has (since 2025-11); the same major version as everywhere else here. */
const runtime = 'nodejs24.x';
/**
 * A run of the loop reads and decides for up to 2,000 cameras. Memory buys CPU: 1,024 MiB is 0.58 vCPU, with which a run
 * of that size takes seconds, at about a dollar a month for a run a minute.
 */
const memory = '1024 MB';

export type LambdaSettings = {
  /** Names the file functions/<name>.ts and, behind the stage's prefix, the function, its role and its log group. */
  name: string;
  description: string;
  environment: Record<string, string>;
  permissions: PolicyStatement[];
};

export function lambdaFunction(settings: Settings, { name, description, environment, permissions }: LambdaSettings) {
  const fullName = `kvs-infer-${settings.stage}-${name}`;
  const logicalName = name.replace(/(?:^|-)([a-z])/g, (_match, letter: string) => letter.toUpperCase());
  const logGroup = new aws.cloudwatch.LogGroup(`${logicalName}Logs`, {
    name: `/aws/lambda/${fullName}`,
    retentionInDays: settings.logRetentionDays,
  });
  const statements: PolicyStatement[] = [
    ...permissions,
    {
      sid: 'WriteTheLog',
      actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
      resources: [$interpolate`${logGroup.arn}:*`],
    },
    { sid: 'Trace', actions: ['xray:PutTraceSegments', 'xray:PutTelemetryRecords'], resources: ['*'] },
  ];
  const made = new sst.aws.Function(logicalName, {
    name: fullName,
    description,
    handler: `functions/${name}.handler`,
    runtime,
    architecture: 'arm64',
    memory,
    timeout: `${functionTimeoutSeconds} seconds`,
    environment: {
      KVS_INFER_STAGE: settings.stage,
      LOG_LEVEL: settings.logLevel,
      NODE_OPTIONS: '--enable-source-maps',
      ...environment,
    },
    logging: { logGroup: logGroup.name, format: 'json' },
    permissions: statements.map(({ actions, resources, conditions }) => ({
      actions,
      resources,
      ...(conditions === undefined ? {} : { conditions }),
    })),
    transform: {
      function: (args) => {
        args.tracingConfig = { mode: 'Active' };
      },
      role: (args) => {
        args.name = fullName;
        // SST lets the whole account assume it, and adds a managed policy that may write every log.
        args.assumeRolePolicy = aws.iam.assumeRolePolicyForPrincipal({ Service: 'lambda.amazonaws.com' });
        args.managedPolicyArns = [];
      },
    },
  });
  return { id: name, name: fullName, function: made, logGroup };
}
