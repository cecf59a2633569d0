/**
 * Every setting of a deployment, typed and checked as a whole before anything is created (`.env.example` is its text).
 * Invariant: a deployment that could not work stops here, with one message that names every wrong setting and its fix;
 * what passes is complete, so that no stack asks the environment or invents a default.
 */
import * as z from 'zod';
import { fleetPattern, isTimeZone, modelPattern } from '../core/camera.ts';
import { workersPerFleetMax } from '../core/control/policy.ts';
import { KvsInferError } from '../core/errors.ts';
import { s3PrefixPattern } from '../core/names.ts';
import { capacityProblems } from './capacity-problems.ts';
import { gatewayEndpoints, interfaceEndpoints } from './endpoint-services.ts';
import { taskMemoryFor } from './instance-types.ts';

/** What CloudWatch Logs accepts (PutRetentionPolicy), up to two years. */
export const logRetentionDays = [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731] as const;
/** ALARM_EMAIL and friends are optional; an empty value is how a .env file says "not set". */
const regionPattern =
  /^(us|eu|ap|sa|ca|me|af|il|mx)-(north|south|east|west|central|northeast|northwest|southeast|southwest)-\d$/;
const bucketPattern = /^(?!xn--|sthree-)[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/;
const modelsDefault = 'default=models/demo-detector.onnx';

const list = (text: string) =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
const wholeNumber = (low: number, high: number) =>
  z.coerce
    .number(`give a whole number from ${low} to ${high}`)
    .int(`give a whole number from ${low} to ${high}`)
    .min(low, `give a whole number from ${low} to ${high}`)
    .max(high, `give a whole number from ${low} to ${high}`);
const matching = (pattern: RegExp, fix: string) => z.string().regex(pattern, fix);

/** Name, check and meaning of each; a fix is the message of its check. */
const fields = {
  AWS_REGION: matching(regionPattern, 'give a region such as ap-southeast-1'),
  FLEETS: z
    .string()
    .default('default')
    .transform(list)
    .refine(
      (names) =>
        names.length > 0 && names.every((name) => fleetPattern.test(name)) && new Set(names).size === names.length,
      'give different fleet names of a-z 0-9 -, such as default,docks',
    ),
  ECR_REPO_NAME: matching(/^[a-z0-9](?:[a-z0-9._/-]{0,253}[a-z0-9])$/, 'use 2 to 255 of a-z 0-9 . _ / -').optional(),
  IMAGE_URI: matching(
    /@sha256:[0-9a-f]{64}$/,
    'give an image by digest (…@sha256:<64 hex digits>), or leave it out to build one',
  ).optional(),
  ECS_CLUSTER_NAME: matching(/^[A-Za-z0-9_-]{1,255}$/, 'use 1 to 255 of A-Z a-z 0-9 _ -').optional(),
  VPC_ID: matching(/^vpc-[0-9a-f]{8,17}$/, 'give the id of a VPC (vpc-…), or leave it out to create one').optional(),
  PRIVATE_SUBNET_1: matching(/^subnet-[0-9a-f]{8,17}$/, 'give the id of a private subnet (subnet-…)').optional(),
  PRIVATE_SUBNET_2: matching(
    /^subnet-[0-9a-f]{8,17}$/,
    'give the id of a private subnet in another zone (subnet-…)',
  ).optional(),
  NETWORK: z.enum(['nat', 'nat-instance', 'endpoints'], 'choose nat, nat-instance or endpoints').default('nat'),
  ZONES: wholeNumber(2, 4).default(2),
  VPC_ENDPOINTS_PRESENT: z.string().default('').transform(list),
  KVS_STREAM_PREFIX: matching(
    /^[A-Za-z0-9_.-]{1,128}$/,
    'use 1 to 128 of A-Z a-z 0-9 _ . - (the streams that workers may read begin with it)',
  ).default('kvs-infer-'),
  KDS_STREAM_NAME: matching(/^[A-Za-z0-9_.-]{1,128}$/, 'use 1 to 128 of A-Z a-z 0-9 _ . -').optional(),
  S3_BUCKET_NAME: matching(
    bucketPattern,
    'use 3 to 63 of a-z 0-9 -, beginning and ending with a letter or digit',
  ).optional(),
  S3_PREFIX: matching(
    s3PrefixPattern,
    'use parts of A-Z a-z 0-9 . _ - between slashes (pictures are stored as <prefix>/<cameraId>/<date>/)',
  ).default('snapshots'),
  SNAPSHOT_DAYS: wholeNumber(1, 3_650).default(90),
  INSTANCE_TYPES: z.string().default('g4dn.xlarge,g4dn.2xlarge').transform(list),
  FALLBACK_INSTANCE_TYPES: z.string().default('').transform(list),
  MIN_WORKERS: wholeNumber(0, workersPerFleetMax).default(0),
  MAX_WORKERS: wholeNumber(1, workersPerFleetMax).default(10),
  SPOT_PERCENT: wholeNumber(0, 100).default(70),
  ON_DEMAND_BASE: wholeNumber(0, workersPerFleetMax).default(0),
  MAX_USD_PER_DAY: z.coerce.number('give US dollars a day').gt(0, 'give US dollars a day, more than 0').optional(),
  DAY_TIME_ZONE: z.string().refine(isTimeZone, 'give an IANA zone such as Asia/Singapore').default('UTC'),
  TASK_CPU: wholeNumber(1_024, 65_536).default(4_096),
  TASK_MEMORY_MIB: wholeNumber(2_048, 1_048_576).optional(),
  MODEL_MEMORY_MB: wholeNumber(64, 1_000_000).optional(),
  DISK_GIB: wholeNumber(60, 1_000).default(100),
  MODELS: z
    .string()
    .default(modelsDefault)
    .transform((text) => list(text).map((entry) => entry.split('=', 2) as [string, string | undefined]))
    .refine(
      (entries) => entries.every(([name, file]) => modelPattern.test(name) && !!file?.endsWith('.onnx')),
      'give name=file.onnx pairs, such as default=models/yolov8n.onnx',
    )
    .refine((entries) => entries.some(([name]) => name === 'default'), 'one of the models must be named default'),
  LOG_LEVEL: z
    .string()
    .transform((text) => text.toUpperCase())
    .pipe(z.enum(['DEBUG', 'INFO', 'WARN', 'ERROR'], 'choose DEBUG, INFO, WARN or ERROR'))
    .default('INFO'),
  HTTP_PORT: wholeNumber(1_024, 65_535).default(8_080),
  LOG_RETENTION_DAYS: z.coerce
    .number()
    .refine((days) => logRetentionDays.some((known) => known === days), `choose one of ${logRetentionDays.join(', ')}`)
    .default(30),
  ALARM_EMAIL: z.email('give an e-mail address, or leave it out').optional(),
};
export const settingNames = Object.keys(fields) as (keyof typeof fields)[];

export type NetworkMode = 'nat' | 'nat-instance' | 'endpoints';

export type Settings = {
  stage: string;
  isProduction: boolean;
  region: string;
  fleets: string[];
  /** Names that differ from core/names.ts; absent = the predictable one. */
  names: { repository: string; cluster?: string; resultStream?: string; resultBucket?: string };
  /** Absent = the image is built from worker/Dockerfile. */
  imageUri?: string;
  network: {
    mode: NetworkMode;
    zones: number;
    existing: { vpcId: string; privateSubnetIds: string[] } | null;
    /** Services whose endpoints an existing VPC has already, such as `s3`. */
    endpointsPresent: string[];
  };
  kvsStreamPrefix: string;
  snapshots: { prefix: string; days: number };
  capacity: {
    instanceTypes: string[];
    /** Launched on demand when the others are not to be had. */
    fallbackInstanceTypes: string[];
    minWorkers: number;
    maxWorkers: number;
    spotPercent: number;
    onDemandBase: number;
    /** Of each fleet; absent = no limit. */
    usdPerDayMax?: number;
    dayTimeZone: string;
    diskGib: number;
  };
  task: { cpuUnits: number; memoryMib: number; httpPort: number; modelMemoryMb?: number };
  models: { name: string; file: string }[];
  logLevel: string;
  logRetentionDays: number;
  alarmEmail?: string;
};

/** @throws KvsInferError SETTINGS_INVALID with one line per wrong setting. */
export function parseSettings(environment: Readonly<Record<string, string | undefined>>, stage: string): Settings {
  const given = Object.fromEntries(
    settingNames.flatMap((name) => {
      const value = environment[name]?.trim();
      return value === undefined || value === '' ? [] : [[name, value]];
    }),
  );
  const problems: string[] = [];
  if (!/^[a-z0-9](?:[a-z0-9-]{0,18}[a-z0-9])?$/.test(stage)) {
    problems.push(`stage "${stage}": names would be illegal (use 1 to 20 of a-z 0-9 -, such as --stage production)`);
  }
  // Each setting alone first, so that one wrong value does not hide what is wrong with the others taken together.
  const value = {} as { [Name in keyof typeof fields]?: z.output<(typeof fields)[Name]> };
  for (const name of settingNames) {
    const parsed = fields[name].safeParse(given[name]);
    if (parsed.success) Object.assign(value, { [name]: parsed.data });
    else {
      const fix = parsed.error.issues.map((issue) => issue.message).join('; ');
      problems.push(
        given[name] === undefined ? `${name} is not set (${regionHint(name)})` : `${name}="${given[name]}": ${fix}`,
      );
    }
  }
  problems.push(...networkProblems(value, given), ...capacityProblems(value));
  if (problems.length > 0) {
    throw new KvsInferError(
      'SETTINGS_INVALID',
      `${problems.length} wrong setting${problems.length === 1 ? '' : 's'}:\n  ${problems.join('\n  ')}`,
      {
        hint: 'correct them in .env or the environment (.env.example explains each); nothing was created',
      },
    );
  }
  return settled(value as Required<typeof value>, stage);
}

function regionHint(name: string): string {
  return name === 'AWS_REGION' ? 'give a region such as ap-southeast-1' : 'see .env.example';
}

type Values = { [Name in keyof typeof fields]?: z.output<(typeof fields)[Name]> };

function networkProblems(value: Values, given: Record<string, string>): string[] {
  const problems: string[] = [];
  const subnets = ['PRIVATE_SUBNET_1', 'PRIVATE_SUBNET_2'].filter((name) => given[name] !== undefined);
  if (given.VPC_ID !== undefined && subnets.length < 2) {
    problems.push(
      'VPC_ID without both private subnets (set PRIVATE_SUBNET_1 and PRIVATE_SUBNET_2, or remove VPC_ID to create a VPC)',
    );
  }
  if (given.VPC_ID === undefined && subnets.length > 0) {
    problems.push(`${subnets.join(' and ')} without VPC_ID (set VPC_ID, or remove them to create a VPC)`);
  }
  if (value.PRIVATE_SUBNET_1 !== undefined && value.PRIVATE_SUBNET_1 === value.PRIVATE_SUBNET_2) {
    problems.push('PRIVATE_SUBNET_1 and PRIVATE_SUBNET_2 are the same subnet (give subnets of two zones)');
  }
  const present = value.VPC_ENDPOINTS_PRESENT ?? [];
  const known = [...interfaceEndpoints('endpoints'), ...gatewayEndpoints];
  const unknown = present.filter((service) => !known.includes(service));
  if (unknown.length > 0) {
    problems.push(`VPC_ENDPOINTS_PRESENT: nothing here uses ${unknown.join(', ')} (choose of ${known.join(', ')})`);
  }
  if (present.length > 0 && given.VPC_ID === undefined) {
    problems.push('VPC_ENDPOINTS_PRESENT without VPC_ID (a new VPC has no endpoints yet: remove it)');
  }
  return problems;
}

function settled(value: Required<Values>, stage: string): Settings {
  const { VPC_ID: vpcId, PRIVATE_SUBNET_1: first, PRIVATE_SUBNET_2: second } = value as Values;
  const optional = value as Values;
  return {
    stage,
    isProduction: stage === 'production',
    region: value.AWS_REGION,
    fleets: value.FLEETS,
    names: {
      repository: optional.ECR_REPO_NAME ?? `kvs-infer-${stage}`,
      ...(optional.ECS_CLUSTER_NAME === undefined ? {} : { cluster: optional.ECS_CLUSTER_NAME }),
      ...(optional.KDS_STREAM_NAME === undefined ? {} : { resultStream: optional.KDS_STREAM_NAME }),
      ...(optional.S3_BUCKET_NAME === undefined ? {} : { resultBucket: optional.S3_BUCKET_NAME }),
    },
    ...(optional.IMAGE_URI === undefined ? {} : { imageUri: optional.IMAGE_URI }),
    network: {
      mode: value.NETWORK,
      zones: value.ZONES,
      endpointsPresent: value.VPC_ENDPOINTS_PRESENT,
      existing:
        vpcId === undefined || first === undefined || second === undefined
          ? null
          : { vpcId, privateSubnetIds: [first, second] },
    },
    kvsStreamPrefix: value.KVS_STREAM_PREFIX,
    snapshots: { prefix: value.S3_PREFIX, days: value.SNAPSHOT_DAYS },
    capacity: {
      instanceTypes: value.INSTANCE_TYPES,
      fallbackInstanceTypes: value.FALLBACK_INSTANCE_TYPES,
      minWorkers: value.MIN_WORKERS,
      maxWorkers: value.MAX_WORKERS,
      spotPercent: value.SPOT_PERCENT,
      onDemandBase: value.ON_DEMAND_BASE,
      ...(optional.MAX_USD_PER_DAY === undefined ? {} : { usdPerDayMax: optional.MAX_USD_PER_DAY }),
      dayTimeZone: value.DAY_TIME_ZONE,
      diskGib: value.DISK_GIB,
    },
    task: {
      cpuUnits: value.TASK_CPU,
      memoryMib: optional.TASK_MEMORY_MIB ?? taskMemoryFor([...value.INSTANCE_TYPES, ...value.FALLBACK_INSTANCE_TYPES]),
      httpPort: value.HTTP_PORT,
      ...(optional.MODEL_MEMORY_MB === undefined ? {} : { modelMemoryMb: optional.MODEL_MEMORY_MB }),
    },
    models: value.MODELS.map(([name, file]) => ({ name, file: file ?? '' })),
    logLevel: value.LOG_LEVEL,
    logRetentionDays: value.LOG_RETENTION_DAYS,
    ...(optional.ALARM_EMAIL === undefined ? {} : { alarmEmail: optional.ALARM_EMAIL }),
  };
}
