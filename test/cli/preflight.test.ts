/**
 * `kvs-infer preflight` as a person runs it, against an account of the test's own: everything is well, and each thing that
 * can be wrong alone, with its fix. The same questions are put to moto, where that is installed.
 */
import { execFile } from 'node:child_process';
import {
  AssociateRouteTableCommand,
  CreateRouteTableCommand,
  CreateSubnetCommand,
  CreateVpcCommand,
  EC2Client,
} from '@aws-sdk/client-ec2';
import { afterEach, describe, expect, it } from 'vitest';
import { accountProbe } from '../../aws/preflight.ts';
import type { Check } from '../../cli/preflight-checks.ts';
import { clientOptions, region as contractRegion, describeContract } from '../contract/targets.ts';
import { type Account, completeAccount, region, startAccount } from './account-stand-in.ts';
import { commandEnvironment, type Ended, program, temporaryFolder } from './kvs-infer.ts';

const folder = temporaryFolder();
const imageUri = `111122223333.dkr.ecr.${region}.amazonaws.com/kvs-infer@sha256:${'a'.repeat(64)}`;
let running: { close(): Promise<void> } | undefined;
afterEach(async () => {
  await running?.close();
  running = undefined;
});

async function preflight(
  account: Account,
  settings: Record<string, string> = {},
  words: string[] = ['--json'],
): Promise<Ended> {
  const { endpoint, close } = await startAccount(account);
  running = { close };
  const env = {
    ...commandEnvironment(),
    AWS_ENDPOINT_URL: endpoint,
    AWS_ACCESS_KEY_ID: 'x',
    AWS_SECRET_ACCESS_KEY: 'x',
    AWS_REGION: region,
    IMAGE_URI: imageUri,
    ...settings,
  };
  return new Promise((resolve) => {
    // In a folder without a .env of anybody's.
    execFile(
      process.execPath,
      [program, 'preflight', ...words],
      { env, cwd: folder.path('.'), timeout: 60_000 },
      (error, stdout, stderr) => resolve({ exitCode: error === null ? 0 : Number(error.code ?? -1), stdout, stderr }),
    );
  });
}

const existing = {
  VPC_ID: 'vpc-0123456789abcdef0',
  PRIVATE_SUBNET_1: 'subnet-0000000000000000a',
  PRIVATE_SUBNET_2: 'subnet-0000000000000000b',
};

async function checksOf(
  ended: Promise<Ended>,
): Promise<{ exitCode: number; check: (name: string) => Check | undefined }> {
  const { exitCode, stdout, stderr } = await ended;
  expect(stderr).toBe('');
  const { checks, passed } = JSON.parse(stdout) as { passed: boolean; checks: Check[] };
  expect(passed).toBe(exitCode === 0);
  for (const check of checks) expect(check.status === 'failed', check.name).toBe(check.fix !== undefined);
  return { exitCode, check: (name) => checks.find((one) => one.name === name) };
}

