/**
 * An account for the tests of preflight: answers the few calls that it makes, in AWS's own protocols, on a loopback port.
 * Invariant: what is not listed here is answered with an error, so a new call cannot pass unnoticed.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Account = {
  zones: string[];
  offerings: Record<string, string[]>;
  quotas: Record<string, number>;
  parameters: Record<string, string>;
  endpointServices: string[];
  vpc: { vpcId: string; dnsSupport: boolean; dnsHostnames: boolean };
  subnets: { subnetId: string; zone: string; freeAddresses: number; route: string | null }[];
  /** Actions that are refused. */
  denied: string[];
};

export const region = 'ap-southeast-1';

export function completeAccount(): Account {
  const zones = ['a', 'b', 'c'].map((letter) => `${region}${letter}`);
  return {
    zones,
    offerings: { 'g4dn.xlarge': zones, 'g4dn.2xlarge': zones.slice(0, 2) },
    quotas: { 'L-DB2E81BA': 64, 'L-3819A6DF': 64 },
    parameters: {
      '/aws/service/ecs/optimized-ami/amazon-linux-2023/gpu/recommended/image_id': 'ami-0123456789abcdef0',
    },
    endpointServices: [
      ...['ecr.api', 'ecr.dkr', 'logs', 'kinesis-streams', 'kinesisvideo', 'ecs', 'ecs-agent', 'ecs-telemetry'],
      ...['ssm', 'ssmmessages', 'sts', 'monitoring', 'events', 's3', 'dynamodb'],
    ],
    vpc: { vpcId: 'vpc-0123456789abcdef0', dnsSupport: true, dnsHostnames: true },
    subnets: [
      { subnetId: 'subnet-0000000000000000a', zone: `${region}a`, freeAddresses: 200, route: 'nat-1' },
      { subnetId: 'subnet-0000000000000000b', zone: `${region}b`, freeAddresses: 200, route: 'nat-2' },
    ],
    denied: [],
  };
}

export async function startAccount(account: Account): Promise<{ endpoint: string; close(): Promise<void> }> {
  const server: Server = createServer(async (request, response) => {
    const body = await textOf(request);
    const target = request.headers['x-amz-target'];
    const action =
      typeof target === 'string' ? (target.split('.').at(-1) ?? '') : (new URLSearchParams(body).get('Action') ?? '');
    const isJson = typeof target === 'string';
    const answer = account.denied.includes(action) ? null : answerTo(account, action, body);
    const status = answer === null ? 403 : answer.error === undefined ? 200 : 400;
    const error = answer === null ? 'AccessDenied' : answer.error;
    response.writeHead(status, { 'content-type': isJson ? 'application/x-amz-json-1.1' : 'text/xml' });
    if (error === undefined) response.end(answer?.text);
    else if (isJson) response.end(JSON.stringify({ __type: error, message: `${action}: ${error}` }));
    else {
      const xml = `<Error><Code>${error}</Code><Message>${action}: ${error}</Message></Error>`;
      response.end(
        action.startsWith('Describe')
          ? `<Response><Errors>${xml}</Errors></Response>`
          : `<ErrorResponse>${xml}</ErrorResponse>`,
      );
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

type Answer = { text?: string; error?: string };

function answerTo(account: Account, action: string, body: string): Answer {
  const fields = new URLSearchParams(body);
  const list = (tag: string, items: string[]) =>
    `<${tag}>${items.map((item) => `<item>${item}</item>`).join('')}</${tag}>`;
  const ec2 = (content: string): Answer => ({ text: `<${action}Response>${content}</${action}Response>` });
  switch (action) {
    case 'GetCallerIdentity':
      return {
        text: `<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:sts::111122223333:assumed-role/deployer/me</Arn><Account>111122223333</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`,
      };
    case 'DescribeAvailabilityZones': {
      const zone = (name: string, type = 'availability-zone') =>
        `<zoneName>${name}</zoneName><zoneType>${type}</zoneType>`;
      return ec2(
        list('availabilityZoneInfo', [...account.zones.map((name) => zone(name)), zone('a-local-zone', 'local-zone')]),
      );
    }
    case 'DescribeInstanceTypeOfferings': {
      const pairs = Object.entries(account.offerings).flatMap(([type, zones]) => zones.map((zone) => [type, zone]));
      // Two pages, as AWS answers in.
      const [first, second] = [pairs.slice(0, 1), pairs.slice(1)];
      const isSecond = fields.get('NextToken') === 'more';
      const items = (isSecond ? second : first).map(
        ([type, zone]) => `<instanceType>${type}</instanceType><location>${zone}</location>`,
      );
      return ec2(`${list('instanceTypeOfferingSet', items)}${isSecond ? '' : '<nextToken>more</nextToken>'}`);
    }
    case 'DescribeVpcEndpointServices':
      return ec2(
        list(
          'serviceNameSet',
          account.endpointServices.map((name) => `com.amazonaws.${region}.${name}`),
        ),
      );
    case 'DescribeVpcAttribute': {
      if (fields.get('VpcId') !== account.vpc.vpcId) return { error: 'InvalidVpcID.NotFound' };
      const isSupport = fields.get('Attribute') === 'enableDnsSupport';
      const value = isSupport ? account.vpc.dnsSupport : account.vpc.dnsHostnames;
      return ec2(`<${fields.get('Attribute')}><value>${value}</value></${fields.get('Attribute')}>`);
    }
    case 'DescribeSubnets': {
      const asked = [...fields].filter(([name]) => name.startsWith('Filter.1.Value')).map(([, value]) => value);
      const found = account.subnets.filter((subnet) => asked.includes(subnet.subnetId));
      return ec2(
        list(
          'subnetSet',
          found.map(
            ({ subnetId, zone, freeAddresses }) =>
              `<subnetId>${subnetId}</subnetId><vpcId>${account.vpc.vpcId}</vpcId><availabilityZone>${zone}</availabilityZone><availableIpAddressCount>${freeAddresses}</availableIpAddressCount>`,
          ),
        ),
      );
    }
    case 'DescribeRouteTables': {
      const idTag = (id: string) =>
        id.startsWith('nat-') ? 'natGatewayId' : id.startsWith('tgw-') ? 'transitGatewayId' : 'gatewayId';
      const tables = account.subnets.map(({ subnetId, route }) => {
        const local =
          '<destinationCidrBlock>10.0.0.0/16</destinationCidrBlock><gatewayId>local</gatewayId><state>active</state>';
        const way =
          route === null
            ? []
            : [
                `<destinationCidrBlock>0.0.0.0/0</destinationCidrBlock><${idTag(route)}>${route}</${idTag(route)}><state>active</state>`,
              ];
        return `${list('associationSet', [`<subnetId>${subnetId}</subnetId>`])}${list('routeSet', [local, ...way])}`;
      });
      return ec2(list('routeTableSet', tables));
    }
    case 'GetServiceQuota': {
      const value = account.quotas[(JSON.parse(body) as { QuotaCode: string }).QuotaCode];
      return value === undefined
        ? { error: 'NoSuchResourceException' }
        : { text: JSON.stringify({ Quota: { Value: value } }) };
    }
    case 'GetParameter': {
      const value = account.parameters[(JSON.parse(body) as { Name: string }).Name];
      return value === undefined
        ? { error: 'ParameterNotFound' }
        : { text: JSON.stringify({ Parameter: { Value: value } }) };
    }
    default:
      return { error: 'InvalidAction' };
  }
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
