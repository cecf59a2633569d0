/**
 * What an account and a region have, as `kvs-infer preflight` asks before anything is created: who asks, zones, where GPU
 * types are offered, vCPU quotas, the machine image, endpoint services, and the routes of an existing VPC.
 * Invariant: nothing is changed; what does not exist comes back as null or an empty list, and only a call that failed is
 * an error. Clients of its own, because neither the worker nor the functions carry these packages.
 */
import {
  DescribeAvailabilityZonesCommand,
  DescribeInstanceTypeOfferingsCommand,
  DescribeRouteTablesCommand,
  DescribeSubnetsCommand,
  DescribeVpcAttributeCommand,
  DescribeVpcEndpointServicesCommand,
  EC2Client,
  type RouteTable,
} from '@aws-sdk/client-ec2';
import { GetServiceQuotaCommand, ServiceQuotasClient } from '@aws-sdk/client-service-quotas';
import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { awsCall, isNotFound } from './error-codes.ts';
import { tellingNoSecrets } from './secrets-in-errors.ts';

/** A person waits; what does not answer by then is told to them. */
const connectionTimeoutMs = 5_000;
const requestTimeoutMs = 15_000;
const attemptsMax = 2;
/** 1,000 offerings or services a page; a region has some hundreds of each. */
const pagesMax = 20;

/** Service Quotas: running on-demand, and all Spot, G and VT instances, in vCPUs. */
export const gpuQuotaCodes = { onDemand: 'L-DB2E81BA', spot: 'L-3819A6DF' } as const;

export type SubnetFacts = {
  subnetId: string;
  /** Null: there is no such subnet. */
  vpcId: string | null;
  zone: string | null;
  freeAddresses: number;
  /** Where `0.0.0.0/0` goes: `nat-…`, `igw-…`, `eni-…`, `tgw-…`; null when nowhere. */
  defaultRoute: string | null;
};

export type VpcFacts = { dnsSupport: boolean; dnsHostnames: boolean };

export type AccountProbe = ReturnType<typeof accountProbe>;

