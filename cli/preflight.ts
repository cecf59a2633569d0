/**
 * `kvs-infer preflight`: whether this machine, this account and this region can carry the deployment, before anything is
 * created. Contract: one line per check with the value found, the fix under each failure; exit code 1 when any failed;
 * `--json` prints `{ passed, checks: [{ name, status, found, fix? }] }`.
 */
import type { Command } from 'commander';
import type { AccountProbe } from '../aws/preflight.ts';
import { formatError, KvsInferError } from '../core/errors.ts';
import { interfaceEndpoints } from '../stacks/endpoint-services.ts';
import { ecsGpuImageParameter } from '../stacks/instance-types.ts';
import type { Settings } from '../stacks/settings.ts';
import { type AwsOptions, applyAwsOptions, withAwsOptions } from './aws-options.ts';
import { checkLines } from './check-lines.ts';
import { deploymentSettings } from './deployment-settings.ts';
import { dockerCheck, nodeCheck, npmCheck } from './local-tools.ts';
import {
  type Check,
  endpointServicesCheck,
  failed,
  imageParameterCheck,
  instanceTypesCheck,
  passed,
  quotaCheck,
  skipped,
  subnetsCheck,
  vpcCheck,
  zonesCheck,
} from './preflight-checks.ts';
import { StepProgress } from './step-progress.ts';

const credentialsFix =
  'log in (aws sso login, aws configure, or AWS_PROFILE), and let the role call sts:GetCallerIdentity';

export function preflightCommand(program: Command): void {
  const command = program
    .command('preflight')
    .description('check tools, credentials, region, quotas and network before a deployment')
    .option(
      '--stage <stage>',
      'stage that will be deployed; or set KVS_INFER_STAGE',
      process.env.KVS_INFER_STAGE ?? 'production',
    )
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      '\nSettings come from .env and the environment, as in "sst deploy".\n\nExample:\n  $ kvs-infer preflight --stage test',
    )
    .action(async (options: AwsOptions & { stage: string; json?: true }) => {
      applyAwsOptions(options);
      const checks = await preflight(options.stage);
      const isPassed = checks.every((check) => check.status !== 'failed');
      console.log(options.json ? JSON.stringify({ passed: isPassed, checks }, null, 2) : checkLines(checks));
      if (!isPassed) process.exitCode = 1;
    });
  withAwsOptions(command);
}

async function preflight(stage: string): Promise<Check[]> {
  const tools = [nodeCheck(process.versions.node), await npmCheck()];
  let settings: Settings;
  try {
    settings = deploymentSettings(stage);
  } catch (error) {
    if (!(error instanceof KvsInferError)) throw error;
    return [
      ...tools,
      failed('settings', error.message, error.hint),
      skipped('account', 'not asked: the settings are wrong'),
    ];
  }
  const { region, capacity, network } = settings;
  const { instanceTypes, minWorkers, maxWorkers, spotPercent } = capacity;
  const summary = `stage ${stage}, ${region}, network ${network.mode}, ${minWorkers} to ${maxWorkers} workers of ${instanceTypes.join(', ')}, ${spotPercent} % Spot`;
  const local = [...tools, await dockerCheck(settings.imageUri), passed('settings', summary)];
  const { accountProbe } = await import('../aws/preflight.ts');
  const probe = accountProbe({ region });
  const progress = new StepProgress(1);
  progress.begin(`account and region ${region} are asked`);
  try {
    return [...local, ...(await accountChecks(probe, settings))];
  } finally {
    progress.stop();
    probe.destroy();
  }
}

async function accountChecks(probe: AccountProbe, settings: Settings): Promise<Check[]> {
  const { network, capacity } = settings;
  const credentials = await asked('credentials', credentialsFix, async () => {
    const identity = await probe.identity();
    return identity === null
      ? failed('credentials', 'none: neither the environment nor a profile nor a role gives any', credentialsFix)
      : passed('credentials', `account ${identity.accountId}, ${identity.arn}`);
  });
  if (credentials.status === 'failed') return [credentials, skipped('account', 'not asked: no credentials')];
  const wanted = interfaceEndpoints(network.mode).filter((service) => !network.endpointsPresent.includes(service));
  const allow = (action: string) => `allow ${action}, then try again`;
  // One question each, so that one refused call does not hide the others.
  const offerings = probe.offerings(capacity.instanceTypes);
  offerings.catch(() => {});
  const existing = network.existing;
  return [
    credentials,
    ...(await Promise.all([
      asked('zones', allow('ec2:DescribeAvailabilityZones'), async () => zonesCheck(settings, await probe.zones())),
      asked('instance-types', allow('ec2:DescribeInstanceTypeOfferings'), async () =>
        instanceTypesCheck(settings, await offerings),
      ),
      ...(['onDemand', 'spot'] as const).map((kind) =>
        asked(kind === 'spot' ? 'quota-spot' : 'quota-on-demand', allow('servicequotas:GetServiceQuota'), async () =>
          quotaCheck(kind, settings, await probe.quotaVcpus(kind)),
        ),
      ),
      asked('ecs-gpu-image', allow('ssm:GetParameter'), async () =>
        imageParameterCheck(ecsGpuImageParameter, await probe.parameter(ecsGpuImageParameter)),
      ),
      asked('endpoint-services', allow('ec2:DescribeVpcEndpointServices'), async () =>
        endpointServicesCheck(settings, wanted, await probe.endpointServices()),
      ),
      existing === null
        ? skipped('vpc', 'a new one is created')
        : asked('vpc', allow('ec2:DescribeVpcAttribute'), async () =>
            vpcCheck(existing.vpcId, await probe.vpc(existing.vpcId)),
          ),
      existing === null
        ? skipped('subnets', 'new ones are created')
        : asked('subnets', allow('ec2:DescribeSubnets and ec2:DescribeRouteTables'), async () =>
            subnetsCheck(settings, await probe.subnets(existing.vpcId, existing.privateSubnetIds), await offerings),
          ),
    ])),
  ];
}

/** A question that could not be asked is a failed check of its own, with the error as what was found. */
async function asked(name: string, fix: string, ask: () => Promise<Check>): Promise<Check> {
  try {
    return await ask();
  } catch (error) {
    return failed(name, formatError(error).replace(/^kvs-infer: /, ''), fix);
  }
}
