/**
 * The checks of `kvs-infer validate`, on the graphs of every scenario, on graphs with one thing broken, and on an empty
 * one: a check that passes there would check nothing. And the command itself, as a script runs it.
 */
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { runCheck } from '../../cli/deployment-checks/item.ts';
import { deploymentChecks } from '../../cli/validate.ts';
import { parseSettings } from '../../stacks/settings.ts';
import { Graph, type GraphData, type Inputs, type Resource } from '../../stacks/synthesis/graph.ts';
import { kvsInfer } from '../cli/kvs-infer.ts';
import { graphOf, isSynthesised, type ScenarioName } from './graphs.ts';
import { scenarios } from './scenarios.ts';

const root = fileURLToPath(new URL('../../', import.meta.url)).replace(/\/$/, '');
const settingsOf = (name: ScenarioName) => parseSettings({ ...scenarios[name].settings }, scenarios[name].stage);
/** Those whose subject is the repository and not the graph. */
const ofTheRepository = ['docs', 'settings', 'cost'];
const ofTheGraph = deploymentChecks.filter((check) => !ofTheRepository.includes(check.name));

function failuresOf(graph: Graph, name: ScenarioName): string[] {
  const subject = { graph, settings: settingsOf(name), root };
  return ofTheGraph.flatMap((check) =>
    runCheck(check, subject)
      .items.filter((item) => !item.passed)
      .map((item) => `${check.name}: ${item.what}: ${item.found}`),
  );
}

/** The graph of a scenario with the inputs of one kind of resource changed. */
function broken(name: ScenarioName, type: string, change: (inputs: Inputs, resource: Resource) => void): Graph {
  const { stage, resources, outputs } = graphOf(name);
  const data: GraphData = structuredClone({ stage, resources: [...resources], outputs, errors: [] });
  const found = data.resources.filter((resource) => resource.type === type);
  expect(found.length).toBeGreaterThan(0);
  for (const resource of found) change(resource.inputs, resource);
  return new Graph(data);
}

function changeContainer(inputs: Inputs, change: (container: Inputs) => void): void {
  const containers = JSON.parse(inputs.containerDefinitions) as Inputs[];
  for (const container of containers) change(container);
  inputs.containerDefinitions = JSON.stringify(containers);
}

