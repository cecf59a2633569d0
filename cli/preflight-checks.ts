/**
 * What preflight makes of what it found: one check per question, with the value found and, where it fails, the fix.
 * Pure: the same findings give the same checks.
 * Invariant: a check fails only on what would make `sst deploy` or the first worker fail; what is merely worth knowing is
 * part of a passed check's finding.
 */
import { gpuQuotaCodes, type SubnetFacts, type VpcFacts } from '../aws/preflight.ts';
import { shapeOf } from '../stacks/instance-types.ts';
import type { Settings } from '../stacks/settings.ts';

export type Check = {
  name: string;
  /** Skipped: another failure, or a setting, made the question void. */
  status: 'passed' | 'failed' | 'skipped';
  found: string;
  /** What to do, on failure. */
  fix?: string;
};

export const passed = (name: string, found: string): Check => ({ name, status: 'passed', found });
export const skipped = (name: string, found: string): Check => ({ name, status: 'skipped', found });
export const failed = (name: string, found: string, fix: string): Check => ({ name, status: 'failed', found, fix });

/** Zones without at least this many cannot carry a service that survives the loss of one. */
const zonesMin = 2;
/** A worker's task and its instance take an address each; ECS and endpoints take some more. */
const addressesPerWorker = 2;

export function zonesCheck({ region, network }: Settings, zones: readonly string[]): Check {
  const needed = Math.max(zonesMin, network.existing === null ? network.zones : zonesMin);
  if (zones.length >= needed) return passed('zones', zones.join(', '));
  return failed(
    'zones',
    `${zones.length} of ${needed}: ${zones.join(', ') || 'none'}`,
    `choose another AWS_REGION than ${region}, or lower ZONES`,
  );
}

export function instanceTypesCheck(
  { region, capacity, network }: Settings,
  offerings: ReadonlyMap<string, readonly string[]>,
): Check {
  const name = 'instance-types';
  const found = [...offerings].map(([type, zones]) => `${type} in ${zones.join(', ') || 'no zone'}`).join('; ');
  const nowhere = [...offerings].filter(([, zones]) => zones.length === 0).map(([type]) => type);
  const [first = ''] = capacity.instanceTypes;
  const firstZones = offerings.get(first)?.length ?? 0;
  if (nowhere.length > 0) {
    return failed(
      name,
      found,
      `take ${nowhere.join(', ')} out of INSTANCE_TYPES, or choose another AWS_REGION than ${region}`,
    );
  }
  const needed = network.existing === null ? network.zones : zonesMin;
  if (firstZones < needed) {
    return failed(name, found, `put a type first in INSTANCE_TYPES that ${needed} zones of ${region} offer`);
  }
  return passed(name, found);
}

/** vCPUs that the fleets need of each quota at their largest, by the share that is bought on Spot. */
export function neededVcpus({ capacity, fleets }: Settings): { onDemand: number; spot: number } {
  const vcpus = Math.min(...capacity.instanceTypes.flatMap((type) => shapeOf(type)?.vcpus ?? []));
  const above = Math.max(0, capacity.maxWorkers - capacity.onDemandBase);
  const spotWorkers = Math.floor((above * capacity.spotPercent) / 100);
  return {
    onDemand: (capacity.maxWorkers - spotWorkers) * vcpus * fleets.length,
    spot: spotWorkers * vcpus * fleets.length,
  };
}

export function quotaCheck(kind: keyof typeof gpuQuotaCodes, settings: Settings, quotaVcpus: number | null): Check {
  const name = kind === 'onDemand' ? 'quota-on-demand' : 'quota-spot';
  const code = gpuQuotaCodes[kind];
  const needed = neededVcpus(settings)[kind];
  const request = `aws service-quotas request-service-quota-increase --region ${settings.region} --service-code ec2 --quota-code ${code} --desired-value`;
  if (quotaVcpus === null)
    return failed(name, `no quota ${code}`, `look in the Service Quotas console, or: ${request} ${needed}`);
  const found = `${quotaVcpus} vCPUs of G and VT instances (${code}); ${settings.capacity.maxWorkers} workers need ${needed}`;
  if (quotaVcpus >= needed) return passed(name, found);
  return failed(name, found, `${request} ${needed}, or lower MAX_WORKERS`);
}

