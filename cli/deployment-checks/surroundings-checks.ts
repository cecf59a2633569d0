/**
 * What surrounds the fleet: network, tables, schedules and event rules, storage, and what a stage keeps when it is
 * removed.
 * Invariant: every item of the specification's lists is one line here.
 */
import { resourceNames } from '../../core/names.ts';
import { interfaceEndpoints } from '../../stacks/endpoint-services.ts';
import type { Inputs } from '../../stacks/synthesis/graph.ts';
import { type DeploymentCheck, firstOf, holds, is, type Subject } from './item.ts';

const endpointType = 'aws:ec2/vpcEndpoint:VpcEndpoint';
const serviceOf = (inputs: Inputs) => String(inputs.serviceName).replace(/^com\.amazonaws\.[^.]+\./, '');
const endpointsOf = ({ graph }: Subject, kind: string) =>
  graph
    .all(endpointType)
    .filter(({ inputs }) => inputs.vpcEndpointType === kind)
    .map(({ inputs }) => serviceOf(inputs))
    .sort();
/** SST's Vpc. */
const vpcBlock = '10.0.0.0/16';
const present = ({ settings }: Subject) => settings.network.endpointsPresent;

export const networkCheck: DeploymentCheck = {
  name: 'network',
  items: [
    holds(
      'way in',
      'none but from our own groups, and to NAT instances from the VPC',
      ({ graph }) =>
        graph
          .all('aws:ec2/securityGroup:SecurityGroup')
          .flatMap(({ inputs }) => inputs.ingress as Inputs[])
          .flatMap((rule) => [...((rule.cidrBlocks ?? []) as string[]), ...((rule.ipv6CidrBlocks ?? []) as string[])]),
      (blocks) => blocks.every((block) => block === vpcBlock),
    ),
    holds(
      'gateway endpoints',
      's3 and dynamodb',
      (subject) => [...endpointsOf(subject, 'Gateway'), ...present(subject)],
      (services) => ['s3', 'dynamodb'].every((service) => services.includes(service)),
    ),
    holds(
      'interface endpoints',
      'ecr.api, ecr.dkr, logs, kinesis-streams; without a NAT kinesisvideo and every other service called',
      (subject) => [...endpointsOf(subject, 'Interface'), ...present(subject)],
      (services, { settings }) =>
        interfaceEndpoints(settings.network.mode).every((service) => services.includes(service)),
    ),
    holds(
      'way out',
      'NAT gateways, NAT instances, or none, as NETWORK says',
      ({ graph }) => ({
        gateways: graph.all('aws:ec2/natGateway:NatGateway').length,
        instances: graph.all('aws:ec2/instance:Instance').length,
      }),
      ({ gateways, instances }, { settings: { network } }) => {
        const isNew = network.existing === null;
        return (
          gateways > 0 === (isNew && network.mode === 'nat') &&
          instances > 0 === (isNew && network.mode === 'nat-instance')
        );
      },
    ),
    holds(
      'zones',
      'two or more',
      ({ graph, settings }) =>
        settings.network.existing?.privateSubnetIds ??
        graph.all('aws:ec2/subnet:Subnet', /Private/).map(({ inputs }) => inputs.availabilityZone as string),
      (zones) => new Set(zones).size >= 2,
    ),
  ],
};

const tables = ({ graph }: Subject) => graph.all('aws:dynamodb/table:Table').map((table) => table.inputs);

export const registryCheck: DeploymentCheck = {
  name: 'registry',
  items: [
    holds(
      'tables',
      'the seven of the data model',
      (subject) => tables(subject).map((table) => table.name as string),
      (names, { settings }) =>
        Object.values(resourceNames(settings.stage, '').tables).every((name) => names.includes(name)),
    ),
    holds(
      'billing and recovery',
      'on demand, point-in-time recovery',
      (subject) => tables(subject).map((table) => `${table.billingMode} ${table.pointInTimeRecovery?.enabled}`),
      (found) => found.length > 0 && found.every((one) => one === 'PAY_PER_REQUEST true'),
    ),
    is(
      'stream of cameras',
      'NEW_AND_OLD_IMAGES',
      (subject) => firstOf(subject, 'aws:dynamodb/table:Table', /^Cameras/).streamViewType,
    ),
    holds(
      'stream mapping',
      'bisect, retries, age limit, partial batch response, failure queue',
      (subject) => firstOf(subject, 'aws:lambda/eventSourceMapping:EventSourceMapping'),
      (mapping) =>
        mapping.bisectBatchOnFunctionError === true &&
        mapping.maximumRetryAttempts >= 0 &&
        mapping.maximumRecordAgeInSeconds > 0 &&
        mapping.functionResponseTypes?.join() === 'ReportBatchItemFailures' &&
        /:sqs:/.test(mapping.destinationConfig?.onFailure?.destinationArn),
    ),
  ],
};

