/** The deployments that are tested: both kinds of stage, every network mode in a new and an existing VPC, chosen names. */
import type { Scenario } from '../../stacks/synthesis/scenario.ts';

const region = { AWS_REGION: 'ap-southeast-1' };
const existing = {
  VPC_ID: 'vpc-0123456789abcdef0',
  PRIVATE_SUBNET_1: 'subnet-00000000000000001',
  PRIVATE_SUBNET_2: 'subnet-00000000000000009',
};

export const scenarios = {
  test: { stage: 'test', settings: region },
  production: { stage: 'production', settings: { ...region, ALARM_EMAIL: 'ops@example.com' } },
  natInstance: { stage: 'test', settings: { ...region, NETWORK: 'nat-instance' } },
  endpoints: { stage: 'test', settings: { ...region, NETWORK: 'endpoints' } },
  existingNat: { stage: 'test', settings: { ...region, ...existing } },
  existingEndpoints: {
    stage: 'test',
    settings: { ...region, ...existing, NETWORK: 'endpoints', VPC_ENDPOINTS_PRESENT: 's3,logs' },
  },
  chosen: {
    stage: 'production',
    settings: {
      AWS_REGION: 'eu-west-1',
      FLEETS: 'default,docks',
      ECR_REPO_NAME: 'team/detector',
      ECS_CLUSTER_NAME: 'shared-cluster',
      KDS_STREAM_NAME: 'detections',
      S3_BUCKET_NAME: 'team-snapshots',
      S3_PREFIX: 'pictures/eu',
      KVS_STREAM_PREFIX: 'cam-',
      IMAGE_URI: `123456789012.dkr.ecr.eu-west-1.amazonaws.com/detector@sha256:${'a'.repeat(64)}`,
      INSTANCE_TYPES: 'g5.xlarge,g6.2xlarge',
      FALLBACK_INSTANCE_TYPES: 'g4dn.2xlarge',
      MAX_USD_PER_DAY: '120.5',
      DAY_TIME_ZONE: 'Europe/Dublin',
      SPOT_PERCENT: '0',
      ON_DEMAND_BASE: '1',
      MIN_WORKERS: '1',
      MAX_WORKERS: '4',
      LOG_LEVEL: 'debug',
      MODEL_MEMORY_MB: '12000',
      LOG_RETENTION_DAYS: '90',
      HTTP_PORT: '9090',
      SNAPSHOT_DAYS: '7',
    },
  },
  subnetsInOneZone: {
    stage: 'test',
    settings: { ...region, ...existing, PRIVATE_SUBNET_2: 'subnet-00000000000000002' },
  },
  wrongSettings: { stage: 'test', settings: { AWS_REGION: 'nowhere', MIN_WORKERS: '5', MAX_WORKERS: '2' } },
  absentModel: { stage: 'test', settings: { ...region, MODELS: 'default=absent/model.onnx' } },
} as const satisfies Record<string, Scenario>;

export type ScenarioName = keyof typeof scenarios;
