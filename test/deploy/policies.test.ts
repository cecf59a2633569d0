/** Every policy of every deployment, statement by statement: who is trusted, what is allowed, and which code needs it. */
import { describe, expect, it } from 'vitest';
import type { Graph } from '../../stacks/synthesis/graph.ts';
import { graphOf, isSynthesised, type ScenarioName } from './graphs.ts';
import { usedActions } from './used-calls.ts';

type Statement = {
  Effect: string;
  Action: string | string[];
  Resource: string | string[];
  Principal?: unknown;
  Condition?: Record<string, Record<string, string | string[]>>;
};
type Policy = { of: string; statements: Statement[] };

const deployed: ScenarioName[] = ['test', 'production', 'natInstance', 'endpoints', 'existingEndpoints', 'chosen'];
const role = 'aws:iam/role:Role';

/** What IAM cannot narrow to a resource, and why it is needed. */
const onEveryResource: Record<string, string> = {
  'autoscaling:DescribeAutoScalingGroups': 'has no resource level',
  'autoscaling:DescribeScalingActivities': 'has no resource level',
  'cloudwatch:GetMetricData': 'has no resource level',
  'cloudwatch:PutMetricData': 'has no resource level; narrowed to our namespace by a condition',
  'dynamodb:ListStreams': 'has no resource level; asked by the poller of the stream mapping',
  'ec2:DescribeInstances': 'has no resource level',
  'ecr:GetAuthorizationToken': 'has no resource level',
  'ecs:DiscoverPollEndpoint': 'has no resource level',
  'kinesisvideo:ListStreams': 'has no resource level',
  'ssmmessages:CreateControlChannel': 'has no resource level; ECS Exec',
  'ssmmessages:CreateDataChannel': 'has no resource level; ECS Exec',
  'ssmmessages:OpenControlChannel': 'has no resource level; ECS Exec',
  'ssmmessages:OpenDataChannel': 'has no resource level; ECS Exec',
  'xray:PutTelemetryRecords': 'has no resource level',
  'xray:PutTraceSegments': 'has no resource level',
};

const lambdaItself = {
  'logs:CreateLogStream': 'Lambda writes the function log',
  'logs:PutLogEvents': 'Lambda writes the function log',
  'xray:PutTelemetryRecords': 'Lambda writes the trace',
  'xray:PutTraceSegments': 'Lambda writes the trace',
};
const failureQueue = { 'sqs:SendMessage': 'Lambda puts what failed into the queue' };
const kept = 'seed.md asks for it: people look at the stream or table from inside the task with ECS Exec';
const reserved = 'seed.md asks for it: parameters, secrets and metrics of this stage alone, for operators of the image';

/** What no SDK call of our code shows, by role, with who uses it. */
const usedOtherwise: Record<string, Record<string, string>> = {
  ReconcileRole: { ...lambdaItself, ...failureQueue },
  CapacityChangedRole: { ...lambdaItself, ...failureQueue },
  CameraChangedRole: {
    ...lambdaItself,
    ...failureQueue,
    'dynamodb:DescribeStream': 'the poller of the stream mapping',
    'dynamodb:GetRecords': 'the poller of the stream mapping',
    'dynamodb:GetShardIterator': 'the poller of the stream mapping',
    'dynamodb:ListStreams': 'the poller of the stream mapping',
  },
  HttpApiRole: lambdaItself,
  TaskRole: {
    'ecs:GetTaskProtection': 'the ECS agent asks with the role of the task (aws/ecs-agent.ts)',
    'ecs:UpdateTaskProtection': 'the ECS agent asks with the role of the task (aws/ecs-agent.ts)',
    'ssmmessages:CreateControlChannel': 'ECS Exec',
    'ssmmessages:CreateDataChannel': 'ECS Exec',
    'ssmmessages:OpenControlChannel': 'ECS Exec',
    'ssmmessages:OpenDataChannel': 'ECS Exec',
    'kinesisvideo:DescribeStream': kept,
    'kinesis:DescribeStream': kept,
    'kinesis:PutRecord': kept,
    'dynamodb:GetItem': kept,
    'dynamodb:Query': kept,
    'cloudwatch:PutMetricData': reserved,
    'ssm:GetParameter': reserved,
    'ssm:GetParameters': reserved,
    'secretsmanager:GetSecretValue': reserved,
  },
};
/** A file is reached whole; these of its calls are not made from the entry. */
const notCalled: Record<string, string[]> = {
  // Only camera-changed creates streams; the others read the list of them from the same file.
  ReconcileRole: ['kinesisvideo:CreateStream'],
  CapacityChangedRole: ['kinesisvideo:CreateStream'],
};
const programs: Record<string, string> = {
  ReconcileRole: 'functions/reconcile.ts',
  CapacityChangedRole: 'functions/capacity-changed.ts',
  CameraChangedRole: 'functions/camera-changed.ts',
  HttpApiRole: 'functions/http-api.ts',
  TaskRole: 'worker/main.ts',
};

const list = <Value>(value: Value | Value[]): Value[] => (Array.isArray(value) ? value : [value]);