export function imageParameterCheck(parameter: string, imageId: string | null): Check {
  if (imageId !== null && /^ami-[0-9a-f]+$/.test(imageId)) return passed('ecs-gpu-image', `${imageId} (${parameter})`);
  return failed(
    'ecs-gpu-image',
    imageId === null ? `no parameter ${parameter}` : `${parameter} = ${imageId}`,
    'choose a region with the ECS GPU-optimised image on Amazon Linux 2023',
  );
}

/** @param wanted the interface endpoints that the deployment makes. */
export function endpointServicesCheck(
  { network }: Settings,
  wanted: readonly string[],
  services: readonly string[],
): Check {
  const name = 'endpoint-services';
  const absent = wanted.filter((service) => !services.includes(service));
  const video = `kinesisvideo ${services.includes('kinesisvideo') ? 'has an endpoint here' : 'has no endpoint here'}`;
  if (absent.length === 0) return passed(name, `${wanted.length} of ${wanted.length}; ${video}`);
  const found = `${wanted.length - absent.length} of ${wanted.length}; absent: ${absent.join(', ')}; ${video}`;
  if (network.mode === 'endpoints') {
    return failed(
      name,
      found,
      'set NETWORK=nat or nat-instance: without a NAT the workers could not reach these services',
    );
  }
  return failed(
    name,
    found,
    `set VPC_ENDPOINTS_PRESENT=${absent.join(',')}, so that they are not made, or choose another region`,
  );
}

export function vpcCheck(vpcId: string, facts: VpcFacts | null): Check {
  if (facts === null)
    return failed(
      'vpc',
      `there is no ${vpcId} in this region and account`,
      'correct VPC_ID, or leave it out to create a VPC',
    );
  const found = `${vpcId}: DNS support ${onOff(facts.dnsSupport)}, DNS host names ${onOff(facts.dnsHostnames)}`;
  if (facts.dnsSupport && facts.dnsHostnames) return passed('vpc', found);
  return failed(
    'vpc',
    found,
    `private endpoints need both: aws ec2 modify-vpc-attribute --vpc-id ${vpcId} --enable-dns-support, and --enable-dns-hostnames`,
  );
}

export function subnetsCheck(
  settings: Settings,
  subnets: readonly SubnetFacts[],
  offerings: ReadonlyMap<string, readonly string[]>,
): Check {
  const { network, capacity } = settings;
  const vpcId = network.existing?.vpcId ?? '';
  const found = subnets
    .map(
      ({ subnetId, zone, defaultRoute, freeAddresses }) =>
        `${subnetId} in ${zone ?? '?'}, ${freeAddresses} free, default route ${defaultRoute ?? 'none'}`,
    )
    .join('; ');
  const fixes: string[] = [];
  const zones = new Set(subnets.map((subnet) => subnet.zone));
  if (zones.size < zonesMin) fixes.push('give PRIVATE_SUBNET_1 and PRIVATE_SUBNET_2 of two zones');
  for (const { subnetId, vpcId: own, zone, freeAddresses, defaultRoute } of subnets) {
    if (own === null) fixes.push(`${subnetId} does not exist: correct it`);
    else if (own !== vpcId) fixes.push(`${subnetId} is in ${own}: give a subnet of ${vpcId}`);
    else {
      const offered = capacity.instanceTypes.some((type) => offerings.get(type)?.includes(zone ?? ''));
      if (!offered)
        fixes.push(`${zone} offers none of ${capacity.instanceTypes.join(', ')}: give a subnet of another zone`);
      if (defaultRoute?.startsWith('igw-'))
        fixes.push(`${subnetId} is public (${defaultRoute}): give a private subnet`);
      else if (defaultRoute === null && network.mode !== 'endpoints') {
        fixes.push(`${subnetId} has no way out: route 0.0.0.0/0 to a NAT, or set NETWORK=endpoints`);
      }
      const needed = Math.ceil((capacity.maxWorkers * addressesPerWorker) / subnets.length);
      if (freeAddresses < needed)
        fixes.push(
          `${subnetId} has ${freeAddresses} free addresses, ${needed} are needed: give a larger one, or lower MAX_WORKERS`,
        );
    }
  }
  return fixes.length === 0 ? passed('subnets', found) : failed('subnets', found, fixes.join('; '));
}

function onOff(isOn: boolean): string {
  return isOn ? 'on' : 'off';
}
