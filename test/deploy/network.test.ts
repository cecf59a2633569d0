import { describe, expect, it } from 'vitest';
import { errorsOf, graphOf, isSynthesised, type ScenarioName } from './graphs.ts';

const always = ['dynamodb', 'ecr.api', 'ecr.dkr', 'kinesis-streams', 'logs', 's3'];
const withoutNat = [
  'ecs',
  'ecs-agent',
  'ecs-telemetry',
  'events',
  'kinesisvideo',
  'monitoring',
  'ssm',
  'ssmmessages',
  'sts',
];

const endpointsOf = (name: ScenarioName) =>
  graphOf(name)
    .all('aws:ec2/vpcEndpoint:VpcEndpoint')
    .map(({ inputs }) => String(inputs.serviceName).replace(/^com\.amazonaws\.[^.]+\./, ''))
    .sort();

describe.skipIf(!isSynthesised)('network', () => {
  it.each(['test', 'natInstance', 'existingNat'] as const)(
    '%s: the services with most bytes are reached privately',
    (name) => {
      expect(endpointsOf(name)).toEqual(always);
    },
  );

  it('endpoints: every service that anything calls has one, and there is no way to the internet', () => {
    expect(endpointsOf('endpoints')).toEqual([...always, ...withoutNat].sort());
    const graph = graphOf('endpoints');
    for (const type of ['natGateway:NatGateway', 'instance:Instance', 'eip:Eip']) {
      expect(graph.all(`aws:ec2/${type}`), type).toEqual([]);
    }
    for (const table of graph.all('aws:ec2/routeTable:RouteTable', /Private/)) {
      expect(table.inputs.routes ?? [], table.name).toEqual([]);
    }
  });

  it('an existing VPC keeps its endpoints and routes', () => {
    expect(endpointsOf('existingEndpoints')).toEqual(
      [...always, ...withoutNat].filter((service) => !['s3', 'logs'].includes(service)).sort(),
    );
    for (const name of ['existingNat', 'existingEndpoints'] as const) {
      const types = graphOf(name).resources.map((resource) => resource.type);
      for (const kind of [
        'vpc:Vpc',
        'subnet:Subnet',
        'routeTable:RouteTable',
        'natGateway:NatGateway',
        'instance:Instance',
      ]) {
        expect(types, name).not.toContain(`aws:ec2/${kind}`);
      }
      const [group] = graphOf(name).all('aws:autoscaling/group:Group');
      expect(group?.inputs.vpcZoneIdentifiers).toEqual(['subnet-00000000000000001', 'subnet-00000000000000009']);
    }
  });

  it('NAT gateways or NAT instances, one a zone', () => {
    expect(graphOf('test').all('aws:ec2/natGateway:NatGateway')).toHaveLength(2);
    expect(graphOf('natInstance').all('aws:ec2/natGateway:NatGateway')).toHaveLength(0);
    expect(graphOf('natInstance').all('aws:ec2/instance:Instance')).toHaveLength(2);
  });

  it('endpoints are private names inside the private subnets', () => {
    const graph = graphOf('endpoints');
    const privateSubnets = graph.all('aws:ec2/subnet:Subnet', /Private/).map((subnet) => subnet.id);
    expect(privateSubnets).toHaveLength(2);
    for (const { inputs } of graph.all('aws:ec2/vpcEndpoint:VpcEndpoint')) {
      if (inputs.vpcEndpointType === 'Gateway') {
        expect(inputs.routeTableIds).toHaveLength(2);
        continue;
      }
      expect(inputs).toMatchObject({ vpcEndpointType: 'Interface', privateDnsEnabled: true });
      expect(inputs.subnetIds.toSorted()).toEqual(privateSubnets.toSorted());
    }
  });

  it('subnets lie in two zones that offer the instance type, and stay there', () => {
    const graph = graphOf('test');
    const subnets = graph.all('aws:ec2/subnet:Subnet', /Private/);
    expect(subnets.map(({ inputs }) => inputs.availabilityZone).sort()).toEqual(['ap-southeast-1a', 'ap-southeast-1b']);
    for (const subnet of graph.all('aws:ec2/subnet:Subnet')) {
      expect(subnet.ignoreChanges, subnet.name).toContain('availabilityZone');
      expect(subnet.inputs.mapPublicIpOnLaunch ?? false, subnet.name).toBe(false);
    }
  });

  it('nothing comes in from anywhere: only endpoints answer, and only the workers', () => {
    for (const name of ['test', 'endpoints', 'existingEndpoints', 'production'] as const) {
      const graph = graphOf(name);
      const workers = graph.one('aws:ec2/securityGroup:SecurityGroup', 'WorkerSecurityGroup');
      expect(workers.inputs.ingress).toEqual([]);
      expect(workers.inputs.egress).toMatchObject([{ protocol: 'tcp', fromPort: 443, toPort: 443 }]);
      const endpoints = graph.one('aws:ec2/securityGroup:SecurityGroup', 'EndpointSecurityGroup');
      expect(endpoints.inputs.ingress).toMatchObject([{ fromPort: 443, toPort: 443, securityGroups: [workers.id] }]);
      for (const group of graph.all('aws:ec2/defaultSecurityGroup:DefaultSecurityGroup')) {
        expect(group.inputs).toMatchObject({ ingress: [], egress: [] });
      }
    }
  });

  it('subnets in one zone are refused, with the fix', () => {
    expect(errorsOf('subnetsInOneZone').join()).toContain(
      'PRIVATE_SUBNET_1 and PRIVATE_SUBNET_2 are both in ap-southeast-1a',
    );
  });
});