describe.skipIf(!isSynthesised)('the checks', () => {
  it('have the names of the specification, the seven of the replaced deployment first', () => {
    expect(deploymentChecks.map((check) => check.name)).toEqual([
      ...['ecs-task-definition', 'ecs-service', 'iam-task-role', 'iam-execution-role', 'docs', 'deploy', 'settings'],
      ...[
        'cluster',
        'ecr',
        'asg',
        'capacity-provider',
        'network',
        'registry',
        'schedules',
        'storage',
        'alarms',
        'api',
        'web',
      ],
      ...['stages', 'cost'],
    ]);
  });

  it.each(['production', 'test', 'natInstance', 'endpoints', 'existingNat', 'existingEndpoints', 'chosen'] as const)(
    'hold for the deployment %s',
    (name) => {
      expect(failuresOf(graphOf(name), name)).toEqual([]);
    },
  );

  it('all fail on a graph with nothing in it', () => {
    const empty = new Graph({ stage: 'production', resources: [], outputs: {}, errors: [] });
    const subject = { graph: empty, settings: settingsOf('production'), root };
    for (const check of ofTheGraph) expect(runCheck(check, subject).passed, check.name).toBe(false);
  });

  const task = 'aws:ecs/taskDefinition:TaskDefinition';
  it.each<[failure: string, type: string, change: (inputs: Inputs, resource: Resource) => void]>([
    [
      'ecs-task-definition: memory (MiB): 16384',
      task,
      (inputs) => {
        inputs.memory = '16384';
      },
    ],
    [
      'ecs-task-definition: image: me/worker:latest',
      task,
      (inputs) =>
        changeContainer(inputs, (one) => {
          one.image = 'me/worker:latest';
        }),
    ],
    [
      'ecs-task-definition: GPU: none',
      task,
      (inputs) =>
        changeContainer(inputs, (one) => {
          one.resourceRequirements = [];
        }),
    ],
    [
      'ecs-service: desired count: nothing',
      'aws:ecs/service:Service',
      (_inputs, resource) => {
        resource.ignoreChanges = [];
      },
    ],
    [
      'asg: desired capacity: nothing',
      'aws:autoscaling/group:Group',
      (_inputs, resource) => {
        resource.ignoreChanges = [];
      },
    ],
    [
      'asg: metadata service: optional',
      'aws:ec2/launchTemplate:LaunchTemplate',
      (inputs) => {
        inputs.metadataOptions.httpTokens = 'optional';
      },
    ],
    [
      'iam-execution-role: wildcard actions: s3:*',
      'aws:iam/role:Role',
      (inputs, { name }) => {
        if (name === 'TaskRole') addStatement(inputs, 's3:*', 'arn:aws:s3:::a/b');
      },
    ],
    [
      'iam-execution-role: wildcard resources: s3:DeleteObject',
      'aws:iam/role:Role',
      (inputs, { name }) => {
        if (name === 'InstanceRole') addStatement(inputs, 's3:DeleteObject', '*');
      },
    ],
    [
      'iam-execution-role: secrets: injected none; readable arn:aws:ssm:eu-west-1:123456789012:parameter/a',
      'aws:iam/role:Role',
      (inputs, { name }) => {
        if (name === 'ExecutionRole') {
          addStatement(inputs, 'ssm:GetParameters', 'arn:aws:ssm:eu-west-1:123456789012:parameter/a');
        }
      },
    ],
    [
      'iam-execution-role: trust: ExecutionRole AWS:arn:aws:iam::123456789012:root',
      'aws:iam/role:Role',
      (inputs, { name }) => {
        const Principal = { AWS: 'arn:aws:iam::123456789012:root' };
        if (name === 'ExecutionRole') inputs.assumeRolePolicy = JSON.stringify({ Statement: [{ Principal }] });
      },
    ],
    [
      'asg: image: the value of /another/parameter',
      'aws:ec2/launchTemplate:LaunchTemplate',
      (inputs) => {
        inputs.imageId = 'the value of /another/parameter';
      },
    ],
    [
      'alarms: each fleet: default without gpu-load-high',
      'aws:cloudwatch/metricAlarm:MetricAlarm',
      (inputs) => {
        if (inputs.name === 'kvs-infer-production-default-gpu-load-high') inputs.name = 'another';
      },
    ],
    [
      'iam-task-role: PutObjectAcl: TaskRole',
      'aws:iam/role:Role',
      (inputs, { name }) => {
        if (name === 'TaskRole') addStatement(inputs, 's3:PutObjectAcl', 'arn:aws:s3:::a/b');
      },
    ],
    [
      'network: way in: 0.0.0.0/0',
      'aws:ec2/securityGroup:SecurityGroup',
      (inputs, { name }) => {
        if (name.startsWith('Worker')) inputs.ingress = [{ cidrBlocks: ['0.0.0.0/0'] }];
      },
    ],
    [
      'registry: stream mapping',
      'aws:lambda/eventSourceMapping:EventSourceMapping',
      (inputs) => {
        inputs.bisectBatchOnFunctionError = false;
      },
    ],
    [
      'storage: bucket, owner: BucketOwnerPreferred',
      'aws:s3/bucketOwnershipControls:BucketOwnershipControls',
      (inputs) => {
        inputs.rule.objectOwnership = 'BucketOwnerPreferred';
      },
    ],
    [
      'stages: table protection',
      'aws:dynamodb/table:Table',
      (inputs) => {
        inputs.deletionProtectionEnabled = false;
      },
    ],
  ])('say what is wrong: %s', (failure, type, change) => {
    const failures = failuresOf(broken('production', type, change), 'production');
    expect(
      failures.some((one) => one.startsWith(failure)),
      failures.join('\n'),
    ).toBe(true);
  });
});

function addStatement(inputs: Inputs, action: string, resource: string): void {
  const policy = JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Action: action, Resource: resource }],
  });
  inputs.inlinePolicies = [...inputs.inlinePolicies, { name: 'more', policy }];
}

/** The command synthesises five deployments and bundles every function: half a minute on a busy machine. */
describe.skipIf(!isSynthesised)('kvs-infer validate', { timeout: 120_000 }, () => {
  it('prints each check with the value found, and ends with 1 exactly when one failed', async () => {
    const { exitCode, stdout } = await kvsInfer(['validate', '--stage', 'test', '--json']);
    const report = JSON.parse(stdout) as {
      passed: boolean;
      checks: { name: string; passed: boolean; items: { found: string }[] }[];
    };
    expect(report.checks.map((check) => check.name)).toEqual(deploymentChecks.map((check) => check.name));
    expect(report.checks.every(({ items }) => items.length > 0 && items.every((item) => item.found !== ''))).toBe(true);
    expect(report.passed).toBe(report.checks.every((check) => check.passed));
    expect(exitCode).toBe(report.passed ? 0 : 1);
  });

  it('prints a table that fits, with the values, for people', async () => {
    const { exitCode, stdout } = await kvsInfer(['validate', '--stage', 'test']);
    expect(exitCode).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    expect(Math.max(...lines.map((line) => line.length))).toBe(100);
    expect(lines.at(-1)).toBe(`${deploymentChecks.length} passed, 0 failed`);
    expect(stdout).toMatch(/│ ok +│ family +│ kvs-infer-test-default-gpu +│/);
    expect(stdout).toMatch(/│ ok +│ port +│ 8080\/tcp +│/);
    expect(stdout).toMatch(/│ ok +│ function bundles +│ [a-z-]+ \d+ kB/);
  });

  it('stops at a stage that makes illegal names', async () => {
    const { exitCode, stdout, stderr } = await kvsInfer(['validate', '--stage', 'Not_Legal']);
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
    expect(stderr).toMatch(/^kvs-infer: SETTINGS_INVALID: [\s\S]*stage "Not_Legal": names would be illegal/);
  });
});