const patterns = ({ graph }: Subject) =>
  graph.all('aws:cloudwatch/eventRule:EventRule').map(({ inputs }) => String(inputs.eventPattern));
const events = [
  'ECS Task State Change',
  'ECS Container Instance State Change',
  'EC2 Spot Instance Interruption Warning',
  'EC2 Instance Rebalance Recommendation',
  'EC2 Instance Launch Unsuccessful',
  'EC2 Instance Terminate Unsuccessful',
];

export const schedulesCheck: DeploymentCheck = {
  name: 'schedules',
  items: [
    is('tick', 'rate(1 minute)', (subject) => firstOf(subject, 'aws:scheduler/schedule:Schedule').scheduleExpression),
    holds(
      'dead letters of the tick',
      'an SQS queue',
      (subject) => String(firstOf(subject, 'aws:scheduler/schedule:Schedule').target.deadLetterConfig.arn),
      (arn) => /:sqs:/.test(arn),
    ),
    ...events.map((event) =>
      holds(
        event,
        'an event rule',
        (subject) => patterns(subject).filter((pattern) => pattern.includes(event)).length,
        (rules) => rules > 0,
      ),
    ),
    holds(
      'functions',
      'arm64, Node 24, no reserved concurrency',
      ({ graph }) =>
        graph
          .all('aws:lambda/function:Function')
          .map(
            ({ inputs }) =>
              `${inputs.architectures?.join()} ${inputs.runtime} ${inputs.reservedConcurrentExecutions ?? 'none'}`,
          ),
      (found) => found.length >= 3 && found.every((one) => one === 'arm64 nodejs24.x none'),
    ),
  ],
};

const bucketPart = (type: string, name: RegExp) => (subject: Subject) => firstOf(subject, `aws:s3/${type}`, name);

export const storageCheck: DeploymentCheck = {
  name: 'storage',
  items: [
    is('bucket, public access', [true, true, true, true], (subject) => {
      const block = bucketPart('bucketPublicAccessBlock:BucketPublicAccessBlock', /^Snapshots/)(subject);
      return [block.blockPublicAcls, block.blockPublicPolicy, block.ignorePublicAcls, block.restrictPublicBuckets];
    }),
    is(
      'bucket, owner',
      'BucketOwnerEnforced',
      (subject) =>
        bucketPart('bucketOwnershipControls:BucketOwnershipControls', /^Snapshots/)(subject).rule.objectOwnership,
    ),
    is(
      'bucket, encryption',
      'AES256',
      (subject) =>
        bucketPart(
          'bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration',
          /^Snapshots/,
        )(subject).rules[0].applyServerSideEncryptionByDefault.sseAlgorithm,
    ),
    holds(
      'bucket, TLS',
      'refuses anything else',
      (subject) => String(bucketPart('bucketPolicy:BucketPolicy', /^Snapshots/)(subject).policy),
      (policy) => /"Deny".*"aws:SecureTransport":"false"/.test(policy),
    ),
    holds(
      'bucket, lifecycle',
      'snapshots end after SNAPSHOT_DAYS',
      (subject) =>
        Number(
          bucketPart('bucketLifecycleConfiguration:BucketLifecycleConfiguration', /^Snapshots/)(subject).rules[0]
            .expiration.days,
        ),
      (days, { settings }) => days === settings.snapshots.days,
    ),
    is('stream', 'KMS ON_DEMAND', (subject) => {
      const stream = firstOf(subject, 'aws:kinesis/stream:Stream');
      return `${stream.encryptionType} ${stream.streamModeDetails.streamMode}`;
    }),
  ],
};

export const stagesCheck: DeploymentCheck = {
  name: 'stages',
  items: [
    holds(
      'table protection',
      'protected from deletion in production only',
      (subject) => tables(subject).map((table) => table.deletionProtectionEnabled as boolean),
      (found, { settings }) => found.length > 0 && found.every((one) => (one ?? false) === settings.isProduction),
    ),
    holds(
      'images go with the stage',
      'its images outlive it in production only',
      (subject) => Boolean(firstOf(subject, 'aws:ecr/repository:Repository').forceDelete),
      (forced, { settings }) => forced !== settings.isProduction,
    ),
  ],
};