describe('kvs-infer preflight', () => {
  it('passes an account and a region that have everything, and says what it found', async () => {
    const ended = await preflight(completeAccount(), existing, []);
    expect(ended).toMatchObject({ exitCode: 0, stderr: '' });
    const lines = ended.stdout.split('\n');
    const line = (name: string) => lines.find((one) => one.split(/\s+/)[1] === name);
    expect(line('credentials')).toContain('account 111122223333');
    expect(line('zones')).toMatch(/ap-southeast-1a, ap-southeast-1b, ap-southeast-1c$/);
    expect(line('instance-types')).toContain('g4dn.2xlarge in ap-southeast-1a, ap-southeast-1b');
    expect(line('quota-on-demand')).toContain('10 workers need 12');
    expect(line('quota-spot')).toContain('10 workers need 28');
    expect(line('ecs-gpu-image')).toContain('ami-0123456789abcdef0');
    expect(line('endpoint-services')).toContain('4 of 4; kinesisvideo has an endpoint here');
    expect(line('subnets')).toContain('default route nat-1');
    expect(line('docker')).toContain('not needed');
    expect(lines.at(-2)).toBe('12 passed, 0 failed, 1 skipped');
  });

  it('names the fix of everything that is missing, all in one run', async () => {
    const account: Account = {
      ...completeAccount(),
      zones: [`${region}a`],
      offerings: { 'g4dn.xlarge': [`${region}a`] },
      quotas: { 'L-DB2E81BA': 0 },
      parameters: {},
      endpointServices: ['logs', 's3'],
    };
    const { exitCode, check } = await checksOf(preflight(account, { NETWORK: 'endpoints' }));
    expect(exitCode).toBe(1);
    expect(check('zones')?.fix).toContain('AWS_REGION');
    expect(check('instance-types')?.fix).toContain('take g4dn.2xlarge out of INSTANCE_TYPES');
    expect(check('quota-on-demand')?.fix).toContain('--quota-code L-DB2E81BA --desired-value 12');
    expect(check('quota-spot')).toMatchObject({ found: 'no quota L-3819A6DF' });
    expect(check('ecs-gpu-image')?.fix).toContain('choose a region');
    expect(check('endpoint-services')).toMatchObject({ fix: expect.stringContaining('set NETWORK=nat') });
    expect(check('endpoint-services')?.found).toContain('kinesisvideo has no endpoint here');
    expect(check('vpc')?.status).toBe('skipped');
  });

  it('looks at the VPC and the subnets that it is given', async () => {
    const account = completeAccount();
    account.vpc.dnsHostnames = false;
    account.subnets = [
      { subnetId: existing.PRIVATE_SUBNET_1, zone: `${region}c`, freeAddresses: 3, route: 'igw-1' },
      { subnetId: existing.PRIVATE_SUBNET_2, zone: `${region}c`, freeAddresses: 200, route: null },
    ];
    account.offerings = { 'g4dn.xlarge': account.zones.slice(0, 2), 'g4dn.2xlarge': account.zones.slice(0, 2) };
    const { check } = await checksOf(preflight(account, existing));
    expect(check('vpc')?.fix).toContain('--enable-dns-hostnames');
    for (const words of [
      'of two zones',
      'offers none of',
      'is public (igw-1)',
      'no way out',
      '3 free addresses, 10 are needed',
    ]) {
      expect(check('subnets')?.fix).toContain(words);
    }
    const other = await checksOf(preflight(account, { ...existing, VPC_ID: 'vpc-0123456789abcdef9' }));
    expect(other.check('vpc')?.found).toBe('there is no vpc-0123456789abcdef9 in this region and account');
  });

  it('needs no way out of the subnets when there are endpoints for everything', async () => {
    const account = completeAccount();
    for (const subnet of account.subnets) subnet.route = null;
    const { exitCode } = await checksOf(preflight(account, { ...existing, NETWORK: 'endpoints' }));
    expect(exitCode).toBe(0);
  });

  it('tells what a role may not ask, and goes on with the rest', async () => {
    const account = { ...completeAccount(), denied: ['GetServiceQuota', 'DescribeInstanceTypeOfferings'] };
    const { check } = await checksOf(preflight(account));
    expect(check('quota-spot')).toMatchObject({
      found: expect.stringContaining('AWS_ACCESS_DENIED'),
      fix: 'allow servicequotas:GetServiceQuota, then try again',
    });
    expect(check('instance-types')?.fix).toContain('ec2:DescribeInstanceTypeOfferings');
    expect(check('ecs-gpu-image')?.status).toBe('passed');
    const nobody = await checksOf(preflight({ ...account, denied: ['GetCallerIdentity'] }));
    expect(nobody.check('credentials')?.fix).toContain('aws sso login');
    expect(nobody.check('account')?.status).toBe('skipped');
  });

  it('says that there are no credentials, and not that they may too little', async () => {
    const nobody = { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '', AWS_EC2_METADATA_DISABLED: 'true' };
    const { check } = await checksOf(preflight(completeAccount(), { ...nobody, HOME: folder.path('.') }));
    expect(check('credentials')).toEqual({
      name: 'credentials',
      status: 'failed',
      found: 'none: neither the environment nor a profile nor a role gives any',
      fix: expect.stringContaining('aws sso login'),
    });
  });

  it('says that the settings are wrong before it asks anybody', async () => {
    const { check } = await checksOf(
      preflight(completeAccount(), { MIN_WORKERS: '5', MAX_WORKERS: '2', AWS_REGION: 'nowhere' }),
    );
    expect(check('settings')?.found).toMatch(/AWS_REGION="nowhere"[\s\S]*MIN_WORKERS=5 is more than MAX_WORKERS=2/);
    expect(check('credentials')).toBeUndefined();
  });

  it('reads .env of the folder, under the environment', async () => {
    await folder.write('.env', 'NETWORK=endpoints\nMAX_WORKERS=100\n');
    const { check } = await checksOf(preflight(completeAccount(), { MAX_WORKERS: '20' }));
    await folder.write('.env', '');
    expect(check('settings')?.found).toContain('network endpoints, 0 to 20 workers');
    expect(check('quota-spot')?.found).toContain('20 workers need 56');
  });
});

describeContract(
  "preflight's questions",
  (target) => {
    it('are answered in the words that preflight expects', async () => {
      process.env.AWS_ACCESS_KEY_ID ??= 'local';
      process.env.AWS_SECRET_ACCESS_KEY ??= 'local';
      const probe = accountProbe({ region: contractRegion, endpoint: target().endpoint });
      const ec2 = new EC2Client(clientOptions(target()));
      try {
        expect((await probe.identity())?.accountId).toMatch(/^\d{12}$/);
        const zones = await probe.zones();
        expect(zones.length).toBeGreaterThan(2);
        const offerings = await probe.offerings(['g4dn.xlarge', 'z9.nothing']);
        expect(zones).toEqual(expect.arrayContaining(offerings.get('g4dn.xlarge') ?? ['none']));
        expect(offerings.get('z9.nothing')).toEqual([]);
        expect(await probe.endpointServices()).toEqual(expect.arrayContaining(['ecr.api', 'logs', 'sts']));
        expect(await probe.parameter('/aws/service/nothing')).toBeNull();

        const { Vpc } = await ec2.send(new CreateVpcCommand({ CidrBlock: '10.0.0.0/16' }));
        const vpcId = Vpc?.VpcId ?? '';
        const { Subnet } = await ec2.send(new CreateSubnetCommand({ VpcId: vpcId, CidrBlock: '10.0.1.0/24' }));
        const subnetId = Subnet?.SubnetId ?? '';
        const { RouteTable } = await ec2.send(new CreateRouteTableCommand({ VpcId: vpcId }));
        await ec2.send(new AssociateRouteTableCommand({ RouteTableId: RouteTable?.RouteTableId, SubnetId: subnetId }));
        expect(await probe.vpc(vpcId)).toMatchObject({ dnsSupport: true });
        expect(await probe.vpc('vpc-0123456789abcdef9')).toBeNull();
        const [found, absent] = await probe.subnets(vpcId, [subnetId, 'subnet-0123456789abcdef9']);
        expect(found).toMatchObject({ subnetId, vpcId, defaultRoute: null });
        expect(found?.freeAddresses).toBeGreaterThan(200);
        expect(absent).toMatchObject({ vpcId: null, zone: null });
      } finally {
        probe.destroy();
        ec2.destroy();
      }
    });
  },
  ['moto'],
);