function policiesOf(graph: Graph): Policy[] {
  const texts = [
    ...graph
      .all(role)
      .flatMap(({ name, inputs }) =>
        (inputs.inlinePolicies ?? []).map(({ policy }: { policy: string }) => [name, policy]),
      ),
    ...graph.all('aws:iam/rolePolicy:RolePolicy').map(({ name, inputs }) => [name, inputs.policy]),
    ...['s3/bucketPolicy:BucketPolicy', 'sqs/queuePolicy:QueuePolicy', 'sns/topicPolicy:TopicPolicy'].flatMap((type) =>
      graph.all(`aws:${type}`).map(({ name, inputs }) => [name, inputs.policy]),
    ),
  ] as [string, string][];
  return texts.map(([of, text]) => ({ of, statements: JSON.parse(text).Statement as Statement[] }));
}

const allowed = (graph: Graph, of?: string) =>
  policiesOf(graph)
    .filter((policy) => of === undefined || policy.of === of)
    .flatMap((policy) => policy.statements.map((statement) => ({ of: policy.of, ...statement })))
    .filter(({ Effect }) => Effect === 'Allow');
const actionsOf = (graph: Graph, of: string) =>
  [...new Set(allowed(graph, of).flatMap(({ Action }) => list(Action)))].sort();

describe.skipIf(!isSynthesised)('every policy', () => {
  it.each(deployed)('%s: names its actions', (scenario) => {
    const statements = allowed(graphOf(scenario));
    expect(statements.length).toBeGreaterThan(30);
    for (const { of, Action } of statements) {
      for (const action of list(Action)) expect(action, of).toMatch(/^[a-z0-9-]+:[A-Za-z0-9]+$/);
    }
  });

  it.each(deployed)('%s: names its resources wherever IAM can', (scenario) => {
    for (const { of, Action, Resource, Condition } of allowed(graphOf(scenario))) {
      for (const resource of list(Resource)) {
        if (resource !== '*') {
          // A wildcard ends a name; it never stands for a service, an account or all tables.
          expect(resource, of).toMatch(
            /^arn:aws:[a-z0-9-]+:[a-z0-9-]*:[0-9]*:[^*]+|^arn:aws:autoscaling:[^*]+:autoScalingGroup:\*:/,
          );
          continue;
        }
        for (const action of list(Action)) {
          expect(Object.keys(onEveryResource), `${of} allows ${action} on every resource`).toContain(action);
          if (action === 'cloudwatch:PutMetricData') {
            expect(Condition, of).toEqual({ StringEquals: { 'cloudwatch:namespace': 'KvsInfer' } });
          }
        }
      }
    }
  });

  it.each(deployed)('%s: roles are for one AWS service each, never for an account', (scenario) => {
    const roles = graphOf(scenario).all(role);
    expect(roles.length).toBeGreaterThan(6);
    for (const { name, inputs } of roles) {
      const trust =
        typeof inputs.assumeRolePolicy === 'string' ? JSON.parse(inputs.assumeRolePolicy) : inputs.assumeRolePolicy;
      for (const { Principal, Effect } of trust.Statement as Statement[]) {
        expect(Effect, name).toBe('Allow');
        expect(Object.keys(Principal as object), name).toEqual(['Service']);
        expect(list((Principal as { Service: string | string[] }).Service), name).toHaveLength(1);
      }
      // The NAT instance of SST is reached through Session Manager and has no other permission.
      const managed = /Nat/.test(name) ? [expect.stringMatching(/AmazonSSMManagedInstanceCore$/)] : [];
      expect(inputs.managedPolicyArns ?? [], name).toEqual(managed);
    }
    expect(graphOf(scenario).all('aws:iam/rolePolicyAttachment:RolePolicyAttachment')).toEqual([]);
  });

  it.each(deployed)('%s: nobody outside is let in by a resource policy', (scenario) => {
    for (const { of, statements } of policiesOf(graphOf(scenario))) {
      for (const { Effect, Principal } of statements) {
        if (Effect !== 'Allow' || Principal === undefined) continue;
        expect(Object.keys(Principal as object), of).toEqual(['Service']);
      }
    }
  });
});

