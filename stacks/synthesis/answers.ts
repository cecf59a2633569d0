/**
 * What AWS and the providers would answer while the deployment is put together: data sources and computed outputs.
 * Invariant: answers are made of the inputs alone, so the same code and settings give the same graph; the account is
 * AWS's documentation account.
 */
import { ecsGpuImageParameter } from '../instance-types.ts';
import type { Inputs } from './graph.ts';

export const accountId = '123456789012';

type Answer = { id: string; state?: Inputs };

let sequence = 0;
const hex = (digits: number) => (++sequence).toString(16).padStart(digits, '0');

/** Ids count from one again: a graph does not depend on which was made before it. */
export function restartIds(): void {
  sequence = 0;
}

function region(): string {
  return process.env.AWS_REGION ?? 'us-east-1';
}

const arn = (service: string, rest: string) => `arn:aws:${service}:${region()}:${accountId}:${rest}`;

const listOrOne = (values: unknown[] | undefined) =>
  values === undefined ? undefined : values.length === 1 ? values[0] : [...values].sort();

/** What the data source aws_iam_policy_document computes. */
function policyDocument(inputs: Inputs): Inputs {
  // SST asks whether there are statements at all.
  if (!inputs.statements?.length) return { id: '0', json: '', minifiedJson: '' };
  const Statement = inputs.statements.map((statement: Inputs) => {
    const principals: Inputs = {};
    for (const principal of statement.principals ?? []) principals[principal.type] = listOrOne(principal.identifiers);
    const conditions: Inputs = {};
    for (const { test, variable, values } of statement.conditions ?? []) {
      conditions[test] = { ...conditions[test], [variable]: listOrOne(values) };
    }
    const fields = {
      Sid: statement.sid,
      Effect: statement.effect ?? 'Allow',
      Principal: statement.principals?.length ? (principals['*'] ? '*' : principals) : undefined,
      Action: listOrOne(statement.actions),
      NotAction: listOrOne(statement.notActions),
      Resource: listOrOne(statement.resources),
      NotResource: listOrOne(statement.notResources),
      Condition: Object.keys(conditions).length > 0 ? conditions : undefined,
    };
    return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
  });
  const document = { Version: inputs.version ?? '2012-10-17', Statement };
  return { ...inputs, id: '1', json: JSON.stringify(document), minifiedJson: JSON.stringify(document) };
}

/** Provider functions (data sources) by token. */
export const providerFunctions: Record<string, (inputs: Inputs) => Inputs> = {
  'aws:iam/getPolicyDocument:getPolicyDocument': policyDocument,
  'aws:index/getRegion:getRegion': (inputs) => ({ ...inputs, id: region(), name: region(), region: region() }),
  'aws:index/getPartition:getPartition': () => ({ id: 'aws', partition: 'aws', dnsSuffix: 'amazonaws.com' }),
  'aws:index/getCallerIdentity:getCallerIdentity': () => ({
    id: accountId,
    accountId,
    userId: 'AIDAEXAMPLE',
    arn: `arn:aws:iam::${accountId}:user/example`,
  }),
  'aws:index/getAvailabilityZones:getAvailabilityZones': () => ({
    id: region(),
    names: ['a', 'b', 'c'].map((zone) => region() + zone),
    zoneIds: ['az1', 'az2', 'az3'].map((zone) => `xx-${zone}`),
  }),
  'aws:ec2/getInstanceTypeOfferings:getInstanceTypeOfferings': (inputs) => ({
    ...inputs,
    id: region(),
    instanceTypes: ['a', 'b'].map(() => inputs.filters?.[0]?.values?.[0]),
    locations: ['a', 'b'].map((zone) => region() + zone),
    locationTypes: ['a', 'b'].map(() => 'availability-zone'),
  }),
  'aws:ec2/getSubnet:getSubnet': (inputs) => ({
    ...inputs,
    arn: arn('ec2', `subnet/${inputs.id}`),
    availabilityZone: region() + (/[0-4]$/.test(inputs.id) ? 'a' : 'b'),
    vpcId: 'vpc-0123456789abcdef0',
  }),
  'aws:ec2/getVpc:getVpc': (inputs) => ({ ...inputs, arn: arn('ec2', `vpc/${inputs.id}`), cidrBlock: '10.20.0.0/16' }),
  'aws:ec2/getRouteTable:getRouteTable': (inputs) => ({
    ...inputs,
    id: `rtb-of-${inputs.subnetId}`,
    routeTableId: `rtb-of-${inputs.subnetId}`,
  }),
  'aws:ssm/getParameter:getParameter': (inputs) => ({
    ...inputs,
    id: inputs.name,
    // An image only for the parameter of one: any other is found out by its value.
    value: inputs.name === ecsGpuImageParameter ? 'ami-0123456789abcdef0' : `the value of ${inputs.name}`,
  }),
  'aws:ec2/getAmi:getAmi': (inputs) => ({ ...inputs, id: 'ami-0fedcba9876543210', imageId: 'ami-0fedcba9876543210' }),
  'aws:ecr/getAuthorizationToken:getAuthorizationToken': () => ({
    id: region(),
    proxyEndpoint: `https://${accountId}.dkr.ecr.${region()}.amazonaws.com`,
    userName: 'AWS',
    password: 'not-a-password',
  }),
  'aws:cloudfront/getCachePolicy:getCachePolicy': (inputs) => ({ ...inputs, id: 'cache-policy' }),
  'aws:cloudfront/getOriginRequestPolicy:getOriginRequestPolicy': (inputs) => ({ ...inputs, id: 'origin-policy' }),
};

