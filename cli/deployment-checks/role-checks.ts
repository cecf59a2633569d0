/**
 * What the worker's two roles may do, and what no role may: each permission by its resource and its condition.
 * Invariant: a permission that the specification does not name fails the check, so that a role can only shrink unseen.
 */

import type { Settings } from '../../stacks/settings.ts';
import type { Inputs, Resource } from '../../stacks/synthesis/graph.ts';
import { allowing, type DeploymentCheck, holds, is, type Statement, type Subject, statementsOf } from './item.ts';

const roleType = 'aws:iam/role:Role';
const taskRole = ({ graph }: Subject) => graph.one(roleType, 'TaskRole');
const executionRole = ({ graph }: Subject) => graph.one(roleType, 'ExecutionRole');
const resourcesOf = (statements: Statement[]) => statements.flatMap((statement) => statement.resources);
const actionsOf = (statements: Statement[], service: string) =>
  [...new Set(statements.flatMap((one) => one.actions).filter((action) => action.startsWith(`${service}:`)))].sort();
const arnOf = ({ settings }: Subject, service: string, rest: string) =>
  new RegExp(`^arn:aws:${service}:${settings.region}:\\d{12}:${rest}$`);
const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
/** Actions of a service whose every resource fits. */
const only = (
  what: string,
  service: string,
  actions: string[],
  expected: string,
  resource: (subject: Subject) => RegExp,
) =>
  holds(
    what,
    `${actions.map((action) => action.split(':')[1]).join(', ')} on ${expected}`,
    (subject) => ({
      actions: actionsOf(statementsOf(taskRole(subject)), service),
      resources: resourcesOf(allowing(taskRole(subject), ...actions)),
    }),
    (found, subject) =>
      found.actions.join() === actions.toSorted().join() &&
      found.resources.length > 0 &&
      found.resources.every((one) => resource(subject).test(one)),
  );
const condition = (what: string, action: string, operator: string, key: string, value: (subject: Subject) => string) =>
  holds(
    what,
    `${operator} ${key}`,
    (subject) => allowing(taskRole(subject), action).map((statement) => statement.conditions),
    (conditions, subject) =>
      conditions.length > 0 && conditions.every((one) => one[operator]?.[key] === value(subject)),
  );

export const taskRoleCheck: DeploymentCheck = {
  name: 'iam-task-role',
  items: [
    only(
      'kinesisvideo',
      'kinesisvideo',
      ['kinesisvideo:DescribeStream', 'kinesisvideo:GetDataEndpoint', 'kinesisvideo:GetMedia'],
      'stream/<prefix>*',
      (subject) => arnOf(subject, 'kinesisvideo', `stream/${escaped(subject.settings.kvsStreamPrefix)}\\*`),
    ),
    condition(
      'kinesisvideo region',
      'kinesisvideo:GetMedia',
      'StringEquals',
      'aws:RequestedRegion',
      ({ settings }) => settings.region,
    ),
    only(
      'kinesis',
      'kinesis',
      ['kinesis:DescribeStream', 'kinesis:PutRecord', 'kinesis:PutRecords'],
      'the one stream',
      (subject) => arnOf(subject, 'kinesis', 'stream/[A-Za-z0-9_.-]+'),
    ),
    only(
      's3',
      's3',
      ['s3:PutObject'],
      '<bucket>/<prefix>/*',
      ({ settings }) => new RegExp(`^arn:aws:s3:::[a-z0-9-]+/${settings.snapshots.prefix}/\\*$`),
    ),
    condition('s3 encryption', 's3:PutObject', 'StringEquals', 's3:x-amz-server-side-encryption', () => 'AES256'),
    only(
      'dynamodb',
      'dynamodb',
      ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:Query', 'dynamodb:UpdateItem'],
      'workers, camera-states and detections',
      (subject) =>
        arnOf(subject, 'dynamodb', `table/kvs-infer-${subject.settings.stage}-(workers|camera-states|detections)`),
    ),
    is('cloudwatch', ['cloudwatch:PutMetricData'], (subject) =>
      actionsOf(statementsOf(taskRole(subject)), 'cloudwatch'),
    ),
    condition(
      'cloudwatch namespace',
      'cloudwatch:PutMetricData',
      'StringEquals',
      'cloudwatch:namespace',
      () => 'KvsInfer',
    ),
    holds(
      'ssm',
      'parameters under our path',
      (subject) => resourcesOf(allowing(taskRole(subject), 'ssm:GetParameter', 'ssm:GetParameters')),
      (found, subject) =>
        found.length > 0 &&
        found.every((one) => arnOf(subject, 'ssm', `parameter/kvs-infer/${subject.settings.stage}/\\*`).test(one)),
    ),
    holds(
      'secretsmanager',
      'secrets under our path',
      (subject) => resourcesOf(allowing(taskRole(subject), 'secretsmanager:GetSecretValue')),
      (found, subject) =>
        found.length > 0 &&
        found.every((one) =>
          arnOf(subject, 'secretsmanager', `secret:kvs-infer/${subject.settings.stage}/\\*`).test(one),
        ),
    ),
    holds(
      'task protection',
      'tasks of its own cluster',
      (subject) => resourcesOf(allowing(taskRole(subject), 'ecs:UpdateTaskProtection')),
      (found, subject) =>
        found.length > 0 && found.every((one) => arnOf(subject, 'ecs', 'task/[A-Za-z0-9_-]+/\\*').test(one)),
    ),
    holds(
      'PutObjectAcl',
      'nowhere: the bucket enforces its owner',
      ({ graph }) => graph.all(roleType).flatMap((role) => allowing(role, 's3:PutObjectAcl').map(() => role.name)),
      (roles) => roles.length === 0,
    ),
  ],
};