describe.skipIf(!isSynthesised)('permissions and the code that needs them', () => {
  it.each(Object.entries(programs))('%s may do what %s does, and nothing else', (name, entry) => {
    const used = usedActions(entry).filter((action) => !notCalled[name]?.includes(action));
    expect(used.length).toBeGreaterThan(0);
    const otherwise = Object.keys(usedOtherwise[name] ?? {});
    expect(actionsOf(graphOf('test'), name)).toEqual([...new Set([...used, ...otherwise])].sort());
  });

  it('the loop may choose markets and types of its own groups, and launch further ones only where they are set', () => {
    const of = (scenario: ScenarioName, action: string) =>
      allowed(graphOf(scenario), 'ReconcileRole').filter(({ Action }) => list(Action).includes(action));
    expect(of('test', 'autoscaling:UpdateAutoScalingGroup')).toMatchObject([
      {
        Resource: expect.stringMatching(/:autoScalingGroupName\/kvs-infer-test-default-asg$/),
        Condition: {
          Null: {
            'autoscaling:MinSize': 'true',
            'autoscaling:MaxSize': 'true',
            'autoscaling:VPCZoneIdentifiers': 'true',
          },
        },
      },
    ]);
    for (const action of ['ec2:RunInstances', 'iam:PassRole']) expect(of('test', action)).toEqual([]);
    expect(of('chosen', 'ec2:RunInstances')).toMatchObject([
      {
        Condition: {
          ArnLike: { 'ec2:LaunchTemplate': 'arn:aws:ec2:eu-west-1:123456789012:launch-template/*' },
          Bool: { 'ec2:IsLaunchTemplateResource': 'true' },
        },
      },
    ]);
    expect(of('chosen', 'iam:PassRole')).toMatchObject([
      {
        Resource: 'arn:aws:iam::123456789012:role/kvs-infer-production-instance',
        Condition: { StringEquals: { 'iam:PassedToService': 'ec2.amazonaws.com' } },
      },
    ]);
  });

  it('an instance may do what its boot script and the ECS agent do', () => {
    const graph = graphOf('test');
    const script = Buffer.from(graph.one('aws:ec2/launchTemplate:LaunchTemplate').inputs.userData, 'base64').toString();
    expect(
      [...script.matchAll(/aws (s3 cp|cloudwatch put-metric-data|[a-z0-9-]+ [a-z-]+) --/g)].map((match) => match[1]),
    ).toEqual(['s3 cp', 'cloudwatch put-metric-data']);
    expect(actionsOf(graph, 'InstanceRole')).toEqual([
      'cloudwatch:PutMetricData',
      'ecs:DeregisterContainerInstance',
      'ecs:DiscoverPollEndpoint',
      'ecs:Poll',
      'ecs:RegisterContainerInstance',
      'ecs:StartTelemetrySession',
      'ecs:SubmitAttachmentStateChanges',
      'ecs:SubmitContainerStateChange',
      'ecs:SubmitTaskStateChange',
      'ecs:UpdateContainerInstancesState',
      's3:GetObject',
    ]);
  });

  it('iam-task-role: each of its permissions on the one thing it is for', () => {
    const statements = allowed(graphOf('test'), 'TaskRole');
    const of = (action: string) => {
      const found = statements.filter(({ Action }) => list(Action).includes(action));
      expect(found, action).toHaveLength(1);
      return found[0] as Statement;
    };
    const arn = (rest: string) => `arn:aws:${rest.replace('@', 'ap-southeast-1:123456789012')}`;
    expect(of('kinesisvideo:GetMedia')).toMatchObject({
      Resource: arn('kinesisvideo:@:stream/kvs-infer-*'),
      Condition: { StringEquals: { 'aws:RequestedRegion': 'ap-southeast-1' } },
    });
    expect(of('kinesis:PutRecords').Resource).toBe(arn('kinesis:@:stream/kvs-infer-test-results'));
    expect(of('s3:PutObject')).toMatchObject({
      Resource: 'arn:aws:s3:::kvs-infer-test-results-123456789012/snapshots/*',
      Condition: { StringEquals: { 's3:x-amz-server-side-encryption': 'AES256' } },
    });
    expect(of('dynamodb:UpdateItem').Resource).toEqual(
      ['camera-states', 'detections', 'workers'].map((table) => arn(`dynamodb:@:table/kvs-infer-test-${table}`)),
    );
    expect(of('events:PutEvents').Condition).toEqual({ StringEquals: { 'events:source': 'kvs-infer.worker' } });
    expect(of('ecs:UpdateTaskProtection').Resource).toBe(arn('ecs:@:task/kvs-infer-test-cluster/*'));
    expect(of('ssm:GetParameter').Resource).toBe(arn('ssm:@:parameter/kvs-infer/test/*'));
    expect(of('secretsmanager:GetSecretValue').Resource).toBe(arn('secretsmanager:@:secret:kvs-infer/test/*'));
    expect(actionsOf(graphOf('test'), 'TaskRole')).not.toContain('s3:PutObjectAcl');
  });

  it('iam-execution-role: pulls from the one repository and writes the one log', () => {
    expect(allowed(graphOf('test'), 'ExecutionRole').map(({ Action, Resource }) => [Action, Resource])).toEqual([
      ['ecr:GetAuthorizationToken', '*'],
      [
        ['ecr:BatchCheckLayerAvailability', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'],
        'arn:aws:ecr:ap-southeast-1:123456789012:repository/kvs-infer-test',
      ],
      [
        ['logs:CreateLogStream', 'logs:PutLogEvents'],
        'arn:aws:logs:ap-southeast-1:123456789012:log-group:/ecs/kvs-infer-test:*',
      ],
    ]);
  });

  it('chosen names are the ones that are permitted', () => {
    const statements = JSON.stringify(allowed(graphOf('chosen')));
    for (const name of [
      'stream/cam-*',
      'stream/detections',
      'team-snapshots/pictures/eu/*',
      'cluster/shared-cluster',
      'repository/detector',
    ]) {
      expect(statements).toContain(name);
    }
    expect(statements).not.toContain('kvs-infer-production-cluster');
  });
});