export function accountProbe(options: { region: string; endpoint?: string }) {
  const base = {
    region: options.region,
    maxAttempts: attemptsMax,
    requestHandler: new NodeHttpHandler({
      connectionTimeout: connectionTimeoutMs,
      requestTimeout: requestTimeoutMs,
      throwOnRequestTimeout: true,
    }),
    ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
  };
  const ec2 = tellingNoSecrets(new EC2Client(base));
  const sts = tellingNoSecrets(new STSClient(base));
  const ssm = tellingNoSecrets(new SSMClient(base));
  const quotas = tellingNoSecrets(new ServiceQuotasClient(base));

  return {
    /** Null: there are no credentials to ask with. */
    async identity(): Promise<{ accountId: string; arn: string } | null> {
      const answer = await awsCall('ask who these credentials are', () =>
        sts.send(new GetCallerIdentityCommand({})).catch((error: unknown) => {
          if (error instanceof Error && error.name === 'CredentialsProviderError') return null;
          throw error;
        }),
      );
      if (answer === null) return null;
      return { accountId: answer.Account ?? '', arn: answer.Arn ?? '' };
    },

    /** Zones of the region that are open to this account, local zones left out. */
    async zones(): Promise<string[]> {
      const answer = await awsCall(`list the zones of ${options.region}`, () =>
        ec2.send(new DescribeAvailabilityZonesCommand({ Filters: [{ Name: 'state', Values: ['available'] }] })),
      );
      const zones = answer.AvailabilityZones ?? [];
      return zones
        .filter((zone) => zone.ZoneType === undefined || zone.ZoneType === 'availability-zone')
        .flatMap((zone) => zone.ZoneName ?? [])
        .sort();
    },

    /** Zones that offer each type; an empty list for a type that the region does not have. */
    async offerings(types: readonly string[]): Promise<Map<string, string[]>> {
      const zones = new Map(types.map((type): [string, string[]] => [type, []]));
      let token: string | undefined;
      for (let page = 0; page < pagesMax; page += 1) {
        const answer = await awsCall(`list where ${types.join(', ')} are offered`, () =>
          ec2.send(
            new DescribeInstanceTypeOfferingsCommand({
              LocationType: 'availability-zone',
              Filters: [{ Name: 'instance-type', Values: [...types] }],
              ...(token === undefined ? {} : { NextToken: token }),
            }),
          ),
        );
        for (const { InstanceType: type, Location: zone } of answer.InstanceTypeOfferings ?? []) {
          if (type !== undefined && zone !== undefined) zones.get(type)?.push(zone);
        }
        token = answer.NextToken;
        if (token === undefined || token === '') break;
      }
      for (const list of zones.values()) list.sort();
      return zones;
    },

    /** @returns vCPUs, or null when Service Quotas does not know the quota. */
    async quotaVcpus(kind: keyof typeof gpuQuotaCodes): Promise<number | null> {
      try {
        const answer = await awsCall(`read the ${kind} vCPU quota of G and VT instances`, () =>
          quotas.send(new GetServiceQuotaCommand({ ServiceCode: 'ec2', QuotaCode: gpuQuotaCodes[kind] })),
        );
        return answer.Quota?.Value ?? null;
      } catch (error) {
        if (isNotFound(error)) return null;
        throw error;
      }
    },

    /** @returns the value of a public SSM parameter, or null when the region has none of that name. */
    async parameter(name: string): Promise<string | null> {
      try {
        const answer = await awsCall(`read the parameter ${name}`, () =>
          ssm.send(new GetParameterCommand({ Name: name })),
        );
        return answer.Parameter?.Value ?? null;
      } catch (error) {
        if (isNotFound(error)) return null;
        throw error;
      }
    },

    /** Services that an interface endpoint can be made for, without `com.amazonaws.<region>.`. */
    async endpointServices(): Promise<string[]> {
      const names: string[] = [];
      let token: string | undefined;
      for (let page = 0; page < pagesMax; page += 1) {
        const answer = await awsCall('list the endpoint services', () =>
          ec2.send(new DescribeVpcEndpointServicesCommand(token === undefined ? {} : { NextToken: token })),
        );
        names.push(...(answer.ServiceNames ?? []));
        token = answer.NextToken;
        if (token === undefined || token === '') break;
      }
      const prefix = `com.amazonaws.${options.region}.`;
      const own = names.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
      return [...new Set(own)].sort();
    },

    /** @returns null when there is no such VPC. */
    async vpc(vpcId: string): Promise<VpcFacts | null> {
      const attribute = (name: 'enableDnsSupport' | 'enableDnsHostnames') =>
        awsCall(`look at ${vpcId}`, () => ec2.send(new DescribeVpcAttributeCommand({ VpcId: vpcId, Attribute: name })));
      try {
        const [support, hostnames] = await Promise.all([
          attribute('enableDnsSupport'),
          attribute('enableDnsHostnames'),
        ]);
        return {
          dnsSupport: support.EnableDnsSupport?.Value ?? false,
          dnsHostnames: hostnames.EnableDnsHostnames?.Value ?? false,
        };
      } catch (error) {
        if (isNotFound(error)) return null;
        throw error;
      }
    },

    async subnets(vpcId: string, subnetIds: readonly string[]): Promise<SubnetFacts[]> {
      const [found, tables] = await Promise.all([
        awsCall(`look at the subnets ${subnetIds.join(', ')}`, () =>
          ec2.send(new DescribeSubnetsCommand({ Filters: [{ Name: 'subnet-id', Values: [...subnetIds] }] })),
        ),
        awsCall(`read the route tables of ${vpcId}`, () =>
          ec2.send(new DescribeRouteTablesCommand({ Filters: [{ Name: 'vpc-id', Values: [vpcId] }] })),
        ),
      ]);
      return subnetIds.map((subnetId) => {
        const subnet = found.Subnets?.find((one) => one.SubnetId === subnetId);
        return {
          subnetId,
          vpcId: subnet?.VpcId ?? null,
          zone: subnet?.AvailabilityZone ?? null,
          freeAddresses: subnet?.AvailableIpAddressCount ?? 0,
          defaultRoute: defaultRouteOf(tables.RouteTables ?? [], subnetId),
        };
      });
    },

    destroy(): void {
      for (const client of [ec2, sts, ssm, quotas]) client.destroy();
    },
  };
}

/** A subnet without a table of its own uses the main one. */
function defaultRouteOf(tables: readonly RouteTable[], subnetId: string): string | null {
  const table =
    tables.find(({ Associations = [] }) => Associations.some((one) => one.SubnetId === subnetId)) ??
    tables.find(({ Associations = [] }) => Associations.some((one) => one.Main === true));
  const route = table?.Routes?.find((one) => one.DestinationCidrBlock === '0.0.0.0/0' && one.State !== 'blackhole');
  if (route === undefined) return null;
  return (
    route.NatGatewayId ??
    route.TransitGatewayId ??
    route.NetworkInterfaceId ??
    route.InstanceId ??
    route.GatewayId ??
    null
  );
}
