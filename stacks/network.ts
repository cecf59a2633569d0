/**
 * Where the workers run: private subnets in two zones or more, a security group that lets nothing in, and private ways to
 * AWS's services. Three modes: `nat` (a NAT gateway per zone), `nat-instance` (a small EC2 instance instead) and
 * `endpoints` (no way to the internet at all; every service through an interface endpoint).
 * Invariant: an existing VPC gets a security group and endpoints and nothing else; its routes are its owner's.
 */
import { gatewayEndpoints, interfaceEndpoints } from './endpoint-services.ts';
import type { Settings } from './settings.ts';

export function network(settings: Settings) {
  const place = settings.network.existing === null ? newVpc(settings) : existingVpc(settings.network.existing);
  const prefix = `kvs-infer-${settings.stage}`;
  const workerGroup = new aws.ec2.SecurityGroup('WorkerSecurityGroup', {
    name: `${prefix}-workers`,
    description: 'GPU workers: TLS out, nothing in',
    vpcId: place.vpcId,
    ingress: [],
    egress: [{ protocol: 'tcp', fromPort: 443, toPort: 443, cidrBlocks: ['0.0.0.0/0'], description: 'AWS services' }],
  });
  const endpointGroup = new aws.ec2.SecurityGroup('EndpointSecurityGroup', {
    name: `${prefix}-endpoints`,
    description: 'Interface endpoints: TLS from the workers',
    vpcId: place.vpcId,
    ingress: [
      {
        protocol: 'tcp',
        fromPort: 443,
        toPort: 443,
        securityGroups: [workerGroup.id],
        description: 'from the workers',
      },
    ],
    egress: [],
  });
  const missing = (service: string) => !settings.network.endpointsPresent.includes(service);
  const endpoints = interfaceEndpoints(settings.network.mode)
    .filter(missing)
    .map(
      (service) =>
        new aws.ec2.VpcEndpoint(`Endpoint-${service.replace('.', '-')}`, {
          vpcId: place.vpcId,
          serviceName: `com.amazonaws.${settings.region}.${service}`,
          vpcEndpointType: 'Interface',
          privateDnsEnabled: true,
          subnetIds: place.privateSubnetIds,
          securityGroupIds: [endpointGroup.id],
          tags: { Name: `${prefix}-${service}` },
        }),
    );
  const gateways = gatewayEndpoints.filter(missing).map(
    (service) =>
      new aws.ec2.VpcEndpoint(`Endpoint-${service}`, {
        vpcId: place.vpcId,
        serviceName: `com.amazonaws.${settings.region}.${service}`,
        vpcEndpointType: 'Gateway',
        routeTableIds: place.routeTableIds,
        tags: { Name: `${prefix}-${service}` },
      }),
  );
  return { ...place, workerGroup, endpoints: [...endpoints, ...gateways] };
}

function newVpc(settings: Settings) {
  const nat = { nat: 'managed', 'nat-instance': 'ec2', endpoints: undefined } as const;
  const type = nat[settings.network.mode];
  const vpc = new sst.aws.Vpc('Vpc', {
    az: zonesThatOffer(settings),
    ...(type === undefined ? {} : { nat: type }),
    transform: {
      // Zones are chosen once: what AWS offers later must not replace subnets under running workers.
      privateSubnet: (_args, options) => {
        options.ignoreChanges = ['availabilityZone'];
      },
      publicSubnet: (args, options) => {
        args.mapPublicIpOnLaunch = false;
        options.ignoreChanges = ['availabilityZone'];
      },
      // SST opens the NAT instances to the world; only what is in the VPC has business with them.
      natSecurityGroup: (args) => {
        args.ingress = [{ protocol: '-1', fromPort: 0, toPort: 0, cidrBlocks: ['10.0.0.0/16'] }];
      },
      // SST opens this group to the whole VPC; nothing of ours is in it.
      securityGroup: (args) => {
        args.ingress = [];
        args.egress = [];
      },
    },
  });
  return {
    vpcId: vpc.id,
    privateSubnetIds: vpc.privateSubnets.apply((ids) => $output(ids)),
    routeTableIds: vpc.nodes.privateRouteTables.apply((tables) => tables.map((table) => table.id)),
    // To watch their bytes; none where there is no NAT, or where it is somebody else's.
    natGatewayIds: vpc.nodes.natGateways.apply((gateways) => $output(gateways.map((gateway) => gateway.id))),
    natInstanceIds: vpc.nodes.natInstances.apply((instances) => $output(instances.map((instance) => instance.id))),
    nat: type === undefined ? null : { kind: type, count: settings.network.zones },
  };
}

/** The first zones, in order of their names, that offer the first instance type of the list. */
function zonesThatOffer({ capacity, network: { zones }, region }: Settings) {
  const [type = ''] = capacity.instanceTypes;
  const offerings = aws.ec2.getInstanceTypeOfferingsOutput({
    locationType: 'availability-zone',
    filters: [{ name: 'instance-type', values: [type] }],
  });
  return offerings.locations.apply((locations) => {
    const offering = [...new Set(locations)].sort().slice(0, zones);
    if (offering.length < zones) {
      throw new Error(
        `${region} offers ${type} in ${offering.length} zones and ZONES asks for ${zones}: choose another first type in INSTANCE_TYPES or another region`,
      );
    }
    return offering;
  });
}

function existingVpc({ vpcId, privateSubnetIds }: { vpcId: string; privateSubnetIds: string[] }) {
  const subnets = privateSubnetIds.map((id) => aws.ec2.getSubnetOutput({ id }));
  const checked = $resolve(subnets).apply((found) => {
    const problems = found.flatMap((subnet) =>
      subnet.vpcId === vpcId ? [] : [`subnet ${subnet.id} is in ${subnet.vpcId}, not in VPC_ID=${vpcId}`],
    );
    if (new Set(found.map((subnet) => subnet.availabilityZone)).size < 2) {
      problems.push(
        `PRIVATE_SUBNET_1 and PRIVATE_SUBNET_2 are both in ${found[0]?.availabilityZone}: give subnets of two zones`,
      );
    }
    if (problems.length > 0) throw new Error(problems.join('\n'));
    return privateSubnetIds;
  });
  const tables = privateSubnetIds.map((subnetId) => aws.ec2.getRouteTableOutput({ subnetId }).routeTableId);
  return {
    vpcId: $output(vpcId),
    privateSubnetIds: checked,
    routeTableIds: $resolve(tables).apply((ids) => [...new Set(ids)]),
    natGatewayIds: $output([] as string[]),
    natInstanceIds: $output([] as string[]),
    nat: null,
  };
}

export type Network = ReturnType<typeof network>;