const invokeArn = (functionArn: string, version: string, call: string) =>
  `arn:aws:apigateway:${region()}:lambda:path/${version}/functions/${functionArn}/${call}`;

/** Resources whose ARN or id is not simply `<service>:<kind>/<name>`. */
const resourceAnswers: Record<string, (inputs: Inputs, name: string) => Answer> = {
  'aws:dynamodb/table:Table': (inputs) => ({
    id: inputs.name,
    state: {
      arn: arn('dynamodb', `table/${inputs.name}`),
      ...(inputs.streamEnabled
        ? { streamArn: arn('dynamodb', `table/${inputs.name}/stream/2026-01-01T00:00:00.000`) }
        : {}),
    },
  }),
  'aws:lambda/function:Function': (inputs) => {
    const functionArn = arn('lambda', `function:${inputs.name}`);
    const qualifiedArn = `${functionArn}:$LATEST`;
    return {
      id: inputs.name,
      state: {
        arn: functionArn,
        qualifiedArn,
        invokeArn: invokeArn(functionArn, '2015-03-31', 'invocations'),
        qualifiedInvokeArn: invokeArn(qualifiedArn, '2015-03-31', 'invocations'),
        responseStreamingInvokeArn: invokeArn(functionArn, '2021-11-15', 'response-streaming-invocations'),
      },
    };
  },
  'aws:iam/role:Role': (inputs, logicalName) => {
    const name = inputs.name ?? `${logicalName}-${hex(7)}`;
    return { id: name, state: { name, arn: `arn:aws:iam::${accountId}:role/${name}`, uniqueId: `AROA${hex(8)}` } };
  },
  'aws:iam/instanceProfile:InstanceProfile': (inputs, logicalName) => {
    const name = inputs.name ?? logicalName;
    return { id: name, state: { name, arn: `arn:aws:iam::${accountId}:instance-profile/${name}` } };
  },
  'aws:s3/bucket:Bucket': ({ bucket }) => ({
    id: bucket,
    state: {
      arn: `arn:aws:s3:::${bucket}`,
      bucketDomainName: `${bucket}.s3.amazonaws.com`,
      bucketRegionalDomainName: `${bucket}.s3.${region()}.amazonaws.com`,
    },
  }),
  'aws:sqs/queue:Queue': ({ name }) => {
    const url = `https://sqs.${region()}.amazonaws.com/${accountId}/${name}`;
    return { id: url, state: { arn: arn('sqs', name), url } };
  },
  'aws:sns/topic:Topic': ({ name }) => ({ id: arn('sns', name), state: { arn: arn('sns', name) } }),
  'aws:kinesis/stream:Stream': ({ name }) => ({ id: name, state: { arn: arn('kinesis', `stream/${name}`) } }),
  'aws:ecr/repository:Repository': ({ name }) => ({
    id: name,
    state: {
      arn: arn('ecr', `repository/${name}`),
      registryId: accountId,
      repositoryUrl: `${accountId}.dkr.ecr.${region()}.amazonaws.com/${name}`,
    },
  }),
  'aws:ecs/cluster:Cluster': ({ name }) => ({
    id: arn('ecs', `cluster/${name}`),
    state: { arn: arn('ecs', `cluster/${name}`) },
  }),
  'aws:ecs/service:Service': (inputs) => {
    const serviceArn = arn('ecs', `service/${String(inputs.cluster).split('/').at(-1)}/${inputs.name}`);
    return { id: serviceArn, state: { arn: serviceArn } };
  },
  'aws:ecs/taskDefinition:TaskDefinition': ({ family }) => ({
    id: family,
    state: { revision: 1, arn: arn('ecs', `task-definition/${family}:1`) },
  }),
  'aws:autoscaling/group:Group': ({ name }) => ({
    id: name,
    state: {
      arn: arn('autoscaling', `autoScalingGroup:00000000-0000-0000-0000-000000000001:autoScalingGroupName/${name}`),
    },
  }),
  'aws:cloudwatch/logGroup:LogGroup': ({ name }) => ({ id: name, state: { arn: arn('logs', `log-group:${name}`) } }),
  'aws:cloudwatch/eventRule:EventRule': ({ name }) => ({ id: name, state: { arn: arn('events', `rule/${name}`) } }),
  'aws:apigatewayv2/api:Api': () => {
    const id = hex(10);
    return {
      id,
      state: {
        arn: `arn:aws:apigateway:${region()}::/apis/${id}`,
        executionArn: arn('execute-api', id),
        apiEndpoint: `https://${id}.execute-api.${region()}.amazonaws.com`,
      },
    };
  },
  'aws:cognito/userPool:UserPool': () => {
    const id = `${region()}_${hex(9)}`;
    return { id, state: { arn: arn('cognito-idp', `userpool/${id}`) } };
  },
  'aws:cloudfront/distribution:Distribution': () => {
    const id = `E${hex(8).toUpperCase()}`;
    return {
      id,
      state: {
        arn: `arn:aws:cloudfront::${accountId}:distribution/${id}`,
        domainName: `${id.toLowerCase()}.cloudfront.net`,
        hostedZoneId: 'Z2FDTNDATAQYW2',
      },
    };
  },
  'docker-build:index:Image': (inputs) => {
    const digest = `sha256:${hex(64)}`;
    return { id: hex(8), state: { ref: `${inputs.tags?.[0]}@${digest}`, digest } };
  },
  'random:index/randomBytes:RandomBytes': ({ length }) => ({
    id: hex(8),
    state: { base64: Buffer.alloc(length, 7).toString('base64'), hex: '07'.repeat(length) },
  }),
  'random:index/randomId:RandomId': ({ byteLength }) => {
    const text = hex(byteLength * 2);
    return { id: text, state: { hex: text, dec: String(sequence), b64Url: text, b64Std: text } };
  },
};