/** ECR and Session Manager know no resources for these; the rest is listed with its reason in the deployment tests. */
const withoutResource =
  /^(ecr:GetAuthorizationToken|ssmmessages:|cloudwatch:(PutMetricData|GetMetricData)|xray:|ec2:Describe|autoscaling:Describe|kinesisvideo:ListStreams|dynamodb:ListStreams|ecs:DiscoverPollEndpoint)/;

export const executionRoleCheck: DeploymentCheck = {
  name: 'iam-execution-role',
  items: [
    is('login', ['*'], (subject) => resourcesOf(allowing(executionRole(subject), 'ecr:GetAuthorizationToken'))),
    holds(
      'pull',
      'the one repository',
      (subject) =>
        resourcesOf(
          allowing(
            executionRole(subject),
            'ecr:BatchGetImage',
            'ecr:GetDownloadUrlForLayer',
            'ecr:BatchCheckLayerAvailability',
          ),
        ),
      (found, subject) =>
        found.length > 0 &&
        found.every((one) =>
          arnOf(subject, 'ecr', `repository/${escaped(pulledRepositoryName(subject.settings))}`).test(one),
        ),
    ),
    holds(
      'logs',
      'the group of the workers',
      (subject) => resourcesOf(allowing(executionRole(subject), 'logs:PutLogEvents')),
      (found, subject) =>
        found.length > 0 &&
        found.every((one) => arnOf(subject, 'logs', 'log-group:/ecs/kvs-infer[a-z0-9-]*:\\*').test(one)),
    ),
    holds(
      'secrets',
      'those that the tasks inject, and no others',
      (subject) => ({ injected: injectedSecrets(subject), readable: readableSecrets(executionRole(subject)) }),
      ({ injected, readable }) => injected.toSorted().join() === readable.toSorted().join(),
    ),
    holds(
      'trust',
      'every role: one AWS service, never the account',
      ({ graph }) =>
        graph.all(roleType).map((role) => `${role.name} ${principalsOf(role.inputs.assumeRolePolicy).join(' ')}`),
      (roles) => roles.length > 0 && roles.every((one) => /^[A-Za-z-]+ [a-z0-9-]+\.amazonaws\.com$/.test(one)),
    ),
    holds(
      'wildcard actions',
      'none in any role',
      ({ graph }) =>
        graph
          .all(roleType)
          .flatMap((role) => statementsOf(role).flatMap((one) => one.actions.filter((action) => action.includes('*')))),
      (actions) => actions.length === 0,
    ),
    holds(
      'wildcard resources',
      'only calls that know no resource',
      ({ graph }) =>
        graph
          .all(roleType)
          .flatMap((role) => statementsOf(role).flatMap((one) => (one.resources.includes('*') ? one.actions : [])))
          .filter((action) => !withoutResource.test(action)),
      (actions) => actions.length === 0,
    ),
  ],
};

const secretActions = ['secretsmanager:GetSecretValue', 'ssm:GetParameter', 'ssm:GetParameters', 'kms:Decrypt'];
const readableSecrets = (role: Resource) => [...new Set(resourcesOf(allowing(role, ...secretActions)))];

/** What the containers' `secrets` name. */
function injectedSecrets({ graph }: Subject): string[] {
  const containers = graph
    .all('aws:ecs/taskDefinition:TaskDefinition')
    .flatMap(({ inputs }) => JSON.parse(inputs.containerDefinitions) as Inputs[]);
  if (containers.length === 0) throw new Error('there is no task definition');
  return [...new Set(containers.flatMap(({ secrets = [] }) => (secrets as Inputs[]).map((one) => one.valueFrom)))];
}

/** `Service` principals by name; any other with its kind, which no role here may have. */
function principalsOf(policy: unknown): string[] {
  const document = (typeof policy === 'string' ? JSON.parse(policy) : policy) as { Statement: Inputs[] };
  return document.Statement.flatMap((statement) =>
    Object.entries(statement.Principal as Record<string, string | string[]>).flatMap(([kind, names]) =>
      [names].flat().map((name) => (kind === 'Service' ? name : `${kind}:${name}`)),
    ),
  );
}

/** A chosen image may lie in another repository of ECR than ours. */
function pulledRepositoryName({ imageUri, names }: Settings): string {
  return /\.amazonaws\.com\/([^@:]+)/.exec(imageUri ?? '')?.[1] ?? names.repository;
}
