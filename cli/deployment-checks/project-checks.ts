/**
 * What the specification asks of the project around the deployment: documentation, the deploy step itself, the settings
 * and the cost estimate.
 * Invariant: documentation is checked by its headings, so a chapter that goes missing is a failed check.
 */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { billOf } from '../../core/cost/bill.ts';
import { originalDeployment, originalTotalUsd } from '../../core/cost/original-deployment.ts';
import { priceTable } from '../../core/cost/prices.ts';
import { parseSettings, settingNames } from '../../stacks/settings.ts';
import { type Bundle, bundleBytesMax, bundleFunctions } from '../../stacks/synthesis/bundles.ts';
import type { Graph } from '../../stacks/synthesis/graph.ts';
import { type DeploymentCheck, firstOf, holds, type Subject } from './item.ts';

const text = ({ root }: Subject, file: string) => readFileSync(path.join(root, file), 'utf8');
const chapter = (what: string, file: string, heading: RegExp) =>
  holds(
    what,
    `a heading of ${file}`,
    (subject) =>
      text(subject, file)
        .split('\n')
        .find((line) => /^#+ /.test(line) && heading.test(line)) ?? `none like ${heading.source}`,
    (found) => heading.test(found) && found.startsWith('#'),
  );

export const docsCheck: DeploymentCheck = {
  name: 'docs',
  items: [
    chapter('prerequisites', 'docs/deploy.md', /prerequisites/i),
    chapter('step by step', 'docs/deploy.md', /step by step/i),
    chapter('VPC endpoints', 'docs/deploy.md', /endpoints/i),
    holds(
      'architecture, with a diagram',
      'a drawn diagram in docs/architecture.md or docs/deploy.md',
      (subject) =>
        ['docs/architecture.md', 'docs/deploy.md'].filter((file) => /```mermaid|\.svg/.test(text(subject, file))),
      (files: string[]) => files.length > 0,
    ),
    chapter('Container Insights', 'docs/troubleshoot.md', /container insights/i),
    chapter('task fails to start', 'docs/troubleshoot.md', /task (fails|does not) (to )?start/i),
    chapter('GPU not detected', 'docs/troubleshoot.md', /gpu/i),
    chapter('high NAT cost', 'docs/troubleshoot.md', /high nat/i),
    chapter("service won't scale", 'docs/troubleshoot.md', /scale/i),
    chapter('health check failed', 'docs/troubleshoot.md', /health check/i),
    chapter('roll back', 'docs/deploy.md', /roll back/i),
    chapter('remove', 'docs/deploy.md', /remove/i),
    chapter('stages and regions', 'docs/deploy.md', /stages and more regions/i),
    holds(
      'CI/CD example',
      'docs/deploy-workflow.yml: checks, validate, preflight, deploy',
      (subject) =>
        ['npm test', 'kvs-infer validate', 'kvs-infer preflight', 'sst deploy'].filter((command) =>
          text(subject, 'docs/deploy-workflow.yml').includes(command),
        ),
      (commands) => commands.length === 4,
    ),
    chapter('monitoring', 'docs/operate.md', /^## alarms/i),
    chapter('ECS Exec', 'docs/operate.md', /into a worker/i),
    chapter('logs', 'docs/operate.md', /^## logs/i),
    chapter('cost', 'docs/cost.md', /cost/i),
    chapter('security', 'docs/security.md', /security/i),
  ],
};

export const deployCheck: DeploymentCheck = {
  name: 'deploy',
  items: [
    holds(
      'image',
      'built from worker/Dockerfile and pushed, or given by digest',
      (subject) => {
        if (subject.settings.imageUri !== undefined) return subject.settings.imageUri;
        const { dockerfile, push, platforms } = firstOf(subject, 'docker-build:index:Image');
        return `${path.relative(subject.root, dockerfile.location)} ${platforms?.join()} push ${push}`;
      },
      (found) => /@sha256:[0-9a-f]{64}$|^worker\/Dockerfile linux\/amd64 push true$/.test(found),
    ),
    holds(
      'what the script made',
      'repository, roles, cluster, task definition, security group, service',
      ({ graph }) =>
        [
          'aws:ecr/repository:Repository',
          'aws:iam/role:Role',
          'aws:ecs/cluster:Cluster',
          'aws:ecs/taskDefinition:TaskDefinition',
          'aws:ec2/securityGroup:SecurityGroup',
          'aws:ecs/service:Service',
        ].map((type) => present(graph, type)),
      (found) => found.every((one) => !one.startsWith('no ')),
    ),
    holds(
      'what it left manual',
      'VPC, endpoints, Auto Scaling group, capacity provider',
      ({ graph, settings }) =>
        [
          ...(settings.network.existing === null ? ['aws:ec2/vpc:Vpc'] : []),
          'aws:ec2/vpcEndpoint:VpcEndpoint',
          'aws:autoscaling/group:Group',
          'aws:ecs/capacityProvider:CapacityProvider',
        ].map((type) => present(graph, type)),
      (found) => found.every((one) => !one.startsWith('no ')),
    ),
    holds(
      'function bundles',
      `each smaller than ${bundleBytesMax / 1000} kB`,
      ({ graph, settings, root }) =>
        sizesOf(
          root,
          graph
            .all('aws:lambda/function:Function')
            .map(({ inputs }) => String(inputs.name).replace(`kvs-infer-${settings.stage}-`, '')),
        ).map(({ name, bytes }) => `${name} ${Math.round(bytes / 1000)} kB`),
      (found) => found.length > 0 && found.every((one) => Number(one.split(' ')[1]) < bundleBytesMax / 1000),
    ),
    holds(
      'before it starts',
      'kvs-infer preflight',
      ({ root }) => (existsSync(path.join(root, 'cli/preflight.ts')) ? 'npx kvs-infer preflight' : 'absent'),
      (found) => found !== 'absent',
    ),
  ],
};

/** `vpc`, or `no vpc`, of `aws:ec2/vpc:Vpc`. */
function present(graph: Graph, type: string): string {
  const name = type.replace(/^.*\/|:.*$/g, '').replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return `${graph.all(type).length === 0 ? 'no ' : ''}${name}`;
}

const measured = new Map<string, Bundle[]>();

/** Measured once: the sources do not change while a command runs. */
function sizesOf(root: string, names: string[]): Bundle[] {
  const key = [root, ...names].join();
  const bundles = measured.get(key) ?? bundleFunctions(root, names);
  measured.set(key, bundles);
  return bundles;
}

export const settingsCheck: DeploymentCheck = {
  name: 'settings',
  items: [
    holds(
      '.env.example',
      'names every setting',
      (subject) => {
        const file = text(subject, '.env.example');
        const absent = settingNames.filter((name) => !new RegExp(`^#? ?${name}=`, 'm').test(file));
        return absent.length === 0 ? `all ${settingNames.length}` : `without ${absent.join(', ')}`;
      },
      (found) => found.startsWith('all'),
    ),
    holds(
      'AWS_REGION',
      'required: its absence stops everything',
      ({ settings }) => refusal({}, settings.stage),
      (found) => found.includes('AWS_REGION is not set'),
    ),
    holds(
      'wrong values',
      'named all together, before anything is created',
      ({ settings }) => refusal({ AWS_REGION: 'nowhere', MIN_WORKERS: '5', MAX_WORKERS: '2' }, settings.stage),
      (found) => found.includes('AWS_REGION') && found.includes('MIN_WORKERS'),
    ),
    holds(
      'models',
      'exist in the repository',
      ({ settings, root }) =>
        settings.models.map(
          ({ name, file }) => `${name} ${file}${existsSync(path.resolve(root, file)) ? '' : ' is absent'}`,
        ),
      (found) => found.length > 0 && found.every((one) => !one.endsWith(' is absent')),
    ),
  ],
};

/** What `sst deploy` would say to these settings. */
function refusal(settings: Record<string, string>, stage: string): string {
  try {
    parseSettings(settings, stage);
    return 'accepted';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

export const costCheck: DeploymentCheck = {
  name: 'cost',
  items: [
    holds(
      "the original's table",
      `about ${originalTotalUsd} USD a month`,
      () => Math.round(billOf(originalDeployment, priceTable, 'us-east-1').totalUsd),
      (totalUsd) => Math.abs(totalUsd - originalTotalUsd) <= originalTotalUsd / 100,
    ),
    holds(
      'prices of the region',
      'in the table',
      ({ settings }) => Object.keys(priceTable[settings.region] ?? {}).length,
      (prices) => prices > 0,
    ),
  ],
};
