/**
 * Where AWS is, as the AWS CLI lets people say it: `--profile`, `--region` and `--endpoint-url`, else the environment
 * (AWS_PROFILE, AWS_REGION or AWS_DEFAULT_REGION, AWS_ENDPOINT_URL), else the profile in the shared config file.
 * Invariant: an option wins over the environment, for every client of the process; the stage `local` is the `npm start`
 * of this machine unless another endpoint is given, and no real key ever signs a call to it.
 */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { KvsInferError } from '../core/errors.ts';
import { localStage, runningLocalStage } from './local-endpoint.ts';

export type AwsOptions = { profile?: string; region?: string; endpointUrl?: string };
export type Connection = { region: string; endpoint?: string };

const group = 'AWS options:';
/** Of an endpoint of one's own that was given without a region: emulators take any. */
const regionOfEndpoints = 'us-east-1';
const keyNames = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN'] as const;

/** @param besides options that the command has itself under the same name. */
export function withAwsOptions(command: Command, besides: readonly string[] = []): Command {
  const options = [
    new Option('--profile <name>', 'profile of the shared config file; or set AWS_PROFILE'),
    new Option('--region <region>', "AWS region; or set AWS_REGION (default: the profile's)"),
    new Option('--endpoint-url <url>', 'another endpoint than AWS; or set AWS_ENDPOINT_URL').argParser(endpointUrl),
  ];
  for (const option of options) {
    if (!besides.includes(option.long ?? '')) command.addOption(option.helpGroup(group));
  }
  return command;
}

/**
 * Puts the options into the environment, where every SDK client of this process finds them.
 * An endpoint that was named wins over those of single services, as in the AWS CLI.
 */
export function applyAwsOptions({ profile, region, endpointUrl: endpoint }: AwsOptions): void {
  if (profile !== undefined) {
    process.env.AWS_PROFILE = profile;
    // Keys of the environment belong to another identity than the one that was asked for.
    for (const name of keyNames) delete process.env[name];
  }
  if (region !== undefined) process.env.AWS_REGION = region;
  if (endpoint !== undefined) {
    for (const name of Object.keys(process.env)) if (/^AWS_ENDPOINT_URL_/.test(name)) delete process.env[name];
    process.env.AWS_ENDPOINT_URL = endpoint;
  }
  // The SDK knows the first alone, the AWS CLI both.
  if (!process.env.AWS_REGION && process.env.AWS_DEFAULT_REGION) {
    process.env.AWS_REGION = process.env.AWS_DEFAULT_REGION;
  }
}

/** @throws KvsInferError REGION_MISSING, LOCAL_STAGE_NOT_RUNNING */
export async function connectionFor(stage: string, options: AwsOptions): Promise<Connection> {
  applyAwsOptions(options);
  const { AWS_ENDPOINT_URL: endpoint } = process.env;
  const isElsewhere = Object.keys(process.env).some((name) => name.startsWith('AWS_ENDPOINT_URL') && process.env[name]);
  if (stage === localStage && !isElsewhere) {
    const running = await runningLocalStage();
    Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local' });
    for (const name of ['AWS_SESSION_TOKEN', 'AWS_PROFILE']) delete process.env[name];
    return { region: running.region, endpoint: running.endpoint };
  }
  const { configuredRegion } = await import('../aws/configured-region.ts');
  const region = await configuredRegion();
  if (region === null && !isElsewhere) {
    const profile = process.env.AWS_PROFILE;
    const words = profile ? `, and the profile "${profile}" has no region or does not exist` : '';
    throw new KvsInferError('REGION_MISSING', `neither a region nor an endpoint is given${words}`, {
      hint: 'give --region, set AWS_REGION, or name a profile that has one; --stage local is the one of npm start',
    });
  }
  return { region: region ?? regionOfEndpoints, ...(endpoint ? { endpoint } : {}) };
}

function endpointUrl(text: string): string {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text;
  throw new InvalidArgumentError('expected a URL such as http://127.0.0.1:4566.');
}