const ec2Prefixes: Record<string, string> = {
  vpc: 'vpc',
  subnet: 'subnet',
  securityGroup: 'sg',
  routeTable: 'rtb',
  natGateway: 'nat',
  internetGateway: 'igw',
  eip: 'eipalloc',
  launchTemplate: 'lt',
  vpcEndpoint: 'vpce',
  instance: 'i',
};

export function resourceAnswer(type: string, name: string, inputs: Inputs): Answer {
  const specific = resourceAnswers[type]?.(inputs, name);
  if (specific !== undefined) return specific;
  const [, module = '', kind = ''] = type.split(':');
  const [service = '', part = ''] = module.split('/');
  if (type.startsWith('aws:ec2/')) {
    const id = `${ec2Prefixes[part] ?? part.toLowerCase()}-${hex(17)}`;
    const network = {
      mainRouteTableId: `rtb-${hex(17)}`,
      defaultSecurityGroupId: `sg-${hex(17)}`,
      publicIp: '203.0.113.10',
      primaryNetworkInterfaceId: `eni-${hex(17)}`,
      ...(part === 'launchTemplate' ? { latestVersion: 1, defaultVersion: 1 } : {}),
    };
    return { id, state: { arn: arn('ec2', `${part}/${id}`), ...network } };
  }
  if (type.startsWith('aws:')) {
    const physical = inputs.name ?? `${name}-${hex(7)}`;
    return { id: physical, state: { name: physical, arn: arn(service, `${kind.toLowerCase()}/${physical}`) } };
  }
  return { id: `${name}-${hex(7)}` };
}
